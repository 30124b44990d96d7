/* reading.c - see reading.h. */
#include "reading.h"

#include "body_bytes.h"
#include "coroutine.h"
#include "request.h"

/* What is taken at once from a body that arrives: twice what the core lets wait. */
enum { CHUNK_BYTES_MAX = 256 * 1024 };

/* ---- a body that arrives ---- */

bool reading_arrives(const struct request *request)
{
    const struct pyrs_exchange *exchange = request->facts.exchange;

    if (request->parts[PART_BODY] || !exchange)
        return false;
    return request->reading.coroutine ? pyrs_exchange_body_may_stream(exchange)
                                      : pyrs_exchange_body_streams(exchange);
}

void reading_set_gone(struct module_state *state)
{
    PyErr_SetString(state->policy.client_disconnected_type,
                    "the client went before its request's body was whole");
}

/* As intake_take_now. */
static int64_t take_now(struct request *request, char *bytes, size_t room)
{
    return intake_take_now(&request->reading.intake, request->facts.exchange, bytes,
                           room);
}

/* A body_take_function of a request. */
static int64_t take(void *source, char *bytes, size_t room)
{
    struct request *request = source;
    struct reading *reading = &request->reading;
    int64_t taken;

    if (reading->coroutine) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this body may still arrive, and an async handler must not "
                        "wait for it: use async for, over request.stream()");
        return INTAKE_FAILED;
    }
    taken = take_now(request, bytes, room);
    if (taken == PYRS_BODY_WAIT)
        taken =
            intake_take_waiting(&reading->intake, request->facts.exchange, bytes, room);
    if (taken == PYRS_BODY_GONE)
        reading_set_gone(request_module_state(request));
    if (taken > 0)
        reading->at += (size_t)taken;
    return taken;
}

static PyObject *arriving_chunk(struct request *request, size_t size)
{
    return body_bytes_once(take, request,
                           size < CHUNK_BYTES_MAX ? size : CHUNK_BYTES_MAX);
}

static PyObject *read_arriving(struct request *request, size_t size)
{
    return body_bytes_until(take, request, BODY_STEP_BYTES, size);
}

bool reading_is_untouched(const struct request *request)
{
    if (request->reading.at == 0)
        return true;
    PyErr_SetString(PyExc_RuntimeError,
                    "a part of this body was read already, by stream() or read(): it "
                    "cannot be had as a whole any more");
    return false;
}

PyObject *reading_whole(struct request *request)
{
    PyObject *body;

    if (!reading_is_untouched(request))
        return NULL;
    body = read_arriving(request, BODY_BYTES_ALL);
    if (body)
        request->reading.at = 0;
    return body;
}

/* ---- any body ---- */

static bool may_read(const struct request *request)
{
    if (!request->facts.exchange)
        intake_set_over();
    return request->facts.exchange;
}

static PyObject *slice_of_body(struct request *request, size_t size)
{
    struct pyrs_slice body = request_body(request);
    size_t at = request->reading.at, left = body.length - at;
    PyObject *slice;

    if (left < size)
        size = left;
    request->reading.at += size;
    if (size == 0 || request->parts[PART_BODY])
        return PyBytes_FromStringAndSize(size ? body.bytes + at : NULL,
                                         (Py_ssize_t)size);
    slice = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (slice && !pyrs_exchange_copy_body(request->facts.exchange, at,
                                          PyBytes_AS_STRING(slice), size)) {
        Py_DECREF(slice);
        PyErr_SetString(PyExc_OSError, "the body's temporary file cannot be read");
        return NULL;
    }
    return slice;
}

PyObject *reading_read(struct request *request, Py_ssize_t size)
{
    size_t bytes = size < 0 ? BODY_BYTES_ALL : (size_t)size;

    if (!may_read(request))
        return NULL;
    return reading_arrives(request) ? read_arriving(request, bytes)
                                    : slice_of_body(request, bytes);
}

/* ---- pyrs.BodyStream ---- */

#define DOC_BODY_STREAM                                                             \
    "What Request.stream() gives: an iterator over the body's bytes.\n\n"           \
    "It goes on where the body was read to last, by whatever means; RuntimeError\n" \
    "when the request's handler has returned."

struct body_stream {
    PyObject_HEAD struct request *request;
    Py_ssize_t size; /* of a chunk, at most */
};

