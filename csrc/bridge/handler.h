/* handler.h - the endpoint that is a Python callable.
 *
 * A plain one answers in the step that calls it; an async one (async_handler.h) gives
 * its exchanges to the thread that runs asyncio.
 */
#ifndef PYRS_BRIDGE_HANDLER_H
#define PYRS_BRIDGE_HANDLER_H

#include "module.h"
#include "request.h"

struct tasks;

struct handler {
    struct pyrs_endpoint endpoint;
    struct module_state *state;
    PyObject *module;    /* keeps the state */
    PyObject *function;  /* what is called */
    PyObject *self;      /* its first argument, NULL unless it is a bound method */
    PyObject *settings;  /* of its requests, or NULL */
    struct tasks *tasks; /* of an async one, or NULL */
    PyObject *title;     /* its name */
    const char *name;    /* in UTF-8; the title's */
};

/* The function behind a bound method is called with its self in the argument array,
 * which spares the method object's way of putting it there. */
static inline PyObject *handler_call(const struct handler *handler,
                                     struct request *request)
{
    PyObject *arguments[3] = {NULL, handler->self, (PyObject *)request};

    if (handler->self)
        return PyObject_Vectorcall(handler->function, arguments + 1,
                                   2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    return PyObject_Vectorcall(handler->function, arguments + 2,
                               1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}

/* Its class; module state holds one, since the interpreter is part of it. */
struct endpoint_class handler_class(const struct interpreter *interpreter);

/* What becomes one: `title` is how the log calls it. */
struct handler_source {
    PyObject *callable, *title;
    PyObject *settings; /* or None */
    PyObject *tasks;    /* that an async one runs among, or None */
};

/* Freed by its class, or by handler_free. NULL with an exception set. */
struct pyrs_endpoint *handler_new(struct module_state *state,
                                  const struct handler_source *source);

/* Attached, and never given to a server. */
void handler_free(struct pyrs_endpoint *endpoint);

/* For endpoint_class.free. When the interpreter is gone, so is what it owned. */
void handler_free_detached(struct pyrs_endpoint *endpoint);

#endif
