/* conditions.h - conditional requests (RFC 9110, 13): "only if it is still this one",
 * "not if I have it already", "this part, unless it has changed".
 *
 * What the request asks is gathered in one pass over its headers; what is there now is
 * a pair of validators. A condition that is malformed never helps the client to a
 * shorter answer: it is as if another representation were meant, or a date is ignored,
 * as 13.1 wants it.
 */
#ifndef PYRS_HTTP_CONDITIONS_H
#define PYRS_HTTP_CONDITIONS_H

#include "request_head.h"

enum condition {
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    IF_RANGE,
    RANGE, /* no condition, but what If-Range is about */
    CONDITION_COUNT
};

struct conditions {
    const struct request_head *head;
    const char *buffer;
    bool any;
    struct {
        uint32_t first; /* header of that name */
        uint32_t count; /* how many there are */
    } lines[CONDITION_COUNT];
};

/* What is there now. */
struct validators {
    slice entity_tag;      /* a valid one; empty: there is none */
    int64_t last_modified; /* seconds since 1970, or LAST_MODIFIED_UNKNOWN */
    int64_t now;           /* likewise */
};

#define LAST_MODIFIED_UNKNOWN INT64_MIN

enum condition_outcome {
    CONDITION_PROCEED,
    CONDITION_NOT_MODIFIED, /* answer 304 */
    CONDITION_FAILED,       /* answer 412, and do nothing */
};

/* `buffer` is what the head was parsed from; both are looked at again later. */
void conditions_read(const struct request_head *head, const char *buffer,
                     struct conditions *conditions);

/* In the order of 13.2.2, for a method whose answer without conditions were a 2xx.
 * There is a representation: "*" is true. */
enum condition_outcome conditions_evaluate(const struct conditions *conditions,
                                           const struct validators *current);

/* The value of Range if it is to be obeyed (13.1.5, 14.2): the method is GET, it was
 * sent once, and If-Range is true or not there. Else the empty slice. */
slice conditions_range(const struct conditions *conditions,
                       const struct validators *current);

#endif
