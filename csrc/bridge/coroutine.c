/* coroutine.c - see coroutine.h. Reading order: coroutine_start, step, proceed,
 * returned, answer. */
#include "coroutine.h"

#include "failure.h"
#include "handler.h"
#include "result.h"

#define DOC_COROUTINE "What a task runs for a request: its handler, then its answer."

/* From 3.12 on a task may run its first step while it is made. */
#define HAVE_EAGER_TASKS (PY_VERSION_HEX >= 0x030c0000)

static const char *name_of(const struct coroutine *coroutine)
{
    return coroutine->job->handler->name;
}

/* ---- the end ---- */

/* The exchange, which is to be answered now, is all that is left of the job. */
static struct pyrs_exchange *finish(struct coroutine *coroutine)
{
    struct pyrs_exchange *exchange =
        inbox_end_job(&coroutine->tasks->inbox, coroutine->job);

    coroutine->job = NULL;
    if (coroutine->head) {
        result_drop(coroutine->head);
        PyMem_Free(coroutine->head);
        coroutine->head = NULL;
    }
    for (int i = 0; i < AWAITED_COUNT; i++)
        Py_CLEAR(coroutine->awaited[i]);
    Py_CLEAR(coroutine->task);
    tasks_end_one(coroutine->tasks);
    Py_DECREF((PyObject *)coroutine); /* the job's; the caller has another */
    return exchange;
}

static void give_request_back(struct coroutine *coroutine)
{
    struct request *request = coroutine->request;

    coroutine->request = NULL;
    if (!request)
        return;
    request->reading.coroutine = NULL;
    request_give_back(coroutine->state, request);
}

static void answer(struct coroutine *coroutine, struct result *result)
{
    give_request_back(coroutine);
    tasks_hold(coroutine->tasks);
    result_send(result, finish(coroutine));
}

static void end_body(struct coroutine *coroutine, bool complete)
{
    give_request_back(coroutine);
    tasks_hold(coroutine->tasks);
    pyrs_exchange_end(finish(coroutine), complete);
}

/* ---- failing, with an exception set ---- */

static void fail_by_result(struct coroutine *coroutine, struct result *result)
{
    failure_of_result(result, coroutine->state, name_of(coroutine),
                      coroutine->job->exchange);
    answer(coroutine, result);
}

static void fail_by_handler(struct coroutine *coroutine)
{
    struct result result;

    failure_of_handler(&result, coroutine->state, name_of(coroutine),
                       coroutine->job->exchange);
    if (!result.stream) {
        answer(coroutine, &result);
        return;
    }
    result_drop(&result);
    PyErr_SetString(PyExc_TypeError, "the HTTPError of an async handler cannot have a "
                                     "stream for its body");
    fail_by_result(coroutine, &result);
}

static void fail(struct coroutine *coroutine)
{
    if (!coroutine->begun) {
        fail_by_handler(coroutine);
        return;
    }
    failure_log(coroutine->state, name_of(coroutine),
                "raised in the middle of its body", coroutine->job->exchange);
    end_body(coroutine, false);
}

/* The client left, or the handler's own task was cancelled by somebody: asyncio is told
 * either way. */
static void be_cancelled(struct coroutine *coroutine)
{
    PyObject *exception = exception_take();

    if (coroutine->job->gone) {
        end_body(coroutine, false);
    } else {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        fail(coroutine);
    }
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_DECREF(exception);
}

static PySendResult raised(struct coroutine *coroutine)
{
    if (PyErr_ExceptionMatches(coroutine->state->policy.cancelled_error_type)) {
        be_cancelled(coroutine);
        return PYGEN_ERROR;
    }
    fail(coroutine);
    return PYGEN_RETURN;
}

/* ---- what the handler returned ---- */

static bool keep_head(struct coroutine *coroutine, struct result *result)
{
    coroutine->head = PyMem_Malloc(sizeof *coroutine->head);
    if (!coroutine->head) {
        PyErr_NoMemory();
        return false;
    }
    result_move(coroutine->head, result);
    return true;
}

/* From here on `inner` is the coroutine that sends the items. Takes the result, unless
 * it fails. */
