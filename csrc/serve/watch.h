/* watch.h - the thread that sees a handler block, and hands its loop on.
 *
 * It looks at every loop once in handoff_after. A runner that is in the same step as at
 * the last look has been there that long at least, twice that at most: no clock is read
 * for a handler. One that hardly ran meanwhile, because others had the processors, is
 * left alone: handed on and marked, a quick handler would cost a busy machine several
 * times as much. While no loop runs anything, the watch sleeps until one does.
 */
#ifndef PYRS_SERVE_WATCH_H
#define PYRS_SERVE_WATCH_H

#include "crew.h"

/* The thread's function; takes the crew. */
void watch_run(void *crew);

/* False if the system lacks what it takes to challenge a running thread. */
bool watch_is_possible(void);

void watch_wake(struct crew *crew);

/* When a step has begun: wakes it if it sleeps. */
static inline void watch_look_out(struct crew *crew)
{
    /* The store of the step comes first; see runner_leave. */
    atomic_signal_fence(memory_order_seq_cst);
    if (crew && atomic_load_explicit(&crew->watch_sleeps, memory_order_relaxed))
        watch_wake(crew);
}

#endif
