/* stream.c - see stream.h. */
#include "stream.h"

#include <time.h>

#include "failure.h"
#include "piece.h"

/* What was sent leaves when the step is over, and others wait until then. */
enum { STEP_NS_MAX = 1000 * 1000 };

struct stream {
    struct module_state *state;
    const char *handler;
    struct request *request;
    PyObject *iterator;
    PyObject *context;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

struct stream *stream_new(struct module_state *state, const char *handler,
                          struct request *request, struct result *result)
{
    struct stream *stream = PyMem_Malloc(sizeof *stream);

    if (!stream) {
        PyErr_NoMemory();
        return NULL;
    }
    *stream = (struct stream){.state = state,
                              .handler = handler,
                              .request = request,
                              .context = PyContext_CopyCurrent()};
    if (!stream->context) {
        PyMem_Free(stream);
        return NULL;
    }
    stream->iterator = result->stream;
    result->stream = NULL;
    return stream;
}

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

static void log_failure(const struct stream *stream, const char *what,
                        struct pyrs_exchange *exchange)
{
    failure_log(stream->state, stream->handler, what, exchange);
}

/* Its `finally` runs now, not when the last reference goes. Iterators that cannot be
 * closed need not be. */
static void close_iterator(const struct stream *stream, struct pyrs_exchange *exchange)
{
    PyObject *close = PyObject_GetAttr(stream->iterator, stream->state->name_close);
    PyObject *closed;

    if (!close && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        return;
    }
    closed = close ? PyObject_CallNoArgs(close) : NULL;
    Py_XDECREF(close);
    if (closed)
        Py_DECREF(closed);
    else
        log_failure(stream, "raised while its body was closed", exchange);
}

/* Everything but the answer is over; leaves the context. */
static void stream_free(struct stream *stream, struct pyrs_exchange *exchange)
{
    close_iterator(stream, exchange);
    Py_DECREF(stream->iterator);
    request_give_back(stream->state, stream->request);
    leave(stream);
    Py_DECREF(stream->context);
    PyMem_Free(stream);
}

static void finish(struct stream *stream, struct pyrs_exchange *exchange, bool complete)
{
    stream_free(stream, exchange);
    pyrs_exchange_end(exchange, complete);
}

/* ---- steps ---- */

enum next {
    NEXT_PIECE,
    NEXT_END,
    NEXT_RAISED,  /* with an exception set */
    NEXT_REFUSED, /* likewise: an item that is no piece of a body */
};

static enum next next_piece(struct stream *stream, struct piece *piece)
{
    PyObject *item = PyIter_Next(stream->iterator);

    if (!item)
        return PyErr_Occurred() ? NEXT_RAISED : NEXT_END;
    return piece_of(piece, item) ? NEXT_PIECE : NEXT_REFUSED;
}

/* The head has left, so that nothing can be answered any more. */
static void finish_after(struct stream *stream, struct pyrs_exchange *exchange,
                         enum next last)
{
    if (last != NEXT_END)
        log_failure(stream,
                    last == NEXT_RAISED ? "raised in the middle of its body"
                                        : "cannot go on with its body",
                    exchange);
    finish(stream, exchange, last == NEXT_END);
}

/* After the head, in the context. */
static void run(struct stream *stream, struct pyrs_exchange *exchange,
                enum pyrs_flow flow, uint64_t start_ns)
{
    struct piece piece;
    enum next next;

    while (flow == PYRS_FLOW_GO_ON && now_ns() - start_ns < STEP_NS_MAX) {
        next = next_piece(stream, &piece);
        if (next != NEXT_PIECE) {
            finish_after(stream, exchange, next);
            return;
        }
        flow = piece_send(&piece, exchange);
    }
    if (flow == PYRS_FLOW_GONE)
        finish(stream, exchange, false);
    else
        leave(stream);
}

/* An HTTPError with a stream for its body, where a stream failed, is one too many. */
static void replace_by_failure(const struct stream *stream, struct result *result,
                               struct pyrs_exchange *exchange, enum next first)
{
    result_drop(result);
    if (first == NEXT_REFUSED) {
        failure_of_result(result, stream->state, stream->handler, exchange);
        return;
    }
    failure_of_handler(result, stream->state, stream->handler, exchange);
    if (!result->stream)
        return;
    result_drop(result);
    PyErr_SetString(PyExc_TypeError, "the HTTPError of a stream cannot have another "
                                     "stream for its body");
    failure_of_result(result, stream->state, stream->handler, exchange);
}

/* No item came: there is a whole answer. */
static void answer_at_once(struct stream *stream, struct result *result,
                           struct pyrs_exchange *exchange, enum next first)
{
    if (first != NEXT_END)
        replace_by_failure(stream, result, exchange, first);
    stream_free(stream, exchange);
    result_send(result, exchange);
}

void stream_begin(struct stream *stream, struct result *result,
                  struct pyrs_exchange *exchange)
{
    uint64_t start_ns = now_ns();
    struct piece piece;
    enum pyrs_flow flow;
    enum next first;

    enter(stream);
    first = next_piece(stream, &piece);
    if (first != NEXT_PIECE) {
        answer_at_once(stream, result, exchange, first);
        return;
    }
    if (!result->response.content_type.bytes)
        result->response.content_type = piece_content_type(&piece);
    pyrs_exchange_set_state(exchange, stream);
    flow = pyrs_exchange_begin(exchange, &result->response, -1);
    result_drop(result);
    if (flow == PYRS_FLOW_GONE) { /* HEAD, or nobody is there */
        piece_drop(&piece);
        finish(stream, exchange, true);
        return;
    }
    run(stream, exchange, piece_send(&piece, exchange), start_ns);
}

void stream_proceed(struct pyrs_exchange *exchange)
{
    struct stream *stream = pyrs_exchange_state(exchange);
    enum pyrs_flow flow = pyrs_exchange_flow(exchange);

    enter(stream);
    run(stream, exchange, flow, now_ns());
}