static bool begin_stream(struct coroutine *coroutine, struct result *result)
{
    PyObject *items = result->stream;

    coroutine->inner = PyObject_CallFunctionObjArgs(coroutine->state->policy.send_items,
                                                    (PyObject *)coroutine, items, NULL);
    if (!coroutine->inner)
        return false;
    result->stream = NULL;
    if (!keep_head(coroutine, result)) {
        result->stream = items;
        Py_CLEAR(coroutine->inner);
        return false;
    }
    Py_DECREF(items);
    coroutine->streams = true;
    return true;
}

/* Takes `value`. */
static void answer_with(struct coroutine *coroutine, PyObject *value)
{
    struct result result;

    if (!result_from_value(&result, coroutine->state, coroutine->request, value)) {
        fail_by_result(coroutine, &result);
        return;
    }
    if (!result.stream) {
        answer(coroutine, &result);
        return;
    }
    if (begin_stream(coroutine, &result))
        return;
    result_drop(&result);
    fail_by_result(coroutine, &result);
}

/* The coroutine that sends a body is over; without an item, there is a whole answer. */
static void end_stream(struct coroutine *coroutine)
{
    struct result empty;

    if (coroutine->begun) {
        end_body(coroutine, true);
        return;
    }
    result_move(&empty, coroutine->head);
    PyMem_Free(coroutine->head);
    coroutine->head = NULL;
    answer(coroutine, &empty);
}

/* ---- a step ---- */

/* What `await` would drive. NULL without an exception: nothing, it is a value. */
static PyObject *inner_of(PyObject *value)
{
    const PyAsyncMethods *async = Py_TYPE(value)->tp_as_async;

    if (PyCoro_CheckExact(value))
        return Py_NewRef(value);
    return async && async->am_await ? async->am_await(value) : NULL;
}

/* As if driving it: what the call gave may be a value already. */
static PySendResult call(struct coroutine *coroutine, PyObject **value)
{
    const struct handler *handler = coroutine->job->handler;
    PyObject *returned = handler_call(handler, coroutine->request);

    if (!returned)
        return PYGEN_ERROR;
    coroutine->inner = inner_of(returned);
    if (!coroutine->inner && !PyErr_Occurred()) {
        *value = returned;
        return PYGEN_RETURN;
    }
    Py_DECREF(returned);
    return coroutine->inner ? PyIter_Send(coroutine->inner, Py_None, value)
                            : PYGEN_ERROR;
}

/* Goes on until something is to be awaited or all is over; `value` is what the inner
 * coroutine has just given. */
static PySendResult proceed(struct coroutine *coroutine, PySendResult given,
                            PyObject *value, PyObject **result)
{
    *result = NULL;
    while (given != PYGEN_NEXT) {
        Py_CLEAR(coroutine->inner);
        if (given == PYGEN_ERROR) {
            given = raised(coroutine);
        } else if (coroutine->streams) {
            Py_DECREF(value);
            end_stream(coroutine);
        } else {
            answer_with(coroutine, value);
        }
        if (!coroutine->inner) {
            if (given != PYGEN_ERROR)
                *result = Py_NewRef(Py_None);
            return given;
        }
        given = PyIter_Send(coroutine->inner, Py_None, &value);
    }
    *result = value;
    return given;
}

static PySendResult step(PyObject *self, PyObject *argument, PyObject **result)
{
    struct coroutine *coroutine = (struct coroutine *)self;
    PySendResult given;
    PyObject *value;

    *result = NULL;
    if (coroutine_is_over(coroutine))
        return PYGEN_ERROR;
    given = coroutine->inner ? PyIter_Send(coroutine->inner, argument, &value)
                             : call(coroutine, &value);
    return proceed(coroutine, given, value, result);
}

/* ---- a coroutine's methods ---- */

/* As a generator's: the end is a StopIteration. */
static PyObject *as_method(PySendResult given, PyObject *result)
{
    if (given != PYGEN_RETURN)
        return result;
    Py_DECREF(result);
    PyErr_SetNone(PyExc_StopIteration);
    return NULL;
}

