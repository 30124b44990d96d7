/* tasks.c - see tasks.h. */
#include "tasks.h"

#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "coroutine.h"

/* After so many looks into an inbox that fills as fast as it is emptied, asyncio's
 * timers and sockets have their turn. */
enum { TAKES_MAX = 4 };

#define DOC_TASKS                                                                     \
    "Tasks(limit, /)\n--\n\n"                                                         \
    "The exchanges whose async handlers run; at most `limit` at once.\n\n"            \
    "open(loop, read_fd, write_fd) lets asyncio's loop have them, which then calls\n" \
    "take() whenever read_fd is readable."

/* Answers wait for others in their turn no longer than this, or much longer than their
 * way through asyncio takes. */
enum { HOLD_NS_MAX = 200 * 1000 };

/* ---- answers, many at a time ---- */

static void flush(struct tasks *tasks)
{
    if (!tasks->holds)
        return;
    tasks->holds = false;
    pyrs_batch_end();
}

static PyObject *tasks_flush(PyObject *self, PyObject *unused)
{
    (void)unused;
    flush((struct tasks *)self);
    Py_RETURN_NONE;
}

static bool call_soon(struct tasks *tasks, PyObject *function)
{
    PyObject *handle =
        tasks->loop ? PyObject_CallOneArg(tasks->call_soon, function) : NULL;

    if (!handle && tasks->loop)
        PyErr_WriteUnraisable((PyObject *)tasks);
    Py_XDECREF(handle);
    return handle;
}

void tasks_hold(struct tasks *tasks)
{
    if (tasks->holds && clock_now_ns() - tasks->holds_since_ns < HOLD_NS_MAX)
        return;
    if (tasks->holds)
        pyrs_batch_end();
    else if (!tasks->is_taking && !call_soon(tasks, tasks->flush))
        return;
    tasks->holds = true;
    tasks->holds_since_ns = clock_now_ns();
    pyrs_batch_begin();
}

/* ---- those that wait for their turn ---- */

static void wait_for_turn(struct tasks *tasks, struct job *job)
{
    job->waits = true;
    job->next_waiting = NULL;
    *tasks->waiting_end = job;
    tasks->waiting_end = &job->next_waiting;
}

static struct job *take_waiting(struct tasks *tasks)
{
    struct job *job = tasks->waiting;

    tasks->waiting = job->next_waiting;
    if (!tasks->waiting)
        tasks->waiting_end = &tasks->waiting;
    job->waits = false;
    return job;
}

static void start(struct tasks *tasks, struct job *job)
{
    tasks->running++;
    coroutine_start(tasks, job);
}

static void start_waiting(struct tasks *tasks)
{
    while (tasks->waiting && tasks->running < tasks->limit) {
        struct job *job = take_waiting(tasks);

        if (job->exchange)
            start(tasks, job);
        else
            free(job);
    }
}

/* Not at once: one task must not run inside another's last step. */
void tasks_end_one(struct tasks *tasks)
{
    tasks->running--;
    if (tasks->waiting && !tasks->takes_soon)
        tasks->takes_soon = call_soon(tasks, tasks->take);
}

/* ---- what comes ---- */

static void begin(struct tasks *tasks, struct job *job)
{
    if (job->gone)
        pyrs_exchange_end(inbox_end_job(&tasks->inbox, job), false);
    else if (tasks->running < tasks->limit && !tasks->waiting)
        start(tasks, job);
    else
        wait_for_turn(tasks, job);
}

/* Its client may be gone before it is here at all. */
static void look_at(struct tasks *tasks, struct job *job, unsigned events)
{
    job->gone |= (events & JOB_GONE) != 0;
    if (events & JOB_NEW)
        begin(tasks, job);
    else if (job->coroutine)
        coroutine_tell(job->coroutine, events);
    else if (job->waits && job->gone)
        pyrs_exchange_end(inbox_end_job(&tasks->inbox, job), false);
}

static void empty_pipe(int fd)
{
    char bytes[64];

    while (read(fd, bytes, sizeof bytes) == sizeof bytes)
        ;
}

static void take(struct tasks *tasks)
{
    struct job *jobs, *job;

    for (int takes = 0; takes < TAKES_MAX; takes++) {
        jobs = inbox_take(&tasks->inbox);
        if (!jobs)
            return;
        while (jobs) {
            unsigned events = inbox_open_job(&tasks->inbox, &jobs, &job);

            if (events)
                look_at(tasks, job, events);
        }
    }
    inbox_pause(&tasks->inbox);
}

