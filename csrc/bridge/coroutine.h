/* coroutine.h - what asyncio runs for an exchange: the handler's coroutine, from its
 * call to the answer.
 *
 * An object that asyncio.Task takes for a coroutine. It calls the handler, drives what
 * that gave, and answers when it is over, all within one step of the task if nothing
 * has to be awaited; neither a coroutine around the handler's nor a callback at its end
 * is needed. A streamed body is a second coroutine behind the first
 * (pyrs._async_parts), which sends items through this object.
 */
#ifndef PYRS_BRIDGE_COROUTINE_H
#define PYRS_BRIDGE_COROUTINE_H

#include "inbox.h"
#include "module.h"
#include "tasks.h"

struct request;
struct result;

enum awaited { AWAITED_SENT, AWAITED_BODY, AWAITED_COUNT };

struct coroutine {
    PyObject_HEAD struct module_state *state;
    struct tasks *tasks;
    struct job *job; /* NULL when it is over */
    struct request *request;
    PyObject *task;  /* asyncio's, which has this; a cycle until then */
    PyObject *inner; /* what is driven, or NULL */
    PyObject *awaited[AWAITED_COUNT]; /* futures, or NULL */
    struct result *head;              /* of a stream, until its first item */
    bool streams;                     /* inner sends a body */
    bool begun;                       /* and its head has left */
    bool told_gone; /* it closes the body, and must not be cancelled in that */
};

PyTypeObject *coroutine_type_new(PyObject *module);

/* A tuple of the keywords that a task is made with in this version of Python. */
PyObject *coroutine_task_keywords(void);

/* Runs a task for a new job, which ends with its answer. */
void coroutine_start(struct tasks *tasks, struct job *job);

/* Something has happened to the exchange: events of enum job_event. */
void coroutine_tell(struct coroutine *coroutine, unsigned events);

/* A new future of the loop, done when more of the request's body is there. */
PyObject *coroutine_await_body(struct coroutine *coroutine);

/* ---- between coroutine.c and coroutine_body.c ---- */

/* True with a RuntimeError set. */
static inline bool coroutine_is_over(const struct coroutine *coroutine)
{
    if (coroutine->job)
        return false;
    PyErr_SetString(PyExc_RuntimeError, "this request is over");
    return true;
}

/* Its methods for the coroutine that sends a body. */
PyObject *coroutine_send_item(PyObject *self, PyObject *item);
PyObject *coroutine_flow(PyObject *self, PyObject *unused);
PyObject *coroutine_sent(PyObject *self, PyObject *unused);

#endif