static PyObject *coroutine_send(PyObject *self, PyObject *argument)
{
    PyObject *result;
    PySendResult given = step(self, argument, &result);

    return as_method(given, result);
}

static PyObject *coroutine_next(PyObject *self)
{
    return coroutine_send(self, Py_None);
}

static void raise_argument(PyObject *const *args, Py_ssize_t count)
{
    if (PyExceptionInstance_Check(args[0]))
        PyErr_SetObject((PyObject *)Py_TYPE(args[0]), args[0]);
    else
        PyErr_SetObject(args[0], count > 1 ? args[1] : NULL);
}

/* The value of the StopIteration that is set. */
static PyObject *take_returned(void)
{
    PyObject *end = exception_take();
    PyObject *value = PyObject_GetAttrString(end, "value");

    Py_DECREF(end);
    return value;
}

/* What has no throw is left where it is. */
static PySendResult throw_into(struct coroutine *coroutine, PyObject *const *args,
                               Py_ssize_t count, PyObject **value)
{
    PyObject *method = coroutine->inner ? PyObject_GetAttr(coroutine->inner,
                                                           coroutine->state->name_throw)
                                        : NULL;

    if (!method) {
        PyErr_Clear();
        raise_argument(args, count);
        return PYGEN_ERROR;
    }
    *value = PyObject_Vectorcall(method, args, (size_t)count, NULL);
    Py_DECREF(method);
    if (*value)
        return PYGEN_NEXT;
    if (!PyErr_ExceptionMatches(PyExc_StopIteration))
        return PYGEN_ERROR;
    *value = take_returned();
    return *value ? PYGEN_RETURN : PYGEN_ERROR;
}

static PyObject *coroutine_throw(PyObject *self, PyObject *const *args,
                                 Py_ssize_t count)
{
    struct coroutine *coroutine = (struct coroutine *)self;
    PyObject *value = NULL, *result;
    PySendResult given;

    if (count < 1 || count > 3) {
        PyErr_SetString(PyExc_TypeError, "throw takes an exception");
        return NULL;
    }
    if (coroutine_is_over(coroutine))
        return NULL;
    given = throw_into(coroutine, args, count, &value);
    given = proceed(coroutine, given, value, &result);
    return as_method(given, result);
}

/* Nobody will run it any more. */
static PyObject *coroutine_close(PyObject *self, PyObject *unused)
{
    struct coroutine *coroutine = (struct coroutine *)self;
    PyObject *closed = NULL;

    (void)unused;
    if (!coroutine->job)
        Py_RETURN_NONE;
    if (coroutine->inner)
        closed =
            PyObject_CallMethodNoArgs(coroutine->inner, coroutine->state->name_close);
    if (coroutine->inner && !closed)
        failure_log(coroutine->state, name_of(coroutine), "raised while it was closed",
                    coroutine->job->exchange);
    Py_XDECREF(closed);
    Py_CLEAR(coroutine->inner);
    end_body(coroutine, false);
    Py_RETURN_NONE;
}

/* What is not found here (cr_frame, cr_await, __qualname__) is looked for in the
 * handler's coroutine, so that asyncio's tools show that. */
