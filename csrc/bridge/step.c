/* step.c - see step.h. */
#include "step.h"

static _Thread_local const struct pyrs_exchange *exchange_of_step;
static _Thread_local PyObject *called_at_end;

void step_begin(const struct pyrs_exchange *exchange)
{
    exchange_of_step = exchange;
}

static void call_at_end(void)
{
    PyObject *callable = called_at_end;
    PyObject *result;

    called_at_end = NULL;
    result = PyObject_CallNoArgs(callable);
    if (!result)
        PyErr_WriteUnraisable(callable);
    Py_XDECREF(result);
    Py_DECREF(callable);
}

void step_end(void)
{
    exchange_of_step = NULL;
    if (called_at_end)
        call_at_end();
}

bool step_is_of(const struct pyrs_exchange *exchange)
{
    return exchange == exchange_of_step;
}

bool step_call_at_end(PyObject *callable)
{
    if (!exchange_of_step)
        return false;
    Py_XSETREF(called_at_end, Py_NewRef(callable));
    return true;
}
