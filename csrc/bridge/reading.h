/* reading.h - reading a request's body in pieces: request.stream() and request.read().
 *
 * A body that came whole is handed out in slices. One that arrives while its handler
 * runs (its route has "body": "stream") is taken from the exchange, which may mean to
 * wait for the client; the interpreter is left meanwhile. Either way a request has one
 * place up to which it was read, whoever reads.
 */
#ifndef PYRS_BRIDGE_READING_H
#define PYRS_BRIDGE_READING_H

#include "intake.h"
#include "module.h"

struct coroutine;

struct reading {
    struct intake intake;        /* of a body that arrives */
    size_t at;                   /* bytes that were read */
    struct coroutine *coroutine; /* of an async handler: nobody may wait; or NULL */
};

/* For a new exchange. */
static inline void reading_begin(struct reading *reading)
{
    reading->at = 0;
    reading->intake.is_over = false;
    reading->coroutine = NULL;
}

/* True if the body has not come whole, and is not yet a part of the request. To an
 * async handler also if it has: what it may do must not depend on how fast the client
 * was. */
bool reading_arrives(const struct request *request);

/* RuntimeError if a part of a body that arrives was read in pieces. */
bool reading_is_untouched(const struct request *request);

/* The bytes object of a body that arrives, once it is there, if it is untouched. */
PyObject *reading_whole(struct request *request);

/* An iterator of chunks of at most `size` bytes. */
PyObject *reading_stream(struct request *request, Py_ssize_t size);

/* So many bytes, fewer at the end; all that are left if `size` is negative. */
PyObject *reading_read(struct request *request, Py_ssize_t size);

/* Sets ClientDisconnected. */
void reading_set_gone(struct module_state *state);

/* pyrs.BodyStream: the iterator. */
PyTypeObject *reading_stream_type_new(PyObject *module);

#endif