PyObject *reading_stream(struct request *request, Py_ssize_t size)
{
    PyTypeObject *type = request_module_state(request)->body_stream_type;
    struct body_stream *stream;

    if (size < 1) {
        PyErr_Format(PyExc_ValueError, "a chunk has at least 1 byte, not %zd", size);
        return NULL;
    }
    if (!may_read(request))
        return NULL;
    stream = PyObject_GC_New(struct body_stream, type);
    if (!stream)
        return NULL;
    stream->request = (struct request *)Py_NewRef((PyObject *)request);
    stream->size = size;
    PyObject_GC_Track((PyObject *)stream);
    return (PyObject *)stream;
}

static PyObject *stream_next(PyObject *self)
{
    struct body_stream *stream = (struct body_stream *)self;
    struct request *request = stream->request;
    PyObject *chunk;

    if (!may_read(request))
        return NULL;
    chunk = reading_arrives(request) ? arriving_chunk(request, (size_t)stream->size)
                                     : slice_of_body(request, (size_t)stream->size);
    if (chunk && PyBytes_GET_SIZE(chunk) == 0)
        Py_CLEAR(chunk); /* the end: NULL without an exception */
    return chunk;
}

/* ---- in async handlers: src/pyrs/_async_parts.py goes around these ---- */

static PyObject *stream_anext(PyObject *self)
{
    const struct body_stream *stream = (struct body_stream *)self;

    return PyObject_CallOneArg(request_module_state(stream->request)->policy.next_chunk,
                               self);
}

static PyObject *stream_read(PyObject *self, PyObject *args)
{
    const struct body_stream *stream = (struct body_stream *)self;
    Py_ssize_t size = -1;

    if (!PyArg_ParseTuple(args, "|n:read", &size))
        return NULL;
    return PyObject_CallFunction(
        request_module_state(stream->request)->policy.read_chunks, "On", self, size);
}

static PyObject *what_has_come(struct request *request, size_t room)
{
    PyObject *chunk = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)room);
    int64_t taken =
        chunk ? take_now(request, PyBytes_AS_STRING(chunk), room) : INTAKE_FAILED;

    if (taken == PYRS_BODY_GONE)
        reading_set_gone(request_module_state(request));
    if (taken < 0) {
        Py_XDECREF(chunk);
        return taken == PYRS_BODY_WAIT ? Py_NewRef(Py_None) : NULL;
    }
    request->reading.at += (size_t)taken;
    if ((size_t)taken < room)
        (void)_PyBytes_Resize(&chunk, (Py_ssize_t)taken);
    return chunk;
}

static PyObject *stream_take_now(PyObject *self, PyObject *size)
{
    struct body_stream *stream = (struct body_stream *)self;
    struct request *request = stream->request;
    Py_ssize_t room = PyLong_AsSsize_t(size);

    if ((room == -1 && PyErr_Occurred()) || !may_read(request))
        return NULL;
    if (room < 0 || room > stream->size)
        room = stream->size;
    if (!reading_arrives(request))
        return slice_of_body(request, (size_t)room);
    return what_has_come(request,
                         room < CHUNK_BYTES_MAX ? (size_t)room : CHUNK_BYTES_MAX);
}

static PyObject *stream_come(PyObject *self, PyObject *unused)
{
    struct request *request = ((struct body_stream *)self)->request;

    (void)unused;
    if (!may_read(request))
        return NULL;
    if (request->reading.coroutine)
        return coroutine_await_body(request->reading.coroutine);
    PyErr_SetString(PyExc_RuntimeError,
                    "only an async handler can await the body of its request");
    return NULL;
}

static PyMethodDef stream_methods[] = {
    {"read", stream_read, METH_VARARGS,
     PyDoc_STR("read($self, size=-1, /)\n--\n\n"
               "In async handlers: a coroutine that gives the next `size` bytes, fewer "
               "only at the end;\nall that are left if negative.")},
    {"_take_now", stream_take_now, METH_O,
     PyDoc_STR("_take_now($self, size, /)\n--\n\n"
               "What has come, b\"\" at the end, None if it has to be awaited.")},
    {"_come", stream_come, METH_NOARGS,
     PyDoc_STR("_come($self, /)\n--\n\n"
               "A future, done when more has come.")},
    {.ml_name = NULL},
};

static int stream_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct body_stream *)self)->request);
    return 0;
}

static void stream_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    Py_DECREF(((struct body_stream *)self)->request);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyType_Slot stream_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)DOC_BODY_STREAM},
    {Py_tp_dealloc, stream_dealloc},
    {Py_tp_traverse, stream_traverse},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, stream_next},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, stream_anext},
    {Py_tp_methods, stream_methods},
    {0, NULL},
};

static PyType_Spec stream_spec = {
    .name = "pyrs.BodyStream",
    .basicsize = sizeof(struct body_stream),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = stream_slots,
};

PyTypeObject *reading_stream_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &stream_spec, NULL);
}
