/* context.h - what a handler sets in a ContextVar is not seen by the next request.
 *
 * A loop's thread answers request after request, so each begins without a context, and
 * what it leaves is put away when it is over. That looks at one field of the thread
 * state, and costs nothing while nobody uses context variables (decimal does).
 *
 *     struct context_scope scope;
 *
 *     if (context_begin(&scope)) {
 *         ... users' code ...
 *         context_end(&scope);
 *     }
 */
#ifndef PYRS_BRIDGE_CONTEXT_H
#define PYRS_BRIDGE_CONTEXT_H

#include "python.h"

/* Up to 3.13 the fields are where these lines take them to be; later versions get a
 * context of their own for each request, which any version understands. */
#define CONTEXT_IN_THREAD_STATE (PY_VERSION_HEX < 0x030e0000)

struct context_scope {
    PyObject *context; /* what the thread had before, or what was entered */
};

#if CONTEXT_IN_THREAD_STATE

static inline PyThreadState *context_thread_state(void)
{
#if PY_VERSION_HEX >= 0x030d0000
    return PyThreadState_GetUnchecked();
#else
    return _PyThreadState_UncheckedGet();
#endif
}

/* Context variables remember their last value with the version. */
static inline void context_set(PyThreadState *thread, PyObject *context)
{
    thread->context = context;
    thread->context_ver++;
}

static inline bool context_begin(struct context_scope *scope)
{
    PyThreadState *thread = context_thread_state();

    scope->context = thread->context;
    if (scope->context)
        context_set(thread, NULL);
    return true;
}

static inline void context_end(struct context_scope *scope)
{
    PyThreadState *thread = context_thread_state();
    PyObject *used = thread->context;

    if (used == scope->context)
        return;
    context_set(thread, scope->context);
    Py_XDECREF(used);
}

#else

static inline bool context_begin(struct context_scope *scope)
{
    scope->context = PyContext_New();
    if (scope->context && PyContext_Enter(scope->context) == 0)
        return true;
    Py_CLEAR(scope->context);
    return false;
}

static inline void context_end(struct context_scope *scope)
{
    if (PyContext_Exit(scope->context) < 0)
        PyErr_Clear(); /* the handler has left it already */
    Py_DECREF(scope->context);
}

#endif
#endif
