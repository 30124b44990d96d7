/* static_files.c - see static_files.h. */
#include "static_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../net/file_state.h"
#include "error.h"
#include "file_response.h"
#include "http1.h"
#include "listing.h"
#include "respond.h"
#include "static_path.h"
#include "status_page.h"

static struct static_files *static_files_of(struct pyrs_endpoint *endpoint)
{
    return (struct static_files *)(void *)endpoint;
}

/* ---- what is no file ---- */

static void answer_page(struct pyrs_exchange *exchange, uint16_t status, slice fields)
{
    char page[STATUS_PAGE_BYTES_MAX];

    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = status,
                                        .content_type = PYRS_TEXT(STATUS_PAGE_TYPE),
                                        .fields = {fields.bytes, fields.length},
                                        .body = {page, status_page_text(status, page)},
                                    });
}

static void answer_status(struct pyrs_exchange *exchange, uint16_t status)
{
    answer_page(exchange, status, slice_of(NULL, 0));
}

static uint16_t status_of_failure(int code)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case EINVAL: /* a name that the file system cannot have */
    case EILSEQ:
    case ENXIO: /* a socket, or a device that is not there */
    case ENODEV:
        return 404;
    case EACCES:
    case EPERM:
        return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return 503;
    default:
        return 500;
    }
}

static void answer_failure(struct pyrs_exchange *exchange, int code)
{
    uint16_t status = status_of_failure(code);
    char text[160];
    int length;

    if (status >= 500) {
        length =
            snprintf(text, sizeof text, "cannot open the file: %s", strerror(code));
        pyrs_exchange_log(exchange, PYRS_LOG_ERROR,
                          (struct pyrs_slice){text, (size_t)length});
    }
    answer_status(exchange, status);
}

/* To the same path with a slash: only from there do the page's links lead where they
 * should. */
static void answer_with_slash(struct pyrs_exchange *exchange)
{
    static const char NAME[] = "Location: ";
    struct pyrs_slice query = pyrs_exchange_query(exchange);
    size_t room = sizeof NAME + 3 * exchange->path.length + query.length + 4;
    char *fields = malloc(room);
    char *end;

    if (!fields) {
        answer_status(exchange, 503);
        return;
    }
    end = (char *)memcpy(fields, NAME, sizeof NAME - 1) + sizeof NAME - 1;
    end = static_path_encode(exchange->path, end);
    *end++ = '/';
    if (query.length > 0) {
        *end++ = '?';
        end = (char *)memcpy(end, query.bytes, query.length) + query.length;
    }
    end = (char *)memcpy(end, "\r\n", 2) + 2;
    answer_page(exchange, 301, slice_of(fields, (size_t)(end - fields)));
    free(fields);
}

/* ---- what is asked for ---- */

/* One request, on its way to a file. */
struct search {
    const struct static_files *files;
    struct pyrs_exchange *exchange;
    struct file_key key;
    struct static_path path;
};

static struct file_key key_of(const struct static_files *files,
                              const struct pyrs_exchange *exchange)
{
    slice whole = exchange->path;

    return (struct file_key){
        .owner = files,
        .path = span_in(whole.bytes, exchange->match.rest),
        .is_folder = whole.bytes[whole.length - 1] == '/',
    };
}

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

/* ---- from what the loop holds ---- */

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
    struct file_key key = key_of(static_files_of(endpoint), exchange);
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
    struct file_state state = file_state_of(&found->facts);
    slice coding = coding_name(found->coding);
    char tag[ENTITY_TAG_BYTES_MAX];
    int length = snprintf(lines, LINES_BYTES_MAX, "%s", files->fields);

    if (found->codings != 1u << CODING_IDENTITY)
        length += snprintf(lines + length, LINES_BYTES_MAX - (size_t)length,
                           "Vary: Accept-Encoding\r\n");
    if (coding.length > 0) /* the same file elsewhere has another tag */
        length += snprintf(lines + length, LINES_BYTES_MAX - (size_t)length,
                           "Content-Encoding: %s\r\nETag: %.*s\r\n", coding.bytes,
                           (int)entity_tag_write(&state, coding, tag), tag);
    return (size_t)length;
}

static slice name_of(const struct static_path *path)
{
    const char *slash = strrchr(path->text, '/');
    const char *name = slash ? slash + 1 : path->text;

    return slice_of(name, strlen(name));
}

/* ---- files that were opened ---- */

