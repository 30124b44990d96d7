/* interpreter_wait.h - telling those who wait for the interpreter from those who sleep.
 *
 * A handler that sleeps needs a thread of its own; one that waits for the interpreter
 * only shares it with others, and more threads would make all of them wait longer. Both
 * sleep, as the system sees it, but the second always in the same place.
 */
#ifndef PYRS_SERVE_INTERPRETER_WAIT_H
#define PYRS_SERVE_INTERPRETER_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "endpoint.h"

/* Where (thread_state.h) a thread sleeps that waits for the interpreter: found out by
 * letting one wait for less than a millisecond. 0 if it cannot be told. */
uint64_t interpreter_wait_find(const struct interpreter *interpreter);

/* True if a thread that sleeps on `futex` waits for it; `place` is what was found. */
bool interpreter_wait_is_at(uint64_t place, uint64_t futex);

#endif
