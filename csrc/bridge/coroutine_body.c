/* coroutine_body.c - what a coroutine sends and awaits besides its answer: see
 * coroutine.h. */
#include "coroutine.h"
#include "piece.h"
#include "result.h"

/* ---- for the coroutine that sends items ---- */

static enum pyrs_flow begin_body(struct coroutine *coroutine, const struct piece *first)
{
    struct result *head = coroutine->head;
    enum pyrs_flow flow;

    if (!head->response.content_type.bytes)
        head->response.content_type = piece_content_type(first);
    flow = pyrs_exchange_begin(coroutine->job->exchange, &head->response, -1);
    coroutine->begun = true;
    coroutine->head = NULL;
    result_drop(head);
    PyMem_Free(head);
    return flow;
}

/* As enum pyrs_flow. */
static PyObject *tell(struct coroutine *coroutine, enum pyrs_flow flow)
{
    coroutine->told_gone |= flow == PYRS_FLOW_GONE;
    return PyLong_FromLong(flow);
}

/* Gives enum pyrs_flow. */
PyObject *coroutine_send_item(PyObject *self, PyObject *item)
{
    struct coroutine *coroutine = (struct coroutine *)self;
    struct piece piece;
    enum pyrs_flow flow;

    if (coroutine_is_over(coroutine) || !piece_of(&piece, Py_NewRef(item)))
        return NULL;
    tasks_hold(coroutine->tasks);
    if (!coroutine->begun && (flow = begin_body(coroutine, &piece)) == PYRS_FLOW_GONE)
        piece_drop(&piece);
    else
        flow = piece_send(&piece, coroutine->job->exchange);
    return tell(coroutine, flow);
}

PyObject *coroutine_flow(PyObject *self, PyObject *unused)
{
    struct coroutine *coroutine = (struct coroutine *)self;

    (void)unused;
    if (coroutine_is_over(coroutine))
        return NULL;
    return tell(coroutine, pyrs_exchange_flow(coroutine->job->exchange));
}

/* ---- waiting for events ---- */

static void resolve(struct coroutine *coroutine, enum awaited which)
{
    struct module_state *state = coroutine->state;
    PyObject *future = coroutine->awaited[which];
    PyObject *done, *told = NULL;

    if (!future)
        return;
    coroutine->awaited[which] = NULL;
    done = PyObject_CallMethodNoArgs(future, state->name_done);
    if (done == Py_False)
        told = PyObject_CallMethodOneArg(future, state->name_set_result, Py_None);
    if (!done || (done == Py_False && !told))
        PyErr_WriteUnraisable(future);
    Py_XDECREF(done);
    Py_XDECREF(told);
    Py_DECREF(future);
}

/* The same one for all who wait meanwhile; another one if that was cancelled. */
static PyObject *await_event(struct coroutine *coroutine, enum awaited which)
{
    struct module_state *state = coroutine->state;
    PyObject *future = coroutine->awaited[which];
    PyObject *done;

    if (coroutine_is_over(coroutine))
        return NULL;
    done = future ? PyObject_CallMethodNoArgs(future, state->name_done) : NULL;
    if (future && !done)
        return NULL;
    Py_XDECREF(done);
    if (done == Py_False)
        return Py_NewRef(future);
    future =
        PyObject_CallMethodNoArgs(coroutine->tasks->loop, state->name_create_future);
    if (future)
        Py_XSETREF(coroutine->awaited[which], Py_NewRef(future));
    return future;
}

PyObject *coroutine_sent(PyObject *self, PyObject *unused)
{
    (void)unused;
    return await_event((struct coroutine *)self, AWAITED_SENT);
}

PyObject *coroutine_await_body(struct coroutine *coroutine)
{
    return await_event(coroutine, AWAITED_BODY);
}

static void cancel(struct coroutine *coroutine)
{
    PyObject *cancelled;

    if (!coroutine->task)
        return;
    cancelled =
        PyObject_CallMethodNoArgs(coroutine->task, coroutine->state->name_cancel);
    if (!cancelled)
        PyErr_WriteUnraisable(coroutine->task);
    Py_XDECREF(cancelled);
}

void coroutine_tell(struct coroutine *coroutine, unsigned events)
{
    Py_INCREF((PyObject *)coroutine);
    if (events & JOB_GONE && !coroutine->told_gone)
        cancel(coroutine);
    if (events & (JOB_GONE | JOB_SENT))
        resolve(coroutine, AWAITED_SENT);
    if (events & (JOB_GONE | JOB_BODY))
        resolve(coroutine, AWAITED_BODY);
    Py_DECREF((PyObject *)coroutine);
}
