/* media_type.h - a media type with its parameters (RFC 9110, 8.3.1): "text/html;
 * charset=utf-8". */
#ifndef PYRS_HTTP_MEDIA_TYPE_H
#define PYRS_HTTP_MEDIA_TYPE_H

#include "slice.h"

struct media_type {
    slice essence;    /* "text/html", as it was sent */
    slice parameters; /* from the first semicolon on, or empty */
};

/* False if `value` is no media type; *type is left alone then. */
bool media_type_parse(slice value, struct media_type *type);

/* The value of parameter `name` (any case), without the quotes of a quoted string; the
 * empty slice with NULL bytes if it is missing. Backslash escapes inside quotes are
 * left as they stand. */
slice media_type_parameter(const struct media_type *type, slice name);

#endif
