/* cgi_find.c - see cgi_find.h. */
#include "cgi_find.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exchange.h"
#include "hidden_name.h"

/* Behind the last byte of the segment that begins at `at`. */
static const char *segment_end(const char *at, const char *end)
{
    const char *slash = memchr(at, '/', (size_t)(end - at));

    return slash ? slash : end;
}

/* NUL stands for an encoded slash: RFC 3875, 4.1.5 lets a server refuse what would be
 * another path once it is decoded. */
static bool may_be_named(const char *at, const char *end)
{
    slice name = slice_of(at, (size_t)(end - at));

    return !name_is_hidden(name) && !memchr(at, '\0', name.length);
}

/* A program need not be readable; whether this process may execute it, exec tells.
 * 0: it is a program; 404 or 403; or it is a folder, to go on in: 200. */
static uint16_t look_at(const struct cgi *cgi, const char *path)
{
    int descriptor = folder_look(&cgi->folder, path);
    struct stat about;
    int code;

    if (descriptor < 0)
        return descriptor == -EACCES ? 403 : 404;
    code = fstat(descriptor, &about);
    close(descriptor);
    if (code != 0)
        return 404;
    if (S_ISDIR(about.st_mode))
        return 200;
    if (!S_ISREG(about.st_mode))
        return 404;
    return about.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH) ? 0 : 403;
}

/* Puts the segment behind the path, which has room. */
static size_t add_segment(char *path, size_t length, const char *at, const char *end)
{
    path[length++] = '/';
    memcpy(path + length, at, (size_t)(end - at));
    length += (size_t)(end - at);
    path[length] = '\0';
    return length;
}

static void found_at(struct cgi_found *found, slice whole, const char *name,
                     const char *name_end)
{
    const char *end = whole.bytes + whole.length;

    found->script_name = slice_of(whole.bytes, (size_t)(name_end - whole.bytes));
    found->path_info = slice_of(name_end, (size_t)(end - name_end));
    found->is_nph = name_end - name > 4 && memcmp(name, "nph-", 4) == 0;
}

/* found->path is the folder's, with room for the rest. */
static uint16_t walk(const struct cgi *cgi, slice whole, slice rest,
                     struct cgi_found *found)
{
    size_t root_length = strlen(found->path), length = root_length;
    const char *at = rest.bytes, *end = rest.bytes + rest.length;
    uint16_t status = 404;

    while (at < end) {
        const char *next = segment_end(at, end);

        if (next > at) {
            if (!may_be_named(at, next))
                return 404;
            found->folder_length = length;
            length = add_segment(found->path, length, at, next);
            status = look_at(cgi, found->path + root_length + 1);
            if (status == 0) {
                found_at(found, whole, at, next);
                return memchr(next, '\0', (size_t)(end - next)) ? 404 : 0;
            }
            if (status != 200)
                return status;
        }
        at = next + 1;
    }
    return 404; /* a folder */
}

uint16_t cgi_find(const struct cgi *cgi, const struct pyrs_exchange *exchange,
                  struct cgi_found *found)
{
    slice rest = span_in(exchange->path.bytes, exchange->match.rest);
    uint16_t status;

    found->path = malloc(strlen(cgi->folder_path) + rest.length + 2);
    if (!found->path)
        return 500;
    strcpy(found->path, cgi->folder_path);
    status = walk(cgi, exchange->path, rest, found);
    if (status != 0)
        cgi_found_fini(found);
    return status;
}

void cgi_found_fini(struct cgi_found *found)
{
    free(found->path);
    found->path = NULL;
}
