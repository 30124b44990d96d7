/* interpreter_wait.c - see interpreter_wait.h. */
#include "interpreter_wait.h"

#include <stdatomic.h>
#include <uv.h>

#include "thread_state.h"

/* The conditions and mutexes of CPython's lock stand together, in less than this. */
enum { LOCK_BYTES = 256 };
/* How long the waiting thread is watched, at most, and how often. */
enum { LOOKS = 200, LOOK_NS = 50 * 1000 };

struct waiter {
    const struct interpreter *interpreter;
    struct thread_id thread;
    _Atomic bool has_begun;
};

static void wait_once(void *argument)
{
    struct waiter *waiter = argument;
    const struct interpreter *interpreter = waiter->interpreter;

    waiter->thread = thread_self();
    atomic_store(&waiter->has_begun, true);
    interpreter->detach(interpreter->context,
                        interpreter->attach(interpreter->context));
    interpreter->thread_end(interpreter->context);
}

/* Twice in the same place: before it waits it may have to sleep elsewhere for a moment.
 */
static uint64_t place_of(struct waiter *waiter)
{
    uint64_t last = 0, futex;

    for (int i = 0; i < LOOKS; i++) {
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
        if (!atomic_load(&waiter->has_begun) ||
            !thread_sleeps(&waiter->thread, &futex) || !futex)
            continue;
        if (futex == last)
            return futex;
        last = futex;
    }
    return 0;
}

uint64_t interpreter_wait_find(const struct interpreter *interpreter)
{
    void *attached = interpreter->attach(interpreter->context);
    struct waiter waiter = {.interpreter = interpreter};
    uint64_t place = 0;
    uv_thread_t thread;
    bool waits = uv_thread_create(&thread, wait_once, &waiter) == 0;

    if (waits)
        place = place_of(&waiter);
    interpreter->detach(interpreter->context, attached);
    if (waits)
        uv_thread_join(&thread);
    interpreter->thread_end(interpreter->context);
    return place;
}

bool interpreter_wait_is_at(uint64_t place, uint64_t futex)
{
    return place && futex && futex - place + LOCK_BYTES < 2 * LOCK_BYTES;
}