static PyObject *coroutine_getattro(PyObject *self, PyObject *name)
{
    PyObject *inner = ((struct coroutine *)self)->inner;
    PyObject *found = PyObject_GenericGetAttr(self, name);

    if (found || !inner || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return found;
    PyErr_Clear();
    return PyObject_GetAttr(inner, name);
}

/* ---- starting ---- */

PyObject *coroutine_task_keywords(void)
{
#if HAVE_EAGER_TASKS
    return Py_BuildValue("(sss)", "loop", "name", "eager_start");
#else
    return Py_BuildValue("(ss)", "loop", "name");
#endif
}

static PyObject *make_task(struct coroutine *coroutine, const struct handler *handler)
{
    PyObject *arguments[] = {(PyObject *)coroutine, coroutine->tasks->loop,
                             handler->title, Py_True};

    return PyObject_Vectorcall(coroutine->state->policy.task_type, arguments, 1,
                               coroutine->state->task_keywords);
}

static struct coroutine *coroutine_new(struct tasks *tasks, struct job *job)
{
    struct module_state *state = job->handler->state;
    PyTypeObject *type = state->coroutine_type;
    struct coroutine *coroutine = (struct coroutine *)type->tp_alloc(type, 0);

    if (!coroutine)
        return NULL;
    coroutine->state = state;
    coroutine->tasks = (struct tasks *)Py_NewRef((PyObject *)tasks);
    coroutine->job = job;
    job->coroutine = (struct coroutine *)Py_NewRef((PyObject *)coroutine);
    coroutine->request = request_take(state, job->handler->settings, job->exchange);
    if (coroutine->request)
        coroutine->request->reading.coroutine = coroutine;
    return coroutine;
}

/* Not even a coroutine could be made. */
static void refuse(struct tasks *tasks, struct job *job)
{
    struct pyrs_exchange *exchange = inbox_end_job(&tasks->inbox, job);

    PyErr_WriteUnraisable((PyObject *)tasks);
    tasks_end_one(tasks);
    pyrs_exchange_end(exchange, false);
}

void coroutine_start(struct tasks *tasks, struct job *job)
{
    struct coroutine *coroutine = coroutine_new(tasks, job);
    PyObject *task;

    if (!coroutine) {
        refuse(tasks, job);
        return;
    }
    task = coroutine->request ? make_task(coroutine, job->handler) : NULL;
    if (task && coroutine->job)
        coroutine->task = Py_NewRef(task);
    else if (!task && coroutine->job)
        fail(coroutine);
    else if (!task)
        PyErr_WriteUnraisable((PyObject *)coroutine);
    Py_XDECREF(task);
    Py_DECREF((PyObject *)coroutine);
}

/* ---- the type ---- */

static int coroutine_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct coroutine *coroutine = (struct coroutine *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(coroutine->tasks);
    Py_VISIT(coroutine->request);
    Py_VISIT(coroutine->task);
    Py_VISIT(coroutine->inner);
    for (int i = 0; i < AWAITED_COUNT; i++)
        Py_VISIT(coroutine->awaited[i]);
    return 0;
}

/* A job holds its coroutine, so this one is over. */
static void coroutine_dealloc(PyObject *self)
{
    struct coroutine *coroutine = (struct coroutine *)self;
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    Py_CLEAR(coroutine->inner);
    Py_CLEAR(coroutine->request);
    Py_DECREF((PyObject *)coroutine->tasks);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *coroutine_self(PyObject *self)
{
    return Py_NewRef(self);
}

static PyMethodDef coroutine_methods[] = {
    {"send", coroutine_send, METH_O, PyDoc_STR("As a coroutine's.")},
    {"throw", (PyCFunction)(void (*)(void))coroutine_throw, METH_FASTCALL,
     PyDoc_STR("As a coroutine's.")},
    {"close", coroutine_close, METH_NOARGS, PyDoc_STR("As a coroutine's.")},
    {"send_item", coroutine_send_item, METH_O,
     PyDoc_STR("send_item($self, item, /)\n--\n\n"
               "Sends a piece of the body: 0 go on, 1 pause, 2 nobody wants it.")},
    {"flow", coroutine_flow, METH_NOARGS,
     PyDoc_STR("flow($self, /)\n--\n\n"
               "What send_item gave would be now.")},
    {"sent", coroutine_sent, METH_NOARGS,
     PyDoc_STR("sent($self, /)\n--\n\n"
               "After a pause: a future, done when more may be sent.")},
    {.ml_name = NULL},
};

static PyType_Slot coroutine_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)DOC_COROUTINE},
    {Py_tp_dealloc, coroutine_dealloc},
    {Py_tp_traverse, coroutine_traverse},
    {Py_tp_getattro, coroutine_getattro},
    {Py_tp_methods, coroutine_methods},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, coroutine_next},
    {Py_am_await, coroutine_self},
    {Py_am_send, step},
    {0, NULL},
};

static PyType_Spec coroutine_spec = {
    .name = "pyrs._bridge.Coroutine",
    .basicsize = sizeof(struct coroutine),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = coroutine_slots,
};

PyTypeObject *coroutine_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &coroutine_spec, NULL);
}
