/* static_path.h - which file a request names: the rest of its path, read as names. */
#ifndef PYRS_SERVE_STATIC_PATH_H
#define PYRS_SERVE_STATIC_PATH_H

#include <limits.h>

#include "../http/slice.h"

/* What may be hung behind a path: an index's name, a sibling's extension. */
enum { STATIC_SUFFIX_BYTES_MAX = 256 };

struct static_path {
    size_t length;
    char
        text[PATH_MAX + STATIC_SUFFIX_BYTES_MAX]; /* terminated; no slash at its ends */
};

/* `rest` is resolved (http/target.h): no "." and no "..", no two slashes in a row, NUL
 * for an encoded slash. False if nothing can be there: an encoded slash, a hidden name
 * (hidden_name.h), more bytes than paths have. */
bool static_path_read(struct static_path *path, slice rest);

/* Writes the path of a resolved URL path for a Location header, so that it leads to
 * this server whatever its names are: one slash first, everything else encoded that a
 * browser might read otherwise. Gives the end; room: 3 bytes for each. */
char *static_path_encode(slice path, char *out);

#endif
