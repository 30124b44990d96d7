/* media_types.h - what a file is, by the extension of its name in any case. */
#ifndef PYRS_SERVE_MEDIA_TYPES_H
#define PYRS_SERVE_MEDIA_TYPES_H

#include "../http/slice.h"
#include "../pyrs.h"

struct media_types {
    struct pyrs_media_type *types; /* sorted by extension */
    size_t count;
};

/* Copies what is given, in any order. False if memory is out. */
bool media_types_init(struct media_types *types, const struct pyrs_media_type *given,
                      size_t count);
void media_types_fini(struct media_types *types);

/* The type of a file of that name; application/octet-stream if it is not known. */
slice media_types_find(const struct media_types *types, slice name);

#endif
