/* intake.c - see intake.h. */
#include "intake.h"

enum { OVER = INTAKE_FAILED }; /* before there is an exception */

void intake_fini(struct intake *intake)
{
    if (intake->lock)
        PyThread_free_lock(intake->lock);
}

static void lock(struct intake *intake)
{
    if (PyThread_acquire_lock(intake->lock, NOWAIT_LOCK))
        return;
    Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(intake->lock, WAIT_LOCK);
    Py_END_ALLOW_THREADS
}

void intake_end(struct intake *intake)
{
    if (!intake->lock)
        return;
    lock(intake);
    intake->is_over = true;
    PyThread_release_lock(intake->lock);
}

void intake_set_over(void)
{
    PyErr_SetString(PyExc_RuntimeError,
                    "this request's handler has returned: its body cannot be read in "
                    "pieces any more");
}

/* With the lock held; attached if it does not wait. */
static int64_t take_locked(struct intake *intake, struct pyrs_exchange *exchange,
                           char *bytes, size_t room, bool wait)
{
    if (intake->is_over)
        return OVER;
    return pyrs_exchange_read(exchange, bytes, room, wait);
}

int64_t intake_take_now(struct intake *intake, struct pyrs_exchange *exchange,
                        char *bytes, size_t room)
{
    int64_t taken;

    if (!intake->lock && !(intake->lock = PyThread_allocate_lock())) {
        PyErr_NoMemory();
        return INTAKE_FAILED;
    }
    if (!PyThread_acquire_lock(intake->lock, NOWAIT_LOCK))
        return PYRS_BODY_WAIT;
    taken = take_locked(intake, exchange, bytes, room, false);
    PyThread_release_lock(intake->lock);
    if (taken == OVER)
        intake_set_over();
    return taken;
}

int64_t intake_take_waiting(struct intake *intake, struct pyrs_exchange *exchange,
                            char *bytes, size_t room)
{
    int64_t taken;

    Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(intake->lock, WAIT_LOCK);
    taken = take_locked(intake, exchange, bytes, room, true);
    PyThread_release_lock(intake->lock);
    Py_END_ALLOW_THREADS if (taken == OVER) intake_set_over();
    return taken;
}
