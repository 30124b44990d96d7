/* body.h - a request body that did not arrive in one piece.
 *
 * Grows with what has arrived, never with what was announced: in memory up to a limit,
 * beyond it in a temporary file that has no name, mapped when it is whole.
 */
#ifndef PYRS_SERVE_BODY_H
#define PYRS_SERVE_BODY_H

#include <stdbool.h>

#include "../http/slice.h"
#include "../net/counter.h"

struct body {
    char *memory; /* heap block of `capacity` bytes, or the mapped file */
    size_t length;
    size_t capacity;
    size_t memory_bytes_max;
    int file; /* -1: all in memory */
    bool mapped;
    counter *allocations;
};

void body_init(struct body *body, size_t memory_bytes_max, counter *allocations);
void body_fini(struct body *body);

/* False with errno set if neither memory nor disk takes the bytes. */
bool body_append(struct body *body, slice bytes);

/* The whole body, valid until body_fini. False with errno set if it cannot be mapped.
 */
bool body_whole(struct body *body, slice *whole);

/* `length` bytes of what has come, from `offset` on; from the file, if it is in one,
 * mapped or not. False with errno set if they cannot be read. */
bool body_read(const struct body *body, size_t offset, char *bytes, size_t length);

#endif
