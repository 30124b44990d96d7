/* stream.c - see stream.h. */
#include "stream.h"

#include "clock.h"
#include "failure.h"

/* On the loop, what was sent leaves when the step is over, and others wait until then.
 * Elsewhere a body stays on its thread to the end: what it has opened for that thread,
 * such as a connection to a database, is closed there too. */
enum { STEP_NS_MAX = 1000 * 1000 };

/* Nobody else has the context, so neither fails, unless foreign code left it. */
static void enter(const struct stream *stream)
{
    if (PyContext_Enter(stream->context) < 0)
        PyErr_Clear();
}

static void leave(const struct stream *stream)
{
    if (PyContext_Exit(stream->context) < 0)
        PyErr_Clear();
}

/* ---- the end ---- */

void stream_log_failure(const struct stream *stream, const char *what,
                        struct pyrs_exchange *exchange)
{
    failure_log(stream->state, stream->handler, what, exchange);
}

/* A `finally` runs now, not when the last reference goes. What cannot be closed need
 * not be. */
static void call_close(const struct stream *stream, struct pyrs_exchange *exchange)
{
    PyObject *close, *closed;
    bool looked;

    if (PyList_CheckExact(stream->closed) || PyTuple_CheckExact(stream->closed))
        return;
    looked = attribute_if_any(stream->closed, stream->state->name_close, &close);

    if (looked && !close)
        return;
    closed = looked ? PyObject_CallNoArgs(close) : NULL;
    Py_XDECREF(close);
    if (closed)
        Py_DECREF(closed);
    else
        stream_log_failure(stream, "raised while its body was closed", exchange);
}

void stream_close(struct stream *stream, struct pyrs_exchange *exchange)
{
    if (stream->kind->closing)
        stream->kind->closing(stream);
    call_close(stream, exchange);
    Py_XDECREF(stream->iterator);
    Py_DECREF(stream->closed);
    stream->kind->over(stream);
    if (!stream->context)
        return;
    leave(stream);
    Py_DECREF(stream->context);
    PyMem_Free(stream);
}

void stream_end(struct stream *stream, struct pyrs_exchange *exchange, bool complete)
{
    bool closes_last = stream->kind->closes_last;

    if (closes_last)
        pyrs_exchange_end(exchange, complete);
    stream_close(stream, exchange);
    if (!closes_last)
        pyrs_exchange_end(exchange, complete);
}

/* ---- steps ---- */

enum next stream_next(struct stream *stream, struct piece *piece)
{
    PyObject *item = PyIter_Next(stream->iterator);

    if (!item)
        return PyErr_Occurred() ? NEXT_RAISED : NEXT_END;
    return stream->kind->piece(stream, item, piece);
}

/* The head has left, so that nothing can be answered any more. */
static void end_after(struct stream *stream, struct pyrs_exchange *exchange,
                      enum next last)
{
    if (last != NEXT_END)
        stream_log_failure(stream,
                           last == NEXT_RAISED ? "raised in the middle of its body"
                                               : "cannot go on with its body",
                           exchange);
    stream_end(stream, exchange, last == NEXT_END);
}

/* To where the next step finds it. NULL with an exception set. */
static struct stream *park(const struct stream *stream)
{
    PyObject *context = PyContext_CopyCurrent();
    struct stream *parked = context ? PyMem_Malloc(sizeof *parked) : NULL;

    if (!parked) {
        if (context)
            PyErr_NoMemory();
        Py_XDECREF(context);
        return NULL;
    }
    *parked = *stream;
    parked->context = context;
    return parked;
}

static void set_aside(struct stream *stream, struct pyrs_exchange *exchange)
{
    struct stream *parked;

    if (stream->context) {
        leave(stream);
        return;
    }
    parked = park(stream);
    if (parked)
        pyrs_exchange_set_state(exchange, parked);
    else
        end_after(stream, exchange, NEXT_RAISED);
}

static bool may_go_on(struct pyrs_exchange *exchange, uint64_t start_ns)
{
    return clock_now_ns() - start_ns < STEP_NS_MAX ||
           !pyrs_exchange_holds_loop(exchange);
}

void stream_run(struct stream *stream, struct pyrs_exchange *exchange,
                enum pyrs_flow flow, uint64_t start_ns)
{
    struct piece piece;
    enum next next;

    while (flow == PYRS_FLOW_GO_ON && may_go_on(exchange, start_ns)) {
        next = stream_next(stream, &piece);
        if (next != NEXT_PIECE) {
            end_after(stream, exchange, next);
            return;
        }
        flow = piece_send(&piece, exchange);
    }
    if (flow == PYRS_FLOW_GONE)
        stream_end(stream, exchange, false);
    else
        set_aside(stream, exchange);
}

void stream_proceed(struct pyrs_exchange *exchange)
{
    struct stream *stream = pyrs_exchange_state(exchange);
    enum pyrs_flow flow = pyrs_exchange_flow(exchange);

    enter(stream);
    stream_run(stream, exchange, flow, clock_now_ns());
}
