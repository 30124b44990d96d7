/* static_search.h - one request, on its way to a file: what it asks for, and opening
 * it.
 *
 * All of it may block, and touches nothing of a loop.
 */
#ifndef PYRS_SERVE_STATIC_SEARCH_H
#define PYRS_SERVE_STATIC_SEARCH_H

#include "file_cache.h"
#include "static_files.h"
#include "static_path.h"

struct static_search {
    const struct static_files *files;
    struct pyrs_exchange *exchange;
    struct file_key key;
    struct static_path path; /* what is opened; its length leaves an index out */
};

/* What the exchange asks for, as the cache knows it. */
struct file_key static_search_key(const struct static_files *files,
                                  const struct pyrs_exchange *exchange);

/* The index of a folder in the place of the folder; false if it has none. */
bool static_search_append_index(struct static_search *search);

/* A descriptor of a regular file with its facts, or a negative errno: -EISDIR of a
 * folder, -ENXIO of what else there is. */
int static_search_open(const struct static_search *search, struct stat *facts);

/* Opens the siblings of found[CODING_IDENTITY]; one that is older than it is of
 * something else. Gives which there are, itself included. */
unsigned static_search_open_siblings(struct static_search *search,
                                     struct file_found found[CODING_COUNT]);

#endif
