/* attach.c - see attach.h. */
#include "attach.h"

#include <assert.h>
#include <unistd.h>

/* What this thread made for itself; at most one, since a thread serves one server. */
static _Thread_local struct {
    PyThreadState *state;
    PyInterpreterState *interpreter;
} own;

/* CPython up to 3.13 would end the thread inside the core's frames (pthread_exit), with
 * whatever they had locked. Hanging is what 3.14 does. */
static void hang(void)
{
    for (;;)
        pause();
}

/* The state that Python made for this thread; NULL if Python does not know it, or knows
 * it in another interpreter only. */
static PyThreadState *python_state(PyInterpreterState *interpreter)
{
    PyThreadState *state = PyGILState_GetThisThreadState();

    if (state && PyThreadState_GetInterpreter(state) == interpreter)
        return state;
    return NULL;
}

static PyThreadState *make_state(PyInterpreterState *interpreter)
{
    if (python_is_finalizing())
        hang();
    own.state = PyThreadState_New(interpreter);
    if (!own.state)
        Py_FatalError("pyrs: no memory for a thread state");
    own.interpreter = interpreter;
    return own.state;
}

static void *attach(void *context)
{
    PyInterpreterState *interpreter = context;
    PyThreadState *state = own.state;

    assert(!state || own.interpreter == interpreter);
    if (state && python_is_finalizing())
        hang();
    if (!state)
        state = python_state(interpreter);
    if (!state)
        state = make_state(interpreter);
    PyEval_RestoreThread(state);
    return state;
}

static void detach(void *context, void *attached)
{
    PyThreadState *state = PyEval_SaveThread();

    (void)context;
    (void)attached;
    (void)state;
    assert(state == attached);
}

/* At finalisation the state is left to the interpreter, which deletes them all. */
static void thread_end(void *context)
{
    PyThreadState *state = own.state;

    (void)context;
    if (!state || python_is_finalizing())
        return;
    PyEval_RestoreThread(state);
    own.state = NULL;
    own.interpreter = NULL;
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
}

struct interpreter attach_callbacks(void)
{
    return (struct interpreter){
        .attach = attach,
        .detach = detach,
        .thread_end = thread_end,
        .context = PyInterpreterState_Get(),
    };
}

bool attach_once(const struct interpreter *interpreter, void **attached)
{
    bool foreign = !own.state && !python_state(interpreter->context);

    /* The finalising thread itself may still attach; it is never a foreign one. */
    if (python_is_finalizing() && (foreign || own.state))
        return false;
    *attached = attach(interpreter->context);
    return true;
}

void detach_once(const struct interpreter *interpreter, void *attached)
{
    bool made = own.state && own.state == attached;

    detach(interpreter->context, attached);
    if (made)
        thread_end(interpreter->context);
}