static PyObject *tasks_take(PyObject *self, PyObject *unused)
{
    struct tasks *tasks = (struct tasks *)self;

    (void)unused;
    if (!tasks->loop)
        Py_RETURN_NONE;
    empty_pipe(tasks->read_fd);
    tasks->takes_soon = false;
    tasks->is_taking = true;
    start_waiting(tasks);
    take(tasks);
    tasks->is_taking = false;
    flush(tasks);
    Py_RETURN_NONE;
}

/* ---- life ---- */

static PyObject *tasks_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    Py_ssize_t limit;
    struct tasks *tasks;

    if (!PyArg_ParseTuple(args, "n:Tasks", &limit))
        return NULL;
    if (limit < 1 || (keywords && PyDict_GET_SIZE(keywords) > 0)) {
        PyErr_SetString(PyExc_ValueError, "Tasks takes a limit of at least 1");
        return NULL;
    }
    tasks = (struct tasks *)type->tp_alloc(type, 0);
    if (!tasks)
        return NULL;
    tasks->waiting_end = &tasks->waiting;
    tasks->limit = (size_t)limit;
    if (!inbox_init(&tasks->inbox)) {
        type->tp_free(tasks);
        Py_DECREF(type);
        return PyErr_NoMemory();
    }
    return (PyObject *)tasks;
}

static PyObject *tasks_open(PyObject *self, PyObject *args)
{
    struct tasks *tasks = (struct tasks *)self;
    PyObject *loop;
    int read_fd, write_fd;

    if (!PyArg_ParseTuple(args, "Oii:open", &loop, &read_fd, &write_fd))
        return NULL;
    if (tasks->loop) {
        PyErr_SetString(PyExc_RuntimeError, "these tasks are open");
        return NULL;
    }
    tasks->call_soon = PyObject_GetAttrString(loop, "call_soon");
    tasks->take = PyObject_GetAttrString(self, "take");
    tasks->flush = PyObject_GetAttrString(self, "flush");
    if (!tasks->call_soon || !tasks->take || !tasks->flush)
        return NULL;
    tasks->loop = Py_NewRef(loop);
    tasks->read_fd = read_fd;
    inbox_open(&tasks->inbox, write_fd);
    Py_RETURN_NONE;
}

static int tasks_clear(PyObject *self)
{
    struct tasks *tasks = (struct tasks *)self;

    Py_CLEAR(tasks->loop);
    Py_CLEAR(tasks->call_soon);
    Py_CLEAR(tasks->take);
    Py_CLEAR(tasks->flush);
    return 0;
}

static PyObject *tasks_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    flush((struct tasks *)self);
    inbox_close(&((struct tasks *)self)->inbox);
    (void)tasks_clear(self);
    Py_RETURN_NONE;
}

static int tasks_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct tasks *tasks = (struct tasks *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(tasks->loop);
    Py_VISIT(tasks->call_soon);
    Py_VISIT(tasks->take);
    Py_VISIT(tasks->flush);
    return 0;
}

static void tasks_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    (void)tasks_clear(self);
    inbox_fini(&((struct tasks *)self)->inbox);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- the type ---- */

static PyObject *get_running(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(((struct tasks *)self)->running);
}

static PyGetSetDef tasks_attributes[] = {
    {"running", get_running, NULL, PyDoc_STR("How many there are now."), NULL},
    {.name = NULL},
};

static PyMethodDef tasks_methods[] = {
    {"open", tasks_open, METH_VARARGS,
     PyDoc_STR("open($self, loop, read_fd, write_fd, /)\n--\n\n"
               "Takes exchanges from now on; the descriptors, of a pipe that does not "
               "block, stay the\ncaller's.")},
    {"take", tasks_take, METH_NOARGS,
     PyDoc_STR("take($self, /)\n--\n\n"
               "Runs what has come; on the loop's thread.")},
    {"flush", tasks_flush, METH_NOARGS,
     PyDoc_STR("flush($self, /)\n--\n\n"
               "Lets go of the answers that were held back for others; on the loop's "
               "thread.")},
    {"close", tasks_close, METH_NOARGS,
     PyDoc_STR("close($self, /)\n--\n\n"
               "Takes no more; when no server runs.")},
    {.ml_name = NULL},
};

static PyType_Slot tasks_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)DOC_TASKS},
    {Py_tp_new, tasks_new},
    {Py_tp_dealloc, tasks_dealloc},
    {Py_tp_traverse, tasks_traverse},
    {Py_tp_clear, tasks_clear},
    {Py_tp_methods, tasks_methods},
    {Py_tp_getset, tasks_attributes},
    {0, NULL},
};

static PyType_Spec tasks_spec = {
    .name = "pyrs._bridge.Tasks",
    .basicsize = sizeof(struct tasks),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = tasks_slots,
};

PyTypeObject *tasks_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &tasks_spec, NULL);
}
