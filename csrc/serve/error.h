/* error.h - filling a struct pyrs_error: one line of text for a person. */
#ifndef PYRS_SERVE_ERROR_H
#define PYRS_SERVE_ERROR_H

#include "../pyrs.h"

/* `code` is an errno, or 0 for a fault that is not the system's. The text may quote
 * what a user wrote: control bytes become "?", and what does not fit is cut between
 * characters. Gives false, so that a caller can return it. A NULL error is allowed. */
bool error_set(struct pyrs_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
