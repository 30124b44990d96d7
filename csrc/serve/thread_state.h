/* thread_state.h - what a thread of this process does, as the system sees it. */
#ifndef PYRS_SERVE_THREAD_STATE_H
#define PYRS_SERVE_THREAD_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct thread_id {
    int number; /* the system's */
    clockid_t cpu_clock;
};

/* The calling thread. What is asked below must be asked while it lives. */
struct thread_id thread_self(void);

/* Its CPU time so far; 0 if the system does not tell. */
uint64_t thread_cpu_ns(const struct thread_id *thread);

/* True if it runs, or would if a processor were free; false if it sleeps, or if the
 * system does not tell. Costs some microseconds: /proc is read. */
bool thread_wants_processor(const struct thread_id *thread);

#endif
