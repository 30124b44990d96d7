/* media_types.c - see media_types.h. */
#include "media_types.h"

#include <stdlib.h>

/* Longer than any extension that means something. */
enum { EXTENSION_BYTES_MAX = 31 };

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct pyrs_media_type *)a)->extension,
                  ((const struct pyrs_media_type *)b)->extension);
}

bool media_types_init(struct media_types *types, const struct pyrs_media_type *given,
                      size_t count)
{
    *types = (struct media_types){.types = calloc(count ? count : 1, sizeof *given)};
    if (!types->types)
        return false;
    for (; types->count < count; types->count++) {
        const struct pyrs_media_type *source = &given[types->count];
        char *extension = strdup(source->extension);
        char *type = strdup(source->type);

        if (!extension || !type) {
            free(extension);
            free(type);
            media_types_fini(types);
            return false;
        }
        types->types[types->count] = (struct pyrs_media_type){extension, type};
    }
    qsort(types->types, count, sizeof *types->types, compare);
    return true;
}

void media_types_fini(struct media_types *types)
{
    for (size_t i = 0; i < types->count; i++) {
        free((char *)(uintptr_t)types->types[i].extension);
        free((char *)(uintptr_t)types->types[i].type);
    }
    free(types->types);
}

/* Behind the last dot, in lower case; false if there is none. */
static bool read_extension(slice name, char extension[EXTENSION_BYTES_MAX + 1])
{
    const char *dot = name.length ? memrchr(name.bytes, '.', name.length) : NULL;
    size_t length;

    if (!dot)
        return false;
    length = name.length - (size_t)(dot + 1 - name.bytes);
    if (length == 0 || length > EXTENSION_BYTES_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = dot[1 + i];

        extension[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    extension[length] = '\0';
    return true;
}

slice media_types_find(const struct media_types *types, slice name)
{
    char extension[EXTENSION_BYTES_MAX + 1];
    struct pyrs_media_type key = {.extension = extension};
    const struct pyrs_media_type *found = NULL;

    if (read_extension(name, extension))
        found = bsearch(&key, types->types, types->count, sizeof key, compare);
    return found ? slice_of_text(found->type) : SLICE("application/octet-stream");
}
