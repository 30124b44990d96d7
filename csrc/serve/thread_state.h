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

/* False if it runs, or would if a processor were free. True too if the system does not
 * tell. `*futex` is the address of what it sleeps on, a mutex or a condition for
 * example, or 0. Costs some microseconds: /proc is read. */
bool thread_sleeps(const struct thread_id *thread, uint64_t *futex);

#endif
