/* static_files.c - see static_files.h. */
#include "static_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "file_response.h"
#include "http1.h"
#include "respond.h"
#include "static_listing.h"
#include "static_page.h"
#include "static_search.h"
#include "status_page.h"

static struct static_files *static_files_of(struct pyrs_endpoint *endpoint)
{
    return (struct static_files *)(void *)endpoint;
}

/* ---- from what the loop holds ---- */

static int64_t now_ms(const struct service *service)
{
    return (int64_t)loop_now_ms(&service->loop);
}

/* With nothing to choose from nothing is negotiated, so identity is never refused. */
static enum content_coding choose(const struct pyrs_exchange *exchange,
                                  unsigned codings)
{
    if (codings == 1u << CODING_IDENTITY)
        return CODING_IDENTITY;
    return accept_encoding_choose(&exchange->head, exchange->bytes, codings);
}

static struct stored_file *find_stored(struct pyrs_exchange *exchange,
                                       const struct file_key *key)
{
    struct service *service = http1_service(exchange->http1);
    int64_t now = now_ms(service);
    struct cached_file *entry = file_cache_find(&service->files, key, now);
    enum content_coding coding =
        entry ? choose(exchange, entry->codings) : CODING_COUNT;

    return coding < CODING_COUNT ? file_cache_stored(entry, coding, now) : NULL;
}

static bool answer_at_once(struct pyrs_endpoint *endpoint,
                           struct pyrs_exchange *exchange)
{
    struct file_key key = static_search_key(static_files_of(endpoint), exchange);
    struct stored_file *stored = find_stored(exchange, &key);

    if (stored)
        file_response_send_stored(exchange, stored);
    return stored != NULL;
}

/* ---- header lines ---- */

/* Cache-Control is bounded where it is set; the others are some 200 bytes. */
enum { LINES_BYTES_MAX = CACHE_CONTROL_BYTES_MAX + 300 };

static size_t write_lines(const struct static_files *files,
                          const struct file_found *found, char lines[LINES_BYTES_MAX])
{
    slice coding = coding_name(found->coding);
    int length = snprintf(lines, LINES_BYTES_MAX, "%s", files->fields);

    if (found->codings != 1u << CODING_IDENTITY)
        length += snprintf(lines + length, LINES_BYTES_MAX - (size_t)length,
                           "Vary: Accept-Encoding\r\n");
    if (coding.length > 0)
        length += snprintf(lines + length, LINES_BYTES_MAX - (size_t)length,
                           "Content-Encoding: %s\r\n", coding.bytes);
    return (size_t)length;
}

static slice name_of(const struct static_path *path)
{
    const char *slash = strrchr(path->text, '/');
    const char *name = slash ? slash + 1 : path->text;

    return slice_of_text(name);
}

/* ---- files that were opened ---- */

/* The loop is another thread's, or the file cannot be held ready. */
static void answer_unstored(const struct static_search *search,
                            const struct file_found *found,
                            const struct stored_file_head *head)
{
    struct pyrs_file file = {.descriptor = found->descriptor};

    pyrs_exchange_respond(
        search->exchange,
        &(struct pyrs_response){
            .status = 200,
            .content_type = {head->content_type.bytes, head->content_type.length},
            .fields = {head->lines.bytes, head->lines.length},
            .file = &file,
        });
}

/* True if what the loop holds is of this file still. */
static bool answer_confirmed(const struct static_search *search,
                             const struct file_found *found, struct service *service)
{
    struct stored_file *stored =
        file_cache_confirm(&service->files, &search->key, found, now_ms(service));

    if (!stored)
        return false;
    close(found->descriptor);
    file_response_send_stored(search->exchange, stored);
    return true;
}

/* `stored` was just made; it and the descriptor belong to the loop now. */
static void answer_stored(const struct static_search *search,
                          const struct file_found *found, struct stored_file *stored,
                          struct service *service)
{
    if (!file_cache_put(&service->files, &search->key, found, stored,
                        now_ms(service))) {
        status_page_write(search->exchange, 503);
        return;
    }
    service->loop.ticks_wanted |= service->files.descriptors > 0;
    file_response_send_stored(search->exchange, stored);
}

static void answer_found(const struct static_search *search,
                         const struct file_found *found)
{
    struct pyrs_exchange *exchange = search->exchange;
    struct service *service = http1_service(exchange->http1);
    struct stored_file *stored = NULL;
    char lines[LINES_BYTES_MAX];
    struct stored_file_head head = {
        .content_type = media_types_find(&search->files->types, name_of(&search->path)),
        .lines = slice_of(lines, write_lines(search->files, found, lines)),
        .now = time(NULL),
    };

    if (respond_hold_loop(exchange)) {
        bool answered = answer_confirmed(search, found, service);

        respond_let_go(exchange, answered);
        if (answered)
            return;
        stored = stored_file_new(found->descriptor, &found->facts, &head);
    }
    if (!stored) {
        answer_unstored(search, found, &head);
    } else if (respond_hold_loop(exchange)) {
        answer_stored(search, found, stored, service);
        respond_let_go(exchange, true);
    } else {
        stored_file_free(stored, NULL);
        answer_unstored(search, found, &head);
    }
}

