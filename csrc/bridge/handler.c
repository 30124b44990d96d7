/* handler.c - see handler.h. handler_answer is the path that every request to Python
 * takes: no lookup and no allocation of its own. */
#include "handler.h"

#include "attach.h"
#include "context.h"
#include "failure.h"
#include "handler_stream.h"
#include "tasks.h"

static bool is_iterator(const struct result *result)
{
    if (PyIter_Check(result->stream))
        return true;
    PyErr_Format(PyExc_TypeError,
                 "a value of type %.200s: an async iterator has to come from an async "
                 "def handler",
                 Py_TYPE(result->stream)->tp_name);
    return false;
}

/* What the request's handler has to say. False: it is a stream, and is being sent. */
static bool ask(const struct handler *handler, struct result *result,
                struct pyrs_exchange *exchange)
{
    struct module_state *state = handler->state;
    struct request *request = request_take(state, handler->settings, exchange);
    PyObject *value = request ? handler_call(handler, request) : NULL;

    if (!value)
        failure_of_handler(result, state, handler->name, exchange);
    else if (!result_from_value(result, state, request, value))
        failure_of_result(result, state, handler->name, exchange);
    if (result->stream) {
        if (is_iterator(result)) {
            handler_stream_begin(handler, request, result, exchange);
            return false;
        }
        result_drop(result);
        failure_of_result(result, state, handler->name, exchange);
    }
    if (request)
        request_give_back(state, request);
    return true;
}

static void handler_answer(struct pyrs_endpoint *endpoint,
                           struct pyrs_exchange *exchange)
{
    const struct handler *handler = (const struct handler *)endpoint;
    bool answer = true;
    struct context_scope scope;
    struct result result;

    if (context_begin(&scope)) {
        answer = ask(handler, &result, exchange);
        context_end(&scope);
    } else {
        failure_of_handler(&result, handler->state, handler->name, exchange);
    }
    if (answer)
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
    Py_XDECREF((PyObject *)handler->tasks);
    Py_DECREF(handler->title);
    PyMem_Free(handler);
    Py_DECREF(module);
}

void handler_free_detached(struct pyrs_endpoint *endpoint)
{
    /* A copy: the state that holds it may go with its last handler. */
    const struct interpreter interpreter =
        ((struct handler *)endpoint)->state->interpreter;
    void *attached;

    if (!attach_once(&interpreter, &attached))
        return;
    handler_free(endpoint);
    detach_once(&interpreter, attached);
}

struct endpoint_class handler_class(const struct interpreter *interpreter)
{
    return (struct endpoint_class){
        .interpreter = interpreter,
        .answer = handler_answer,
        .free = handler_free_detached,
        .proceed = handler_proceed,
    };
}

static PyObject *new_or_null(PyObject *object)
{
    return object == Py_None ? NULL : Py_NewRef(object);
}

struct pyrs_endpoint *handler_new(struct module_state *state,
                                  const struct handler_source *source)
{
    PyObject *callable = source->callable;
    bool is_method = PyMethod_Check(callable);
    const char *name = PyUnicode_AsUTF8(source->title);
    struct handler *handler;

    if (!name)
        return NULL;
    handler = PyMem_Calloc(1, sizeof *handler);
    if (!handler) {
        PyErr_NoMemory();
        return NULL;
    }
    handler->state = state;
    handler->module = Py_NewRef(state->module);
    handler->function =
        Py_NewRef(is_method ? PyMethod_GET_FUNCTION(callable) : callable);
    handler->self = is_method ? Py_NewRef(PyMethod_GET_SELF(callable)) : NULL;
    handler->settings = new_or_null(source->settings);
    handler->tasks = (struct tasks *)new_or_null(source->tasks);
    handler->title = Py_NewRef(source->title);
    handler->name = name;
    handler->endpoint.class =
        handler->tasks ? &state->async_handler_class : &state->handler_class;
    return &handler->endpoint;
}
