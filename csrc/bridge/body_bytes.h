/* body_bytes.h - bytes objects of what comes bit by bit. */
#ifndef PYRS_BRIDGE_BODY_BYTES_H
#define PYRS_BRIDGE_BODY_BYTES_H

#include <stdint.h>

#include "python.h"

/* The first step of reading what has no known length. */
enum { BODY_STEP_BYTES = 64 * 1024 };

/* More than there can be (PY_SSIZE_T_MAX, which C11 alone does not have). */
#define BODY_BYTES_ALL (SIZE_MAX / 2)

/* At most `room` bytes, but some; 0 at the end, negative with an exception set. */
typedef int64_t body_take_function(void *source, char *bytes, size_t room);

/* What is taken at once; b"" at the end. */
PyObject *body_bytes_once(body_take_function *take, void *source, size_t room);

/* So many bytes, fewer only at the end. They grow from `first_room` with what has come,
 * not to what was announced. */
PyObject *body_bytes_until(body_take_function *take, void *source, size_t first_room,
                           size_t size);

#endif
