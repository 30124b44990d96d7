/* range.h - Range: "these bytes only" (RFC 9110, 14).
 *
 * A server may ignore any Range. pyrs ignores what is malformed, another unit than
 * bytes, and what nobody asks for in earnest: ranges that overlap, more than RANGES_MAX
 * of them.
 */
#ifndef PYRS_HTTP_RANGE_H
#define PYRS_HTTP_RANGE_H

#include "slice.h"

/* A client that skips through a file or a document asks for one to a handful. */
enum { RANGES_MAX = 16 };

struct byte_range {
    uint64_t first;
    uint64_t length; /* at least 1 */
};

struct range_set {
    uint32_t count;
    struct byte_range
        ranges[RANGES_MAX]; /* in the order in which they were asked for */
};

enum range_result {
    RANGE_IGNORED,       /* answer with the whole */
    RANGE_SATISFIABLE,   /* the set has one range or more; those beyond the end are left
                            out */
    RANGE_UNSATISFIABLE, /* answer 416 */
};

/* `value` as it stands in the header, `length` of what there is. Of what is empty no
 * part can be named, so its ranges are ignored. *set is filled if satisfiable. */
enum range_result range_parse(slice value, uint64_t length, struct range_set *set);

/* "bytes 0-99/1000", or with a star for the range if it is NULL, as a 416 has it; gives
 * the length, no NUL. */
enum { CONTENT_RANGE_BYTES_MAX = 70 };
size_t content_range_write(const struct byte_range *range, uint64_t length,
                           char out[CONTENT_RANGE_BYTES_MAX]);

#endif
