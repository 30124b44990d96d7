/* tasks.h - pyrs._bridge.Tasks: the exchanges whose handlers run in asyncio.
 *
 * One for each server. Its inbox is filled by the loops; asyncio's thread empties it
 * and runs a task for each exchange, `limit` of them at most: the others wait in order.
 * Everything but the inbox belongs to that thread.
 */
#ifndef PYRS_BRIDGE_TASKS_H
#define PYRS_BRIDGE_TASKS_H

#include "inbox.h"
#include "module.h"

struct tasks {
    PyObject_HEAD struct inbox inbox;
    int read_fd;         /* what the inbox wakes the reader by */
    PyObject *loop;      /* asyncio's, NULL while it is closed */
    PyObject *call_soon; /* its method */
    PyObject *take;      /* our own, for it */
    size_t running, limit;
    struct job *waiting, **waiting_end;
    bool takes_soon; /* call_soon was told */

    /* Answers leave together (pyrs_batch_begin). */
    PyObject *flush; /* our own method, for call_soon */
    bool is_taking;  /* and flushes behind that */
    bool holds;      /* what is answered */
    uint64_t holds_since_ns;
};

PyTypeObject *tasks_type_new(PyObject *module);

/* A task that ran is over. */
void tasks_end_one(struct tasks *tasks);

/* Before something is said of an exchange: lets it leave with what others say in the
 * same turn of asyncio's loop. */
void tasks_hold(struct tasks *tasks);

#endif
