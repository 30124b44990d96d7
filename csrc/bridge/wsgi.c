/* wsgi.c - see wsgi.h.
 *
 * A call goes one of these ways, told apart by what the application returned:
 *
 *   a list or tuple of bytes    one answer with its length
 *   its wsgi.file_wrapper       the file, sent by the system
 *   anything else               a stream (stream.h), begun when the first bytes are
 * there
 *
 * Whatever happens, the result's close() is called once.
 */
#include "wsgi.h"

#include <unistd.h>

#include "attach.h"
#include "clock.h"
#include "context.h"
#include "environ.h"
#include "failure.h"
#include "file_wrapper.h"
#include "result.h"
#include "start_response.h"
#include "step.h"
#include "stream.h"

struct wsgi {
    struct pyrs_endpoint endpoint;
    struct module_state *state;
    PyObject *module;      /* keeps the state */
    PyObject *application; /* what is called */
    PyObject *title;       /* its name */
    const char *name;      /* in UTF-8; the title's */
    struct environ environ;
};

/* ---- bodies as streams ---- */

static struct start_response *start_of(const struct stream *stream)
{
    return stream->owner;
}

static enum next next_bytes(struct stream *stream, PyObject *item, struct piece *piece)
{
    if (!piece_of_bytes(piece, item))
        return NEXT_REFUSED;
    return start_response_fit(start_of(stream), piece) ? NEXT_PIECE : NEXT_END;
}

static void close_start(const struct stream *stream)
{
    start_response_close(start_of(stream));
}

static void give_start_back(struct stream *stream)
{
    start_response_give_back(stream->state, stream->owner);
}

static const struct stream_kind WSGI_STREAM = {
    .piece = next_bytes,
    .closing = close_start,
    .over = give_start_back,
    .closes_last = true,
};

/* ---- answers ---- */

/* With an exception set: a page that says nothing of it, if the head has not left. */
static void fail(struct stream *stream, struct pyrs_exchange *exchange,
                 const char *what)
{
    struct result page;

    stream_log_failure(stream, what, exchange);
    if (start_of(stream)->has_begun) {
        stream_end(stream, exchange, false);
        return;
    }
    result_internal_server_error(&page);
    result_send(&page, exchange);
    stream_close(stream, exchange);
}

/* False, with an exception set, before start_response was called. */
static bool has_started(const struct stream *stream)
{
    if (start_of(stream)->is_set)
        return true;
    PyErr_SetString(PyExc_RuntimeError,
                    "start_response was not called before the first bytes of the body");
    return false;
}

/* The whole body is one bytes object, or, with NULL, empty. */
static void respond(struct stream *stream, struct pyrs_exchange *exchange,
                    PyObject *body)
{
    struct pyrs_response response = start_response_head(start_of(stream));

    if (body) {
        response.body = (struct pyrs_slice){PyBytes_AS_STRING(body),
                                            (size_t)PyBytes_GET_SIZE(body)};
        response.release = object_release;
        response.owner = Py_NewRef(body);
    }
    pyrs_exchange_respond(exchange, &response);
    stream_close(stream, exchange);
}

/* Nothing comes, or nobody wants it: with the length that was told all the same. What
 * an application leaves empty for HEAD says nothing of the length of GET's answer, so
 * none is told (RFC 9110, 8.6). */
static void respond_without_body(struct stream *stream, struct pyrs_exchange *exchange)
{
    struct start_response *start = start_of(stream);
    int64_t length = start->content_length;

    if (length == 0 || (length < 0 && !start_response_is_to_head(start))) {
        respond(stream, exchange, NULL);
        return;
    }
    (void)start_response_begin(start);
    stream_end(stream, exchange, true);
}

/* ---- an iterable ---- */

/* Empty ones begin nothing (PEP 3333, "Buffering and Streaming"). */
static enum next first_bytes(struct stream *stream, struct pyrs_exchange *exchange,
                             struct piece *piece)
{
    enum next next;

    while ((next = stream_next(stream, piece)) == NEXT_PIECE &&
           piece->bytes.length == 0) {
        piece_drop(piece);
        if (pyrs_exchange_flow(exchange) == PYRS_FLOW_GONE)
            break;
    }
    return next;
}

/* What is one item has the length of that. */
static void guess_length(struct stream *stream, const struct piece *first)
{
    struct start_response *start = start_of(stream);
    Py_ssize_t count;

    if (start->content_length >= 0 || (!Py_TYPE(stream->closed)->tp_as_sequence &&
                                       !Py_TYPE(stream->closed)->tp_as_mapping))
        return;
    count = PyObject_Size(stream->closed);
    if (count < 0)
        PyErr_Clear();
    if (count != 1)
        return;
    start->content_length = (int64_t)first->bytes.length;
    start->body_left = 0;
}

