/* byteranges.h - several parts of one thing in one body (RFC 9110, 14.6): each stands
 * behind a head of its own, and an end line behind them all.
 *
 *     \r\n--BOUNDARY\r\n
 *     Content-Type: text/plain\r\n
 *     Content-Range: bytes 0-9/1000\r\n
 *     \r\n
 *     ...ten bytes...\r\n--BOUNDARY--\r\n
 */
#ifndef PYRS_HTTP_BYTERANGES_H
#define PYRS_HTTP_BYTERANGES_H

#include "range.h"

struct byteranges {
    slice boundary;     /* which no part may contain: a random one */
    slice content_type; /* of the parts; empty: no Content-Type */
    uint64_t length;    /* of what they are parts of */
};

/* The size of a part's head, and of the end line if `range` is NULL. */
size_t byteranges_head_size(const struct byteranges *body,
                            const struct byte_range *range);

/* Writes just so many bytes; gives their end. */
char *byteranges_write_head(const struct byteranges *body,
                            const struct byte_range *range, char *out);

/* The size of the whole. */
uint64_t byteranges_size(const struct byteranges *body, const struct range_set *set);

#endif
