/* slice.h - bytes that somebody else owns.
 *
 * A slice points at bytes; a span says where bytes stand inside a buffer that may move
 * (an input buffer that grows, a head that is copied out of one). Neither is terminated
 * by NUL.
 */
#ifndef PYRS_HTTP_SLICE_H
#define PYRS_HTTP_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct slice {
    const char *bytes;
    size_t length;
} slice;

typedef struct span {
    uint32_t offset; /* from the buffer's first byte */
    uint32_t length;
} span;

/* A slice over a string literal. */
#define SLICE(literal) ((slice){(literal), sizeof(literal) - 1})

static inline slice slice_of(const char *bytes, size_t length)
{
    return (slice){bytes, length};
}

/* A slice over a text that ends with NUL. */
static inline slice slice_of_text(const char *text)
{
    return (slice){text, strlen(text)};
}

static inline slice span_in(const char *buffer, span part)
{
    return (slice){buffer + part.offset, part.length};
}

static inline bool slice_equal(slice a, slice b)
{
    return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

/* ASCII letters only, as RFC 9110, 5.1 compares field names. */
bool slice_equal_ignoring_case(slice a, slice b);

/* Without the spaces and tabs at both ends. */
slice slice_trimmed(slice text);

/* Decimal digits only: no sign, no blank, no underscore, at most 2^63-1. False leaves
 * *value alone. */
bool slice_to_int64(slice digits, int64_t *value);

#endif
