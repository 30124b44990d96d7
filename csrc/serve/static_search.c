/* static_search.c - see static_search.h. */
#include "static_search.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "exchange.h"

struct file_key static_search_key(const struct static_files *files,
                                  const struct pyrs_exchange *exchange)
{
    slice whole = exchange->path;

    return (struct file_key){
        .owner = files,
        .path = span_in(whole.bytes, exchange->match.rest),
        .is_folder = whole.bytes[whole.length - 1] == '/',
    };
}

bool static_search_append_index(struct static_search *search)
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

int static_search_open(const struct static_search *search, struct stat *facts)
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

static const char *const EXTENSIONS[CODING_IDENTITY] = {
    [CODING_BR] = ".br", [CODING_ZSTD] = ".zst", [CODING_GZIP] = ".gz"};

unsigned static_search_open_siblings(struct static_search *search,
                                     struct file_found found[CODING_COUNT])
{
    char *end = search->path.text + strlen(search->path.text);
    unsigned codings = 1u << CODING_IDENTITY;

    for (enum content_coding coding = 0; coding < CODING_IDENTITY; coding++) {
        struct file_found *sibling = &found[coding];

        strcpy(end, EXTENSIONS[coding]);
        sibling->descriptor = static_search_open(search, &sibling->facts);
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
