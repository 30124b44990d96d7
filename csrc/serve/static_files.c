/* static_files.c - see static_files.h. */
#include "static_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "exchange.h"
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

/* ---- files ---- */

static slice name_of(const struct static_path *path)
{
    const char *slash = strrchr(path->text, '/');
    const char *name = slash ? slash + 1 : path->text;

    return slice_of(name, strlen(name));
}

static void answer_file(const struct static_files *files,
                        struct pyrs_exchange *exchange, const struct static_path *path,
                        int descriptor)
{
    slice type = media_types_find(&files->types, name_of(path));
    struct pyrs_file file = {.descriptor = descriptor};

    pyrs_exchange_respond(exchange,
                          &(struct pyrs_response){
                              .status = 200,
                              .content_type = {type.bytes, type.length},
                              .fields = {files->fields, strlen(files->fields)},
                              .file = &file,
                          });
}

static void answer_opened(const struct static_files *files,
                          struct pyrs_exchange *exchange,
                          const struct static_path *path, int descriptor)
{
    struct stat facts = {0};

    if (fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode)) {
        answer_file(files, exchange, path, descriptor);
        return;
    }
    close(descriptor);
    if (S_ISDIR(facts.st_mode) && !path->is_folder)
        answer_with_slash(exchange);
    else
        answer_status(exchange, 404);
}

/* The index of a folder in the place of the folder. */
static bool append_index(const struct static_files *files, struct static_path *path)
{
    char *end = path->text + path->length;

    if (!files->index)
        return false;
    if (path->length > 0)
        *end++ = '/';
    strcpy(end, files->index);
    path->length = strlen(path->text);
    return true;
}

static void answer(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    const struct static_files *files = static_files_of(endpoint);
    slice whole = exchange->path;
    struct static_path path;
    int descriptor;

    if (!static_path_read(&path, span_in(whole.bytes, exchange->match.rest),
                          whole.bytes[whole.length - 1] == '/') ||
        (path.is_folder && !append_index(files, &path))) {
        answer_status(exchange, 404);
        return;
    }
    descriptor = folder_open(&files->folder, path.text);
    if (descriptor < 0)
        answer_failure(exchange, -descriptor);
    else
        answer_opened(files, exchange, &path, descriptor);
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
    if (!pyrs_field_is_valid(PYRS_TEXT("Cache-Control"),
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
        .name = "static", .answer = answer, .free = free_static_files};
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
