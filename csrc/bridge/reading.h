/* reading.h - reading a request's body in pieces: request.stream() and request.read().
 *
 * A body that came whole is handed out in slices. One that arrives while its handler
 * runs (its route has "body": "stream") is taken from the exchange, which may mean to
 * wait for the client; the interpreter is left meanwhile. Either way a request has one
 * place up to which it was read, whoever reads.
 *
 * A thread may still wait for a piece when the handler of its request returns. The
 * exchange must not go then, so whoever reads from it holds a lock, and reading_end
 * takes that lock.
 */
#ifndef PYRS_BRIDGE_READING_H
#define PYRS_BRIDGE_READING_H

#include <stdint.h>

#include "module.h"

struct coroutine;

struct reading {
    PyThread_type_lock lock;     /* NULL until a body that arrives is read */
    size_t at;                   /* bytes that were read */
    bool is_over;                /* nothing may be taken from the exchange any more */
    struct coroutine *coroutine; /* of an async handler: nobody may wait; or NULL */
};

/* For a new exchange. */
static inline void reading_begin(struct reading *reading)
{
    reading->at = 0;
    reading->is_over = false;
    reading->coroutine = NULL;
}

/* Before the exchange goes: waits for a thread that is reading, and stops it. */
void reading_end(struct reading *reading);

void reading_fini(struct reading *reading);

/* True if the body has not come whole, and is not yet a part of the request. */
bool reading_arrives(const struct request *request);

/* RuntimeError if a part of a body that arrives was read in pieces. */
bool reading_is_untouched(const struct request *request);

/* The bytes object of a body that arrives, once it is there, if it is untouched. */
PyObject *reading_whole(struct request *request);

/* An iterator of chunks of at most `size` bytes. */
PyObject *reading_stream(struct request *request, Py_ssize_t size);

/* So many bytes, fewer at the end; all that are left if `size` is negative. */
PyObject *reading_read(struct request *request, Py_ssize_t size);

/* ---- for who reads without waiting ---- */

enum {
    READING_FAILED = -3, /* with an exception set */
};

/* What has come, at most `room` bytes, or an enum pyrs_body_outcome, or READING_FAILED:
 * the request is over, or a part of it is read by another thread just now. */
int64_t reading_take_now(struct request *request, char *bytes, size_t room);

/* Sets ClientDisconnected. */
void reading_set_gone(struct module_state *state);

/* pyrs.BodyStream: the iterator. */
PyTypeObject *reading_stream_type_new(PyObject *module);

#endif
