/* wsgi_input.c - see wsgi_input.h.
 *
 * Lines are looked for in a chunk that was read ahead; read() takes what is left of it
 * and goes on behind it without one.
 */
#include "wsgi_input.h"

#include "body_bytes.h"
#include "reading.h"

struct wsgi_input {
    PyObject_HEAD struct intake intake;
    struct pyrs_exchange *exchange; /* NULL: no body, or the request is over */
    PyObject *chunk;                /* bytes, or NULL */
    Py_ssize_t at;                  /* what of the chunk was given out */
    bool is_read;                   /* by a thread, just now */
};

static struct module_state *state_of(const struct wsgi_input *input)
{
    return (struct module_state *)PyType_GetModuleState(Py_TYPE(input));
}

/* ---- taking bytes ---- */

/* A body_take_function, which passes by what was read ahead. */
static int64_t take_behind(void *source, char *bytes, size_t room)
{
    struct wsgi_input *input = source;
    int64_t taken;

    if (!input->exchange) { /* it has gone over while another thread waited */
        intake_set_over();
        return INTAKE_FAILED;
    }
    taken = intake_take_now(&input->intake, input->exchange, bytes, room);
    if (taken == PYRS_BODY_WAIT)
        taken = intake_take_waiting(&input->intake, input->exchange, bytes, room);
    if (taken == PYRS_BODY_GONE)
        reading_set_gone(state_of(input));
    return taken;
}

static size_t ahead(const struct wsgi_input *input)
{
    return input->chunk ? (size_t)(PyBytes_GET_SIZE(input->chunk) - input->at) : 0;
}

/* Up to `room` bytes of what was read ahead. */
static size_t take_ahead(struct wsgi_input *input, char *bytes, size_t room)
{
    size_t length = ahead(input);

    if (length > room)
        length = room;
    memcpy(bytes, PyBytes_AS_STRING(input->chunk) + input->at, length);
    input->at += (Py_ssize_t)length;
    if (ahead(input) == 0)
        Py_CLEAR(input->chunk);
    return length;
}

/* A body_take_function. */
static int64_t take(void *source, char *bytes, size_t room)
{
    struct wsgi_input *input = source;

    return ahead(input) > 0 ? (int64_t)take_ahead(input, bytes, room)
                            : take_behind(input, bytes, room);
}

/* ---- read ---- */

static bool arrives(const struct wsgi_input *input)
{
    return input->exchange && pyrs_exchange_body_streams(input->exchange);
}

/* Of a body that is there, no more than there can be. */
static size_t at_most(const struct wsgi_input *input, size_t size)
{
    size_t there = ahead(input);

    if (arrives(input))
        return size;
    if (input->exchange)
        there += pyrs_exchange_body(input->exchange).length;
    return size < there ? size : there;
}

static PyObject *read_bytes(struct wsgi_input *input, size_t size)
{
    size_t bytes_max = at_most(input, size);
    size_t first_room = arrives(input) ? ahead(input) + BODY_STEP_BYTES : bytes_max;

    return body_bytes_until(take, input, first_room, bytes_max);
}

/* ---- readline ---- */

/* False at the end, and with an exception set. */
static bool read_ahead(struct wsgi_input *input)
{
    PyObject *chunk = body_bytes_once(take_behind, input, BODY_STEP_BYTES);

    if (!chunk || PyBytes_GET_SIZE(chunk) == 0) {
        Py_XDECREF(chunk);
        return false;
    }
    Py_XSETREF(input->chunk, chunk);
    input->at = 0;
    return true;
}

/* Moves bytes up to the next line end out of the chunk. True: no more are wanted, since
 * the line is whole, or `size` bytes long, or NULL with an exception set. */
static bool take_line(struct wsgi_input *input, PyObject **line, size_t size)
{
    size_t before = (size_t)PyBytes_GET_SIZE(*line), wanted = size - before;
    size_t length = ahead(input) < wanted ? ahead(input) : wanted;
    const char *start = PyBytes_AS_STRING(input->chunk) + input->at;
    const char *end = memchr(start, '\n', length);

    if (end)
        length = (size_t)(end - start) + 1;
    if (_PyBytes_Resize(line, (Py_ssize_t)(before + length)) < 0)
        return true;
    take_ahead(input, PyBytes_AS_STRING(*line) + before, length);
    return end || length == wanted;
}

static PyObject *read_line(struct wsgi_input *input, size_t size)
{
    PyObject *line = PyBytes_FromStringAndSize(NULL, 0);

    if (!line || size == 0)
        return line;
    do {
        if (ahead(input) == 0 && !read_ahead(input)) {
            if (PyErr_Occurred())
                Py_CLEAR(line);
            break;
        }
    } while (!take_line(input, &line, size));
    return line;
}

