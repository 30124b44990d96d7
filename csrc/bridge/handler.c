/* handler.c - see handler.h. handler_answer is the path that every request to Python
 * takes: no lookup and no allocation of its own. */
#include "handler.h"

#include "attach.h"
#include "context.h"
#include "failure.h"
#include "request.h"
#include "result.h"
#include "stream.h"

struct handler {
    struct pyrs_endpoint endpoint;
    struct module_state *state;
    PyObject *module;   /* keeps the state */
    PyObject *function; /* what is called */
    PyObject *self;     /* its first argument, NULL unless it is a bound method */
    PyObject *settings; /* of its requests, or NULL */
    char *name;
};

/* The function behind a bound method is called with its self in the argument array,
 * which spares the method object's way of putting it there. */
static PyObject *call(const struct handler *handler, struct request *request)
{
    PyObject *arguments[3] = {NULL, handler->self, (PyObject *)request};

    if (handler->self)
        return PyObject_Vectorcall(handler->function, arguments + 1,
                                   2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    return PyObject_Vectorcall(handler->function, arguments + 2,
                               1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}

/* What the request's handler has to say; a stream, if the body is still to be made. */
static struct stream *ask(const struct handler *handler, struct result *result,
                          struct pyrs_exchange *exchange)
{
    struct module_state *state = handler->state;
    struct request *request = request_take(state, handler->settings, exchange);
    PyObject *value = request ? call(handler, request) : NULL;
    struct stream *stream = NULL;

    if (!value)
        failure_of_handler(result, state, handler->name, exchange);
    else if (!result_from_value(result, state, request, value))
        failure_of_result(result, state, handler->name, exchange);
    if (result->stream) {
        stream = stream_new(state, handler->name, request, result);
        if (stream)
            return stream;
        result_drop(result);
        failure_of_result(result, state, handler->name, exchange);
    }
    if (request)
        request_give_back(state, request);
    return NULL;
}

static void handler_answer(struct pyrs_endpoint *endpoint,
                           struct pyrs_exchange *exchange)
{
    const struct handler *handler = (const struct handler *)endpoint;
    struct stream *stream = NULL;
    struct context_scope scope;
    struct result result;

    if (context_begin(&scope)) {
        stream = ask(handler, &result, exchange);
        context_end(&scope);
    } else {
        failure_of_handler(&result, handler->state, handler->name, exchange);
    }
    if (stream)
        stream_begin(stream, &result, exchange);
    else
        result_send(&result, exchange);
}

static void handler_proceed(struct pyrs_endpoint *endpoint,
                            struct pyrs_exchange *exchange)
{
    (void)endpoint;
    stream_proceed(exchange);
}

void handler_free(struct pyrs_endpoint *endpoint)
{
    struct handler *handler = (struct handler *)endpoint;
    PyObject *module = handler->module;

    Py_DECREF(handler->function);
    Py_XDECREF(handler->self);
    Py_XDECREF(handler->settings);
    PyMem_Free(handler->name);
    PyMem_Free(handler);
    Py_DECREF(module);
}

/* When the interpreter is gone, so is what it owned. */
static void handler_free_detached(struct pyrs_endpoint *endpoint)
{
    /* A copy: the state that holds it may go with its last handler. */
    const struct interpreter interpreter = *endpoint->class->interpreter;
    void *attached;

    if (!attach_once(&interpreter, &attached))
        return;
    handler_free(endpoint);
    detach_once(&interpreter, attached);
}

struct endpoint_class handler_class(const struct interpreter *interpreter)
{
    return (struct endpoint_class){
        .name = "python",
        .interpreter = interpreter,
        .answer = handler_answer,
        .free = handler_free_detached,
        .proceed = handler_proceed,
    };
}

static char *copy_name(const char *name)
{
    size_t size = strlen(name) + 1;
    char *copy = PyMem_Malloc(size);

    return copy ? memcpy(copy, name, size) : NULL;
}

struct pyrs_endpoint *handler_new(struct module_state *state, PyObject *callable,
                                  const char *name, PyObject *settings)
{
    struct handler *handler = PyMem_Calloc(1, sizeof *handler);
    bool is_method = PyMethod_Check(callable);

    if (!handler || !(handler->name = copy_name(name))) {
        PyMem_Free(handler);
        PyErr_NoMemory();
        return NULL;
    }
    handler->endpoint.class = &state->handler_class;
    handler->state = state;
    handler->module = Py_NewRef(state->module);
    handler->function =
        Py_NewRef(is_method ? PyMethod_GET_FUNCTION(callable) : callable);
    handler->self = is_method ? Py_NewRef(PyMethod_GET_SELF(callable)) : NULL;
    handler->settings = settings == Py_None ? NULL : Py_NewRef(settings);
    return &handler->endpoint;
}
