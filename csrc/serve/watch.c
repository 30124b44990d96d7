/* watch.c - see watch.h. */
#include "watch.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exchange.h"
#include "interpreter_wait.h"
#include "mail.h"
#include "service.h"
#include "site.h"

/* Looks without anything to see until the watch goes to sleep. */
enum { IDLE_LOOKS = 16 };
/* It does not look more often: each look costs a wake-up. */
enum { PERIOD_MIN_US = 100 };

static uint64_t period_ns(const struct crew *crew)
{
    uint32_t after_us = crew->site->settings.handoff_after_us;

    return (uint64_t)(after_us > PERIOD_MIN_US ? after_us : PERIOD_MIN_US) * 1000;
}

/* ---- challenging a runner ----
 *
 * Either its next look at `challenged` sees our store, or our next look at `step` sees
 * that it has left: membarrier puts a full fence into every running thread of the
 * process, in the place of the one that runner_leave leaves out. */

static long membarrier(int command)
{
    return syscall(__NR_membarrier, command, 0, 0);
}

bool watch_is_possible(void)
{
    return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

/* True: it is still in that step, and asks us before it does anything else. */
static bool challenge(struct runner *runner, uint64_t step)
{
    atomic_store(&runner->challenged, true);
    membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    if (atomic_load_explicit(&runner->step, memory_order_acquire) == step)
        return true;
    atomic_store(&runner->challenged, false);
    return false;
}

/* ---- handing on ---- */

/* Of its step: of that at which the watch looks, if it is challenged then. */
static struct pyrs_exchange *exchange_of(struct runner *runner)
{
    return atomic_load_explicit(&runner->exchange, memory_order_relaxed);
}

enum doing { COMPUTES, SLEEPS, WAITS_FOR_INTERPRETER };

/* It waits for the lock that the watch has while it looks. */
static bool is_of_crew(const struct crew *crew, uint64_t futex)
{
    return futex - (uintptr_t)crew < sizeof *crew;
}

static enum doing doing_of(const struct crew *crew, const struct runner *runner)
{
    uint64_t futex;

    if (!thread_sleeps(&runner->thread, &futex) || is_of_crew(crew, futex))
        return COMPUTES;
    return interpreter_wait_is_at(atomic_load(&crew->interpreter_wait), futex)
               ? WAITS_FOR_INTERPRETER
               : SLEEPS;
}

/* Each time the route loses a loop, not when the handler returns: until then others
 * would lose theirs to it. Not if it waits for the interpreter: many threads would but
 * wait for each other. One that computes is marked if it does so again soon: now and
 * then Python's collector runs in it, or it is called for the first time. */
static void mark(struct crew *crew, enum doing doing,
                 const struct pyrs_exchange *exchange)
{
    struct mark_place place = marks_place(exchange);

    if (doing == SLEEPS ||
        (doing == COMPUTES && marks_computed_before(&crew->marks, place, uv_hrtime())))
        marks_set(&crew->marks, place);
}

/* The driver is in a handler, or waits for the interpreter: another thread drives on.
 */
static void relieve_driver(struct crew *crew, struct post *post, uint64_t step)
{
    struct runner *runner = post->driver;
    enum doing doing = doing_of(crew, runner);
    struct member *relief = crew_call_member(crew);

    if (!relief)
        return;
    if (!challenge(runner, step)) {
        crew_dismiss(relief);
        return;
    }
    relief->task = TASK_TAKE_OVER;
    relief->service = post->service;
    relief->exchange = exchange_of(runner);
    if (relief->exchange) {
        mark(crew, doing, relief->exchange);
        runner->role = RUNNER_FREE;
        crew_count_as_busy(crew, runner);
    } else {
        runner->role = RUNNER_VISITS;
        post->visitor = runner;
        post->contended = true;
    }
    atomic_fetch_add(&crew->counters.hand_overs, 1);
    crew_send(relief);
}

/* It runs a handler that blocks: what waits behind it is the loop's again. Not if the
 * handler waits for the interpreter, as all of that would do: with a thread more all of
 * them would wait longer, and so on until there are no more threads. */
static void relieve_visitor(struct crew *crew, struct post *post, uint64_t step)
{
    struct runner *runner = post->visitor;
    struct pyrs_exchange *exchange = exchange_of(runner);
    enum doing doing = doing_of(crew, runner);

    if (!exchange || doing == WAITS_FOR_INTERPRETER || !challenge(runner, step))
        return;
    mark(crew, doing, exchange);
    runner->role = RUNNER_FREE;
    post->visitor = NULL;
    crew_count_as_busy(crew, runner);
    atomic_fetch_add(&crew->counters.hand_overs, 1);
    mail_post(post->service, mail_new(MAIL_RECLAIM, NULL));
}

/* True if it has hardly run since the watch saw its step first, and would go on if it
 * could: then it is the machine that is busy, and another thread would wait as well. */
static bool waits_for_processor(const struct crew *crew, const struct runner *runner)
{
    uint64_t used_ns = thread_cpu_ns(&runner->thread) - runner->cpu_seen_ns;
    uint64_t futex;

    return used_ns < period_ns(crew) / 2 && !thread_sleeps(&runner->thread, &futex);
}

/* True if it is in the step in which it was at the last look, even if it has been in
 * the core meanwhile: one that sends a byte every millisecond blocks others too. */
static bool has_been_long(const struct crew *crew, struct runner *runner,
                          uint64_t *step)
{
    uint64_t begun;
    bool is_the_same;

    *step = atomic_load_explicit(&runner->step, memory_order_acquire);
    begun = atomic_load_explicit(&runner->begun, memory_order_relaxed);
    is_the_same = begun == runner->begun_seen;
    runner->begun_seen = begun;
    runner->step_seen = *step;
    if (!(*step & 1))
        return false;
    if (is_the_same)
        return !waits_for_processor(crew, runner);
    runner->cpu_seen_ns = thread_cpu_ns(&runner->thread);
    return false;
}

/* True if anything has moved since the last look. */
static bool look(struct crew *crew, struct post *post)
{
    uint64_t seen = post->driver ? post->driver->step_seen : 0;
    uint64_t step;

    if (post->visitor && has_been_long(crew, post->visitor, &step))
        relieve_visitor(crew, post, step);
    if (!post->driver)
        return false;
    if (has_been_long(crew, post->driver, &step))
        relieve_driver(crew, post, step);
    return post->visitor || (step & 1) || step != seen;
}

static bool any_runs(const struct crew *crew)
{
    for (uint32_t i = 0; i < crew->post_count; i++)
        if (crew->posts[i].driver &&
            (atomic_load_explicit(&crew->posts[i].driver->step, memory_order_acquire) &
             1))
            return true;
    return false;
}

/* ---- the thread ---- */

/* Whoever begins to run after the barrier sees that it has to wake us. */
static void sleep_until_called(struct crew *crew)
{
    atomic_store(&crew->watch_sleeps, true);
    membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    while (atomic_load(&crew->watch_sleeps) && !crew->stopping && !any_runs(crew))
        uv_cond_wait(&crew->changed, &crew->lock);
    atomic_store(&crew->watch_sleeps, false);
}

void watch_wake(struct crew *crew)
{
    uv_mutex_lock(&crew->lock);
    atomic_store(&crew->watch_sleeps, false);
    uv_cond_broadcast(&crew->changed);
    uv_mutex_unlock(&crew->lock);
}

void watch_run(void *argument)
{
    struct crew *crew = argument;
    int idle_looks = 0;

    uv_mutex_lock(&crew->lock);
    while (!crew->stopping) {
        bool moved = false;

        uv_cond_timedwait(&crew->changed, &crew->lock, period_ns(crew));
        for (uint32_t i = 0; i < crew->post_count; i++)
            moved |= look(crew, &crew->posts[i]);
        idle_looks = moved ? 0 : idle_looks + 1;
        if (idle_looks < IDLE_LOOKS)
            continue;
        sleep_until_called(crew);
        idle_looks = 0;
    }
    uv_mutex_unlock(&crew->lock);
}
