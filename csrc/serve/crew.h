/* crew.h - the threads of a server: those that drive its loops, those that run handlers
 * beside them, and those that stand by.
 *
 * Any of them may do any of it. A loop belongs to whoever drives it; when its handler
 * blocks, the watch (watch.h) gives the loop to a standby, and the thread that is left
 * behind becomes one itself when the handler returns. An exchange whose route is known
 * to block (marks.h) is run on another thread from the start.
 *
 * Everything here is under one lock, which a request that stays on its loop never
 * takes.
 */
#ifndef PYRS_SERVE_CREW_H
#define PYRS_SERVE_CREW_H

#include <uv.h>

#include "../net/list.h"
#include "marks.h"
#include "runner.h"

struct service;
struct site;

enum member_task {
    TASK_NONE,
    TASK_DRIVE,     /* a loop, from its start */
    TASK_TAKE_OVER, /* a loop that another thread drove */
    TASK_VISIT,     /* to be a loop's visitor */
    TASK_RUN,       /* an exchange, and those that wait */
};

struct member {
    struct runner runner;
    struct crew *crew;
    uv_thread_t thread;
    uv_cond_t called;
    struct link link; /* in crew->idle or crew->ended */

    enum member_task task;          /* what it is called for */
    struct service *service;        /* of all but TASK_RUN */
    struct pyrs_exchange *exchange; /* to run, or, to be taken over with the loop, what
                                       the thread that drove it before is running; NULL:
                                       that one waits for the interpreter */
};

/* One loop, as the watch sees it. */
struct post {
    struct service *service;
    struct runner *driver;  /* NULL: the loop is over */
    struct runner *visitor; /* has lost the loop, and waits for the interpreter or runs
                               what has become ready for it; NULL: none */
    struct link visits;     /* exchanges for the visitor */
    bool contended;         /* a visitor had to wait for the interpreter */
};

struct crew_counters {
    _Atomic uint64_t hand_overs;
    _Atomic uint64_t threads;
    _Atomic uint64_t threads_busy;
    _Atomic uint64_t waits;
    _Atomic uint64_t handler_time_ns;
};

struct crew {
    const struct site *site;
    uv_mutex_t lock;
    uv_cond_t changed; /* the watch has to look, or a member has ended */
    uv_thread_t watch;
    bool watching;
    bool stopping;
    _Atomic bool watch_sleeps;
    struct link idle;  /* members, the last one first */
    struct link ended; /* to be joined */
    struct link jobs;  /* exchanges that wait for a thread */
    struct post *posts;
    uint32_t post_count;
    uint32_t members;
    uint32_t members_idle;
    uint32_t busy;      /* inside handlers beside the loops */
    uv_thread_t finder; /* of interpreter_wait */
    bool finding;
    _Atomic uint64_t interpreter_wait; /* interpreter_wait.h; 0: not found yet */
    struct marks marks;
    struct crew_counters counters;
    void (*loop_over)(void *context); /* from the thread that drove it */
    void *context;
};

/* False if the system refuses. */
bool crew_init(struct crew *crew, const struct site *site, uint32_t loops);

/* Ends and joins every thread; the loops are over. */
void crew_fini(struct crew *crew);

/* Gives the index-th loop a thread. False if the system has none. */
bool crew_drive(struct crew *crew, uint32_t index, struct service *service);

/* Starts the watch, if the settings want one. False if the system cannot have one. */
bool crew_watch(struct crew *crew);

/* Runs a step of the exchange, which is away, on another thread, at once or when its
 * turn comes. False if there is none, nor will be. */
bool crew_run(struct crew *crew, struct pyrs_exchange *exchange);

/* ---- visitors: they wait for the interpreter in the place of a loop, which goes on.
 *
 * A thread becomes one when it loses its loop while it waits, or is called for it when
 * another one had to wait shortly before. A loop has one at most, and does not attach
 * itself meanwhile. ---- */

/* Calls a visitor for the loop. False if there is no thread for it. */
bool crew_call_visitor(struct crew *crew, struct service *service);

/* Leaves an exchange, which is away, to the visitor of the loop. */
void crew_leave_to_visitor(struct crew *crew, struct service *service,
                           struct pyrs_exchange *exchange);

/* Runs, attached, what has been left to this thread, up to a batch; then it is no
 * visitor any more, and the loop takes the rest back. */
void crew_visit(struct runner *runner);

/* Takes back what was left to a visitor that is gone. True if it had to wait. */
bool crew_take_back(struct crew *crew, struct service *service, struct link *exchanges);

/* ---- for the watch, under the lock ---- */

/* A thread for more work, not in `idle` any more; NULL if the system has none. */
struct member *crew_call_member(struct crew *crew);

/* It was not needed. */
void crew_dismiss(struct member *member);

/* Sends it to work. */
void crew_send(struct member *member);

/* The runner's handler runs beside the loops from now on. */
void crew_count_as_busy(struct crew *crew, struct runner *runner);

#endif