static void send_first(struct stream *stream, struct pyrs_exchange *exchange,
                       struct piece *first, uint64_t start_ns)
{
    enum pyrs_flow flow = PYRS_FLOW_GO_ON;

    if (first->bytes.length == 0) { /* there will be nobody to send it to */
        stream_end(stream, exchange, false);
        return;
    }
    if (!has_started(stream)) {
        piece_drop(first);
        fail(stream, exchange, "returned what cannot be answered");
        return;
    }
    if (!start_of(stream)->has_begun) {
        guess_length(stream, first);
        flow = start_response_begin(start_of(stream));
    }
    if (flow == PYRS_FLOW_GONE) { /* HEAD, or nobody is there */
        piece_drop(first);
        stream_end(stream, exchange, true);
        return;
    }
    stream_run(stream, exchange, piece_send(first, exchange), start_ns);
}

static void send_iterable(struct stream *stream, struct pyrs_exchange *exchange)
{
    uint64_t start_ns = clock_now_ns();
    struct piece first;

    stream->iterator = PyObject_GetIter(stream->closed);
    if (!stream->iterator) {
        fail(stream, exchange, "returned what cannot be answered");
        return;
    }
    switch (first_bytes(stream, exchange, &first)) {
    case NEXT_RAISED:
        fail(stream, exchange, "raised");
        break;
    case NEXT_REFUSED:
        fail(stream, exchange, "returned what cannot be answered");
        break;
    case NEXT_END:
        if (start_of(stream)->has_begun)
            stream_end(stream, exchange, true);
        else if (!has_started(stream))
            fail(stream, exchange, "returned what cannot be answered");
        else
            respond_without_body(stream, exchange);
        break;
    case NEXT_PIECE:
        send_first(stream, exchange, &first, start_ns);
        break;
    }
}

/* ---- a list or tuple ---- */

/* Its items, which nobody changes meanwhile. */
static PyObject *const *items_of(PyObject *value, Py_ssize_t *count)
{
    if (PyList_CheckExact(value)) {
        *count = PyList_GET_SIZE(value);
        return ((PyListObject *)value)->ob_item;
    }
    if (PyTuple_CheckExact(value)) {
        *count = PyTuple_GET_SIZE(value);
        return ((PyTupleObject *)value)->ob_item;
    }
    return NULL;
}

/* -1: not all of them are bytes. */
static int64_t bytes_of(PyObject *const *items, Py_ssize_t count)
{
    int64_t length = 0;

    for (Py_ssize_t i = 0; i < count; i++) {
        if (!PyBytes_Check(items[i]))
            return -1;
        length += PyBytes_GET_SIZE(items[i]);
    }
    return length;
}

/* True if it was answered. What has several items is sent one by one, but with the
 * length of all. */
static bool send_items(struct stream *stream, struct pyrs_exchange *exchange)
{
    struct start_response *start = start_of(stream);
    Py_ssize_t count;
    PyObject *const *items = items_of(stream->closed, &count);
    int64_t length = items && start->is_set ? bytes_of(items, count) : -1;

    if (length < 0 || start->has_begun)
        return false;
    if (length == 0 && start->content_length < 0 && start_response_is_to_head(start))
        return false;
    if (start->content_length < 0)
        start->content_length = start->body_left = length;
    if (count > 1 || start->content_length != length)
        return false;
    respond(stream, exchange, count ? items[0] : NULL);
    return true;
}

/* ---- a file ---- */

/* True if it was answered. One that is shorter than was told is read, and cut. */
static bool send_file(struct stream *stream, struct pyrs_exchange *exchange)
{
    struct start_response *start = start_of(stream);
    struct pyrs_response response;
    struct pyrs_file file;

    if (Py_TYPE(stream->closed) != stream->state->file_wrapper_type || !start->is_set ||
        start->has_begun)
        return false;
    if (!file_wrapper_open(stream->state, stream->closed, &file)) {
        if (PyErr_Occurred())
            stream_log_failure(stream, "has a file that can only be read", exchange);
        return false;
    }
    if (start->content_length > (int64_t)file.length) {
        close(file.descriptor);
        return false;
    }
    if (start->content_length >= 0)
        file.length = (uint64_t)start->content_length;
    response = start_response_head(start);
    response.file = &file;
    pyrs_exchange_respond(exchange, &response);
    stream_close(stream, exchange);
    return true;
}

