/* runner.h - a thread that runs handlers, and whether it still drives its loop
 * afterwards.
 *
 * While a step runs, the watch (watch.h) may take the loop away from under it and give
 * it to another thread. So every return from foreign code asks runner_leave, and
 * touches nothing of the loop if the answer is no.
 *
 * A step costs two stores and a load. The usual way for two threads to agree, a locked
 * instruction on either side, would cost 5 to 10 ns for each handler; here the watch,
 * which challenges rarely, pays for both (membarrier), and only a challenged runner
 * takes a lock.
 */
#ifndef PYRS_SERVE_RUNNER_H
#define PYRS_SERVE_RUNNER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "thread_state.h"

struct pyrs_exchange;
struct crew;
struct mail;
struct service;

/* What a step has done with its exchange so far. */
enum step_outcome {
    STEP_OPEN,     /* nothing, or a body was begun that has more pieces */
    STEP_ENDED,    /* answered, or its body ended */
    STEP_DEFERRED, /* somebody else has it: it must not be touched any more */
};

enum runner_role {
    RUNNER_DRIVES, /* a loop */
    RUNNER_VISITS, /* runs what a loop that it has lost leaves to it (crew.h) */
    RUNNER_FREE,   /* neither */
};

struct runner {
    _Atomic uint64_t step;   /* odd: in foreign code, or waiting to be let in */
    _Atomic uint64_t begun;  /* steps so far; a look into the core within one counts in
                                `step` alone */
    _Atomic bool challenged; /* the watch wants its loop, or has it */
    _Atomic(struct pyrs_exchange *) exchange; /* of the step; NULL: it waits for the
                                                 interpreter */
    struct crew *crew;                        /* NULL: nobody watches */
    struct service *service;                  /* whose loop it drives or has lost */
    enum runner_role role;     /* written under the crew's lock, and read by the thread
                                  itself while it is not challenged */
    bool counts_as_busy;       /* under the crew's lock */
    enum step_outcome outcome; /* of the step */
    struct mail *last_mail;    /* what ends the exchange: sent when the step is over */
    struct thread_id thread;
    uint64_t step_seen, begun_seen, cpu_seen_ns; /* the watch's */
};

static inline void runner_go_inside(struct runner *runner)
{
    uint64_t step = atomic_load_explicit(&runner->step, memory_order_relaxed);

    atomic_store_explicit(&runner->step, step + 1, memory_order_release);
}

static inline void runner_enter(struct runner *runner, struct pyrs_exchange *exchange)
{
    uint64_t begun = atomic_load_explicit(&runner->begun, memory_order_relaxed);

    atomic_store_explicit(&runner->begun, begun + 1, memory_order_relaxed);
    atomic_store_explicit(&runner->exchange, exchange, memory_order_relaxed);
    runner_go_inside(runner);
}

/* The slow half of runner_leave: asks under the crew's lock. */
bool runner_meet_challenge(struct runner *runner);

/* True if the thread, which drove a loop before, still does. May be asked again. */
static inline bool runner_leave(struct runner *runner)
{
    uint64_t step = atomic_load_explicit(&runner->step, memory_order_relaxed);

    atomic_store_explicit(&runner->step, (step + 1) & ~UINT64_C(1),
                          memory_order_relaxed);
    /* The store comes first in the program; that it is seen first is up to the watch.
     */
    atomic_signal_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&runner->challenged, memory_order_relaxed))
        return runner_meet_challenge(runner);
    return true;
}

/* Within a step, after runner_leave was true: back to foreign code. */
static inline void runner_enter_again(struct runner *runner)
{
    runner_go_inside(runner);
}

#endif