/* The loop is another thread's, or the file cannot be held ready. */
static void answer_unstored(const struct search *search, const struct file_found *found,
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
static bool answer_confirmed(const struct search *search,
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
static void answer_stored(const struct search *search, const struct file_found *found,
                          struct stored_file *stored, struct service *service)
{
    if (!file_cache_put(&service->files, &search->key, found, stored,
                        now_ms(service))) {
        status_page_write(search->exchange, 503);
        return;
    }
    service->loop.ticks_wanted |= service->files.descriptors > 0;
    file_response_send_stored(search->exchange, stored);
}

static void answer_found(const struct search *search, const struct file_found *found)
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

/* ---- opening ---- */

static const char *const EXTENSIONS[CODING_IDENTITY] = {
    [CODING_BR] = ".br", [CODING_ZSTD] = ".zst", [CODING_GZIP] = ".gz"};

/* A descriptor of a regular file with its facts, or a negative errno: -EISDIR, -ENXIO
 * of what else there is. */
static int open_file(const struct search *search, struct stat *facts)
{
    int descriptor = folder_open(&search->files->folder, search->path.text);

    if (descriptor < 0)
        return descriptor;
    if (fstat(descriptor, facts) != 0) /* only of a file system that is broken */
        facts->st_mode = 0;
    if (S_ISREG(facts->st_mode))
        return descriptor;
    close(descriptor);
    return S_ISDIR(facts->st_mode) ? -EISDIR : -ENXIO;
}

static bool is_older(const struct stat *a, const struct stat *b)
{
    if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
        return a->st_mtim.tv_sec < b->st_mtim.tv_sec;
    return a->st_mtim.tv_nsec < b->st_mtim.tv_nsec;
}

/* Siblings of found[CODING_IDENTITY]; one that is older is of something else. Gives
 * which there are, itself included. */
static unsigned open_siblings(struct search *search, struct file_found *found)
{
    char *end = search->path.text + strlen(search->path.text);
    unsigned codings = 1u << CODING_IDENTITY;

    for (enum content_coding coding = 0; coding < CODING_IDENTITY; coding++) {
        struct file_found *sibling = &found[coding];

        strcpy(end, EXTENSIONS[coding]);
        sibling->descriptor = open_file(search, &sibling->facts);
        if (sibling->descriptor < 0)
            continue;
        if (is_older(&sibling->facts, &found[CODING_IDENTITY].facts))
            close(sibling->descriptor);
        else
            codings |= 1u << coding;
    }
    *end = '\0';
    return codings;
}

/* One of those that were opened is answered with, the others are closed. */
static void answer_with_one_of(struct search *search, struct file_found *found,
                               unsigned codings)
{
    enum content_coding chosen = choose(search->exchange, codings);

    for (enum content_coding coding = 0; coding < CODING_COUNT; coding++)
        if (codings & 1u << coding && coding != chosen)
            close(found[coding].descriptor);
    if (chosen == CODING_COUNT) {
        answer_page(search->exchange, 406, SLICE("Vary: Accept-Encoding\r\n"));
        return;
    }
    found[chosen].coding = chosen;
    found[chosen].codings = codings;
    answer_found(search, &found[chosen]);
}

/* ---- folders ---- */

/* The index of a folder in the place of the folder; false if it has none. */
static bool append_index(struct search *search)
{
    struct static_path *path = &search->path;
    char *end = path->text + path->length;

    if (!search->files->index)
        return false;
    if (path->length > 0)
        *end++ = '/';
    strcpy(end, search->files->index);
    return true;
}

/* Of the listing: what a link in the folder leads to. */
static bool follow_link(void *context, const char *name, struct stat *facts)
{
    struct search *search = context;
    struct static_path *path = &search->path;
    char *end = path->text + path->length;
    int descriptor;
    bool found;

    if (strlen(name) + 2 > STATIC_SUFFIX_BYTES_MAX)
        return false;
    if (path->length > 0)
        *end++ = '/';
    strcpy(end, name);
    descriptor = folder_open(&search->files->folder, path->text);
    path->text[path->length] = '\0';
    if (descriptor < 0)
        return false;
    found = fstat(descriptor, facts) == 0;
    close(descriptor);
    return found;
}

static void answer_listing(struct search *search)
{
    struct pyrs_exchange *exchange = search->exchange;
    struct pyrs_slice query = pyrs_exchange_query(exchange);
    struct listing listing = {
        .path = exchange->path,
        .root_length = exchange->path.length - search->key.path.length,
        .query = slice_of(query.bytes, query.length),
        .entries_max = LISTING_ENTRIES_MAX,
        .follow = follow_link,
        .context = search,
    };
    slice fields = listing_fields();
    size_t length;
    char *page;

    search->path.text[search->path.length] = '\0';
    listing.folder = folder_open(&search->files->folder, search->path.text);
    if (listing.folder < 0) {
        answer_failure(exchange, -listing.folder);
        return;
    }
    page = listing_write(&listing, &length);
    if (!page) {
        answer_failure(exchange, errno);
        return;
    }
    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = 200,
                                        .content_type = PYRS_TEXT(LISTING_TYPE),
                                        .fields = {fields.bytes, fields.length},
                                        .body = {page, length},
                                        .release = free,
                                        .owner = page,
                                    });
}

/* ---- the whole ---- */

static void answer_not_opened(struct search *search, int code)
{
    bool is_folder = search->key.is_folder;

    if (code == EISDIR && !is_folder)
        answer_with_slash(search->exchange);
    else if (is_folder && search->files->listing && (code == ENOENT || code == EISDIR))
        answer_listing(search);
    else
        answer_failure(search->exchange, code == EISDIR ? ENOENT : code);
}

static void answer_anew(struct search *search)
{
    struct file_found found[CODING_COUNT];
    struct file_found *plain = &found[CODING_IDENTITY];
    unsigned codings = 1u << CODING_IDENTITY;

    if (!static_path_read(&search->path, search->key.path)) {
        answer_status(search->exchange, 404);
        return;
    }
    if (search->key.is_folder && !append_index(search)) {
        answer_not_opened(search, ENOENT);
        return;
    }
    plain->descriptor = open_file(search, &plain->facts);
    if (plain->descriptor < 0) {
        answer_not_opened(search, -plain->descriptor);
        return;
    }
    if (search->files->precompressed)
        codings = open_siblings(search, found);
    answer_with_one_of(search, found, codings);
}

static void answer(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    const struct static_files *files = static_files_of(endpoint);

    answer_anew(&(struct search){
        .files = files, .exchange = exchange, .key = key_of(files, exchange)});
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

    if (strchr(index, '/') || strlen(index) >= STATIC_SUFFIX_BYTES_MAX)
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
    static const struct endpoint_class CLASS = {.name = "static",
                                                .answer = answer,
                                                .answer_at_once = answer_at_once,
                                                .free = free_static_files};
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