/* ---- calling ---- */

/* The request's own objects, and the application's result. NULL with an exception set.
 */
static PyObject *call(struct wsgi *wsgi, struct start_response *start)
{
    PyObject *dict = environ_make(&wsgi->environ, start->exchange, start->input);
    PyObject *arguments[3] = {NULL, dict, (PyObject *)start};
    PyObject *result;

    if (!dict)
        return NULL;
    result = PyObject_Vectorcall(wsgi->application, arguments + 1,
                                 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(dict);
    return result;
}

static bool has_body(const struct pyrs_exchange *exchange)
{
    return pyrs_exchange_body_streams(exchange) ||
           pyrs_exchange_body(exchange).length > 0;
}

static struct start_response *begin(const struct wsgi *wsgi,
                                    struct pyrs_exchange *exchange)
{
    struct start_response *start = start_response_take(wsgi->state, exchange);

    if (!start || !has_body(exchange))
        return start;
    start->input = wsgi_input_new(wsgi->state, exchange);
    if (start->input)
        return start;
    start_response_give_back(wsgi->state, start);
    return NULL;
}

static void refuse(const struct wsgi *wsgi, struct pyrs_exchange *exchange)
{
    struct result page;

    failure_log(wsgi->state, wsgi->name, "could not be called", exchange);
    result_internal_server_error(&page);
    result_send(&page, exchange);
}

static void answer(struct wsgi *wsgi, struct pyrs_exchange *exchange)
{
    struct start_response *start = begin(wsgi, exchange);
    struct stream stream = {.kind = &WSGI_STREAM,
                            .state = wsgi->state,
                            .handler = wsgi->name,
                            .owner = start};

    if (!start) {
        refuse(wsgi, exchange);
        return;
    }
    stream.closed = call(wsgi, start);
    if (!stream.closed) {
        stream.closed = Py_NewRef(Py_None);
        fail(&stream, exchange, "raised");
        return;
    }
    if (!send_items(&stream, exchange) && !send_file(&stream, exchange))
        send_iterable(&stream, exchange);
}

static void wsgi_answer(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    struct wsgi *wsgi = (struct wsgi *)endpoint;
    struct context_scope scope;

    if (!context_begin(&scope)) {
        refuse(wsgi, exchange);
        return;
    }
    step_begin(exchange);
    answer(wsgi, exchange);
    step_end();
    context_end(&scope);
}

static void wsgi_proceed(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    step_begin(exchange);
    stream_proceed(exchange);
    step_end();
}

/* ---- life ---- */

void wsgi_free(struct pyrs_endpoint *endpoint)
{
    struct wsgi *wsgi = (struct wsgi *)endpoint;
    PyObject *module = wsgi->module;

    environ_fini(&wsgi->environ);
    Py_DECREF(wsgi->application);
    Py_DECREF(wsgi->title);
    PyMem_Free(wsgi);
    Py_DECREF(module);
}

static void wsgi_free_detached(struct pyrs_endpoint *endpoint)
{
    /* A copy: the state that holds it may go with its last endpoint. */
    const struct interpreter interpreter =
        ((struct wsgi *)endpoint)->state->interpreter;
    void *attached;

    if (!attach_once(&interpreter, &attached))
        return;
    wsgi_free(endpoint);
    detach_once(&interpreter, attached);
}

struct endpoint_class wsgi_class(const struct interpreter *interpreter)
{
    return (struct endpoint_class){
        .interpreter = interpreter,
        .answer = wsgi_answer,
        .free = wsgi_free_detached,
        .proceed = wsgi_proceed,
    };
}

struct pyrs_endpoint *wsgi_new(struct module_state *state,
                               const struct wsgi_source *source)
{
    const char *name = PyUnicode_AsUTF8(source->title);
    struct wsgi *wsgi = name ? PyMem_Calloc(1, sizeof *wsgi) : NULL;

    if (!wsgi) {
        if (name)
            PyErr_NoMemory();
        return NULL;
    }
    if (!environ_init(&wsgi->environ, state, source->environ, source->settings)) {
        PyMem_Free(wsgi);
        return NULL;
    }
    wsgi->state = state;
    wsgi->module = Py_NewRef(state->module);
    wsgi->application = Py_NewRef(source->application);
    wsgi->title = Py_NewRef(source->title);
    wsgi->name = name;
    wsgi->endpoint.class = &state->wsgi_class;
    return &wsgi->endpoint;
}