/* One of those that were opened is answered with, the others are closed. */
static void answer_with_one_of(struct static_search *search, struct file_found *found,
                               unsigned codings)
{
    enum content_coding chosen = choose(search->exchange, codings);

    for (enum content_coding coding = 0; coding < CODING_COUNT; coding++)
        if (codings & 1u << coding && coding != chosen)
            close(found[coding].descriptor);
    if (chosen == CODING_COUNT) {
        static_page_answer(search->exchange, 406, SLICE("Vary: Accept-Encoding\r\n"));
        return;
    }
    found[chosen].coding = chosen;
    found[chosen].codings = codings;
    answer_found(search, &found[chosen]);
}

/* ---- the whole ---- */

static void answer_not_opened(struct static_search *search, int code)
{
    bool is_folder = search->key.is_folder;

    if (code == EISDIR && !is_folder)
        static_page_answer_slash(search->exchange);
    else if (is_folder && search->files->listing && (code == ENOENT || code == EISDIR))
        static_listing_answer(search);
    else
        static_page_answer_failure(search->exchange, code == EISDIR ? ENOENT : code);
}

static void answer_anew(struct static_search *search)
{
    struct file_found found[CODING_COUNT];
    struct file_found *plain = &found[CODING_IDENTITY];
    unsigned codings = 1u << CODING_IDENTITY;

    if (!static_path_read(&search->path, search->key.path)) {
        static_page_answer_status(search->exchange, 404);
        return;
    }
    if (search->key.is_folder && !static_search_append_index(search)) {
        answer_not_opened(search, ENOENT);
        return;
    }
    plain->descriptor = static_search_open(search, &plain->facts);
    if (plain->descriptor < 0) {
        answer_not_opened(search, -plain->descriptor);
        return;
    }
    if (search->files->precompressed)
        codings = static_search_open_siblings(search, found);
    answer_with_one_of(search, found, codings);
}

static void answer(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    const struct static_files *files = static_files_of(endpoint);

    answer_anew(&(struct static_search){.files = files,
                                        .exchange = exchange,
                                        .key = static_search_key(files, exchange)});
}

/* ---- life ---- */

static void free_static_files(struct pyrs_endpoint *endpoint)
{
    struct static_files *files = static_files_of(endpoint);

    folder_fini(&files->folder);
    media_types_fini(&files->types);
    free(files->index);
    free(files->fields);
    free(files);
}

static char *write_fields(const struct pyrs_static_options *options)
{
    const char *value = options->cache_control;
    char *fields = NULL;

    if (!value || !*value)
        return strdup("");
    return asprintf(&fields, "Cache-Control: %s\r\n", value) < 0 ? NULL : fields;
}

static bool copy_options(struct static_files *files,
                         const struct pyrs_static_options *options)
{
    files->listing = options->listing;
    files->precompressed = options->precompressed;
    files->fields = write_fields(options);
    if (options->index && *options->index) {
        files->index = strdup(options->index);
        if (!files->index)
            return false;
    }
    return files->fields && media_types_init(&files->types, options->media_types,
                                             options->media_type_count);
}

static bool options_are_valid(const struct pyrs_static_options *options,
                              struct pyrs_error *error)
{
    const char *index = options->index ? options->index : "";
    const char *control = options->cache_control ? options->cache_control : "";

    if (strchr(index, '/') || strlen(index) > STATIC_NAME_BYTES_MAX)
        return error_set(error, 0, "index: \"%s\" is not the name of a file", index);
    if (strlen(control) > CACHE_CONTROL_BYTES_MAX ||
        !pyrs_field_is_valid(PYRS_TEXT("Cache-Control"),
                             (struct pyrs_slice){control, strlen(control)}))
        return error_set(error, 0, "cache_control: \"%s\" cannot stand in a header",
                         control);
    return true;
}

struct pyrs_endpoint *pyrs_endpoint_static(const char *folder,
                                           const struct pyrs_static_options *options,
                                           struct pyrs_error *error)
{
    static const struct endpoint_class CLASS = {
        .answer = answer, .answer_at_once = answer_at_once, .free = free_static_files};
    static const struct pyrs_static_options NONE;
    struct static_files *files;

    options = options ? options : &NONE;
    if (!options_are_valid(options, error))
        return NULL;
    files = calloc(1, sizeof *files);
    if (!files) {
        error_set(error, ENOMEM, "out of memory");
        return NULL;
    }
    files->endpoint.class = &CLASS;
    if (!folder_init(&files->folder, folder, options->follow_symlinks, options->walk,
                     error)) {
        free(files);
        return NULL;
    }
    if (!copy_options(files, options)) {
        error_set(error, ENOMEM, "out of memory");
        free_static_files(&files->endpoint);
        return NULL;
    }
    return &files->endpoint;
}