/* ---- methods ---- */

/* None and negative numbers mean all. */
static bool read_size(PyObject *const *args, Py_ssize_t count, const char *name,
                      size_t *size)
{
    Py_ssize_t given = -1;

    if (count > 1) {
        PyErr_Format(PyExc_TypeError, "%s() takes one size, or none", name);
        return false;
    }
    if (count == 1 && args[0] != Py_None) {
        given = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
        if (given == -1 && PyErr_Occurred())
            return false;
    }
    *size = given < 0 ? BODY_BYTES_ALL : (size_t)given;
    return true;
}

typedef PyObject *read_function(struct wsgi_input *input, size_t size);

/* The interpreter is left while a body is waited for. */
static PyObject *alone(struct wsgi_input *input, size_t size, read_function *read)
{
    PyObject *result;

    if (input->is_read) {
        PyErr_SetString(PyExc_RuntimeError,
                        "another thread is reading this wsgi.input");
        return NULL;
    }
    if (input->intake.is_over) {
        intake_set_over();
        return NULL;
    }
    if (!input->exchange) /* shared by many requests */
        return PyBytes_FromStringAndSize(NULL, 0);
    input->is_read = true;
    result = read(input, size);
    input->is_read = false;
    return result;
}

static PyObject *input_read(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    size_t size;

    if (!read_size(args, count, "read", &size))
        return NULL;
    return alone((struct wsgi_input *)self, size, read_bytes);
}

static PyObject *input_readline(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    size_t size;

    if (!read_size(args, count, "readline", &size))
        return NULL;
    return alone((struct wsgi_input *)self, size, read_line);
}

static PyObject *input_next(PyObject *self)
{
    PyObject *line = alone((struct wsgi_input *)self, BODY_BYTES_ALL, read_line);

    if (line && PyBytes_GET_SIZE(line) == 0)
        Py_CLEAR(line); /* the end: NULL without an exception */
    return line;
}

/* The hint: enough once so many bytes were read; 0 means all, as for any file. */
static PyObject *input_readlines(PyObject *self, PyObject *const *args,
                                 Py_ssize_t count)
{
    size_t hint, length = 0;
    PyObject *lines, *line;

    if (!read_size(args, count, "readlines", &hint))
        return NULL;
    lines = PyList_New(0);
    while (lines && (hint == 0 || length < hint)) {
        int added;

        line = input_next(self);
        if (!line)
            break;
        length += (size_t)PyBytes_GET_SIZE(line);
        added = PyList_Append(lines, line);
        Py_DECREF(line);
        if (added < 0)
            break;
    }
    if (PyErr_Occurred())
        Py_CLEAR(lines);
    return lines;
}

/* ---- life ---- */

struct wsgi_input *wsgi_input_new(struct module_state *state,
                                  struct pyrs_exchange *exchange)
{
    struct wsgi_input *input = PyObject_New(struct wsgi_input, state->wsgi_input_type);

    if (!input)
        return NULL;
    input->intake = (struct intake){0};
    input->exchange = exchange;
    input->chunk = NULL;
    input->at = 0;
    input->is_read = false;
    return input;
}

void wsgi_input_over(struct wsgi_input *input)
{
    intake_end(&input->intake);
    input->intake.is_over = true;
    input->exchange = NULL;
    Py_DECREF(input);
}

static void input_dealloc(PyObject *self)
{
    struct wsgi_input *input = (struct wsgi_input *)self;
    PyTypeObject *type = Py_TYPE(self);

    Py_XDECREF(input->chunk);
    intake_fini(&input->intake);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* ---- the type ---- */

#define FAST(function) (PyCFunction)(void (*)(void))(function)

static PyMethodDef input_methods[] = {
    {"read", FAST(input_read), METH_FASTCALL,
     PyDoc_STR("read($self, size=-1, /)\n--\n\n"
               "So many bytes, fewer only at the end; all that are left if negative.")},
    {"readline", FAST(input_readline), METH_FASTCALL,
     PyDoc_STR("readline($self, size=-1, /)\n--\n\n"
               "Up to the next line end, it included, or so many bytes.")},
    {"readlines", FAST(input_readlines), METH_FASTCALL,
     PyDoc_STR("readlines($self, hint=-1, /)\n--\n\n"
               "All lines; with a hint, until they have so many bytes together.")},
    {.ml_name = NULL},
};

static PyType_Slot input_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)"wsgi.input: the body of a request."},
    {Py_tp_dealloc, input_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, input_next},
    {Py_tp_methods, input_methods},
    {0, NULL},
};

static PyType_Spec input_spec = {
    .name = "pyrs._bridge.WSGIInput",
    .basicsize = sizeof(struct wsgi_input),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = input_slots,
};

PyTypeObject *wsgi_input_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &input_spec, NULL);
}
