/* step.h - which request of a WSGI application runs on this thread, step by step.
 *
 * Elsewhere than in its step the core would take a thread for the one that drives the
 * loop, which locks nothing: what an application was given asks here whether it may go
 * to the core.
 */
#ifndef PYRS_BRIDGE_STEP_H
#define PYRS_BRIDGE_STEP_H

#include <Python.h>
#include <stdbool.h>

struct pyrs_exchange;

/* Around each step of an exchange, by the thread that runs it, attached. */
void step_begin(const struct pyrs_exchange *exchange);
void step_end(void);

/* True if it is its step that runs on this thread. */
bool step_is_of(const struct pyrs_exchange *exchange);

/* Lets it be called, without arguments, when this thread's step ends, in the place of
 * what was to be called before. False: none runs here. */
bool step_call_at_end(PyObject *callable);

#endif
