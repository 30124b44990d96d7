/* interpreter_wait.c - see interpreter_wait.h. */
#include "interpreter_wait.h"

#include <uv.h>

#include "thread_state.h"

/* The conditions and mutexes of CPython's lock stand together, in less than this. */
enum { LOCK_BYTES = 256 };
/* How often the waiting thread is looked at, at most, and how long it is left alone
 * before each: all that time the interpreter is kept. */
enum { LOOKS = 40, LOOK_NS = 50 * 1000 };

struct waiter {
    const struct interpreter *interpreter;
    struct thread_id thread;
    uv_sem_t ready, go;
};

static void wait_once(void *argument)
{
    struct waiter *waiter = argument;
    const struct interpreter *interpreter = waiter->interpreter;

    waiter->thread = thread_self();
    uv_sem_post(&waiter->ready);
    uv_sem_wait(&waiter->go);
    interpreter->detach(interpreter->context,
                        interpreter->attach(interpreter->context));
    interpreter->thread_end(interpreter->context);
}

/* Twice in the same place: before it waits it may have to sleep elsewhere for a moment,
 * at first in our semaphore. */
static uint64_t place_of(const struct waiter *waiter)
{
    uint64_t last = 0, futex;

    for (int i = 0; i < LOOKS; i++) {
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
        if (!thread_sleeps(&waiter->thread, &futex) || !futex ||
            futex - (uintptr_t)waiter < sizeof *waiter)
            continue;
        if (futex == last)
            return futex;
        last = futex;
    }
    return 0;
}

/* The other thread runs before the interpreter is taken, so that this is kept no longer
 * than the other one needs to fall asleep. */
static uint64_t watch_one_wait(struct waiter *waiter)
{
    const struct interpreter *interpreter = waiter->interpreter;
    uint64_t place;
    uv_thread_t thread;
    void *attached;

    if (uv_thread_create(&thread, wait_once, waiter) != 0)
        return 0;
    uv_sem_wait(&waiter->ready);
    attached = interpreter->attach(interpreter->context);
    uv_sem_post(&waiter->go);
    place = place_of(waiter);
    interpreter->detach(interpreter->context, attached);
    uv_thread_join(&thread);
    interpreter->thread_end(interpreter->context);
    return place;
}

uint64_t interpreter_wait_find(const struct interpreter *interpreter)
{
    struct waiter waiter = {.interpreter = interpreter};
    uint64_t place;

    if (uv_sem_init(&waiter.ready, 0) != 0)
        return 0;
    if (uv_sem_init(&waiter.go, 0) != 0) {
        uv_sem_destroy(&waiter.ready);
        return 0;
    }
    place = watch_one_wait(&waiter);
    uv_sem_destroy(&waiter.ready);
    uv_sem_destroy(&waiter.go);
    return place;
}

bool interpreter_wait_is_at(uint64_t place, uint64_t futex)
{
    return place && futex && futex - place + LOCK_BYTES < 2 * LOCK_BYTES;
}
