/* inbox.h - what the loops have for the thread that runs asyncio: new exchanges, and
 * what happens to those it has.
 *
 * Filled by threads that are not attached, so everything here is C without Python. One
 * byte in a pipe wakes the reader, when a loop's batch is complete, and only if it
 * sleeps: while it empties the inbox it looks again before it goes.
 */
#ifndef PYRS_BRIDGE_INBOX_H
#define PYRS_BRIDGE_INBOX_H

#include <pthread.h>
#include <stdatomic.h>

#include "../serve/endpoint.h"

struct coroutine;
struct handler;

enum job_event {
    JOB_NEW = 1,
    JOB_SENT = 2, /* enum pyrs_event */
    JOB_BODY = 4,
    JOB_GONE = 8,
};

/* An exchange in the hands of that thread. */
struct job {
    struct pyrs_exchange *exchange; /* NULL: it was answered */
    const struct handler *handler;

    /* Under the lock. */
    struct job *next; /* in the inbox */
    bool queued;      /* there */
    unsigned events;  /* of enum job_event, not seen yet */

    /* The reader's. */
    bool gone;                   /* the client is: nobody takes the answer */
    bool waits;                  /* for its turn */
    struct job *next_waiting;    /* likewise */
    struct coroutine *coroutine; /* new; NULL until it was started */
};

struct inbox {
    pthread_mutex_t lock;
    struct job *first, **end;
    bool reader_runs;    /* and will look again */
    bool wake_due;       /* else, and nobody has woken it yet */
    _Atomic int wake_fd; /* -1: nobody reads, and nothing is taken */
};

bool inbox_init(struct inbox *inbox);
void inbox_fini(struct inbox *inbox);

/* From now on it is read; `wake_fd` is not blocking, and the caller's. */
void inbox_open(struct inbox *inbox, int wake_fd);

/* No loop runs any more. */
void inbox_close(struct inbox *inbox);

/* ---- from any thread ---- */

/* Within a step of the exchange: it is deferred, and a job from now on, which the
 * reader knows of after inbox_wake. False: nobody reads, or memory is out, and it has
 * still to be answered. */
bool inbox_put(struct inbox *inbox, struct pyrs_exchange *exchange,
               const struct handler *handler);

/* For endpoint_class.wake. */
void inbox_wake(struct inbox *inbox);

/* For endpoint_class.notify. */
void inbox_tell(struct inbox *inbox, struct pyrs_exchange *exchange,
                enum pyrs_event event);

/* ---- for the reader ---- */

/* Everything that has come, in order; NULL: nothing, and the next one wakes it. */
struct job *inbox_take(struct inbox *inbox);

/* The first of them, which *rest goes on behind, and its events; 0: it is over, and was
 * freed. */
unsigned inbox_open_job(struct inbox *inbox, struct job **rest, struct job **job);

/* There is more, but others shall run before: it is to be woken again. */
void inbox_pause(struct inbox *inbox);

/* Takes the exchange from the job, which hears no more of it, and is freed unless it
 * still waits. */
struct pyrs_exchange *inbox_end_job(struct inbox *inbox, struct job *job);

#endif
