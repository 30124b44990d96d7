/* crew.c - see crew.h. */
#include "crew.h"

#include <assert.h>
#include <stdlib.h>

#include "interpreter_wait.h"
#include "service.h"
#include "site.h"
#include "steps.h"
#include "watch.h"

/* A standby that nobody called for so long ends, unless it is the last one. */
static const uint64_t IDLE_NS = UINT64_C(2) * 1000 * 1000 * 1000;

/* How often it is tried to find out where the interpreter is waited for, and the pause
 * after the first time, which doubles: two seconds in all. */
enum { FIND_TRIES = 10, FIND_AGAIN_NS = 2 * 1000 * 1000 };

static struct member *member_of(struct link *link)
{
    return CONTAINER_OF(link, struct member, link);
}

static struct pyrs_exchange *exchange_of(struct link *link)
{
    return CONTAINER_OF(link, struct pyrs_exchange, queue);
}

static void set_counter(_Atomic uint64_t *number, uint64_t value)
{
    atomic_store_explicit(number, value, memory_order_relaxed);
}

/* ---- members: under the lock ---- */

void crew_count_as_busy(struct crew *crew, struct runner *runner)
{
    assert(!runner->counts_as_busy);
    runner->counts_as_busy = true;
    set_counter(&crew->counters.threads_busy, ++crew->busy);
}

static void not_busy(struct crew *crew, struct runner *runner)
{
    if (!runner->counts_as_busy)
        return;
    runner->counts_as_busy = false;
    set_counter(&crew->counters.threads_busy, --crew->busy);
}

static void member_run(void *member);

static struct member *new_member(struct crew *crew)
{
    struct member *member = calloc(1, sizeof *member);

    if (!member)
        return NULL;
    member->crew = member->runner.crew = crew;
    member->runner.role = RUNNER_FREE;
    list_init(&member->link);
    if (uv_cond_init(&member->called) != 0) {
        free(member);
        return NULL;
    }
    if (uv_thread_create(&member->thread, member_run, member) != 0) {
        uv_cond_destroy(&member->called);
        free(member);
        return NULL;
    }
    set_counter(&crew->counters.threads, ++crew->members);
    return member;
}

/* Hand-overs may go a little past handler_threads: they are few, since each leaves a
 * mark, and a loop that cannot be handed on stands still. */
static uint32_t members_max(const struct crew *crew)
{
    return 2 * crew->post_count + crew->site->settings.handler_threads;
}

struct member *crew_call_member(struct crew *crew)
{
    struct link *link = list_take_first(&crew->idle);

    if (link) {
        crew->members_idle--;
        return member_of(link);
    }
    return crew->members < members_max(crew) ? new_member(crew) : NULL;
}

static void stand_by(struct crew *crew, struct member *member)
{
    list_prepend(&crew->idle, &member->link);
    crew->members_idle++;
}

void crew_dismiss(struct member *member)
{
    stand_by(member->crew, member);
}

static struct post *post_of(struct crew *crew, const struct service *service)
{
    for (uint32_t i = 0;; i++)
        if (crew->posts[i].service == service)
            return &crew->posts[i];
}

void crew_send(struct member *member)
{
    struct runner *runner = &member->runner;
    struct post *post =
        member->task == TASK_RUN ? NULL : post_of(member->crew, member->service);

    runner->service = member->service;
    if (member->task == TASK_RUN) {
        crew_count_as_busy(member->crew, runner);
    } else if (member->task == TASK_VISIT) {
        runner->role = RUNNER_VISITS;
        post->visitor = runner;
    } else {
        runner->role = RUNNER_DRIVES;
        post->driver = runner;
    }
    uv_cond_signal(&member->called);
}

/* ---- members: what they do ---- */

static void drive(struct crew *crew, struct member *member)
{
    struct service *service = member->service;
    bool takes_over = member->task == TASK_TAKE_OVER;
    bool over;

    uv_mutex_unlock(&crew->lock);
    service_driven_by(service, &member->runner);
    if (takes_over)
        service_take_over(service, member->exchange);
    over = takes_over ? loop_take_over(&service->loop) : loop_run(&service->loop);
    uv_mutex_lock(&crew->lock);
    if (!over)
        return;
    post_of(crew, service)->driver = NULL;
    crew->loop_over(crew->context);
}

/* Its task is done. If its handler counted as one beside the loops, what waited for a
 * place may go on, unless hand-overs have taken more places than there are. */
static void next_task(struct crew *crew, struct member *member)
{
    struct runner *runner = &member->runner;
    bool may_run =
        runner->counts_as_busy && crew->busy <= crew->site->settings.handler_threads;
    struct link *link = may_run ? list_take_first(&crew->jobs) : NULL;

    runner->role = RUNNER_FREE;
    atomic_store(&runner->challenged, false);
    member->task = link ? TASK_RUN : TASK_NONE;
    member->exchange = link ? exchange_of(link) : NULL;
    if (!link)
        not_busy(crew, runner);
}

/* A route that is quick may go back to its loop. One step of several tells nothing of
 * the others, unless it is slow. */
static void run_and_note(struct crew *crew, struct member *member,
                         struct pyrs_exchange *exchange)
{
    struct mark_place place = marks_place(exchange);
    bool is_whole = !exchange->started;
    uint64_t since_ns = uv_hrtime();
    uint64_t took_ns;
    bool quick;

    steps_run_away(&member->runner, exchange);
    took_ns = uv_hrtime() - since_ns;
    quick = took_ns < (uint64_t)crew->site->settings.handoff_after_us * 1000;
    is_whole &= member->runner.outcome == STEP_ENDED;
    if (is_whole || !quick)
        marks_note_run(&crew->marks, place, quick);
    atomic_fetch_add_explicit(&crew->counters.handler_time_ns, took_ns,
                              memory_order_relaxed);
}

/* What needs no interpreter may block, and others would have to wait for it. */
static void change_to(const struct interpreter *needed,
                      const struct interpreter **attached_to, void **attached)
{
    if (needed == *attached_to)
        return;
    if (*attached_to)
        (*attached_to)->detach((*attached_to)->context, *attached);
    if (needed)
        *attached = needed->attach(needed->context);
    *attached_to = needed;
}

/* Until no exchange waits. */
static void run_exchanges(struct crew *crew, struct member *member)
{
    const struct interpreter *attached_to = NULL;
    void *attached = NULL;

    while (member->task == TASK_RUN) {
        struct pyrs_exchange *exchange = member->exchange;

        uv_mutex_unlock(&crew->lock);
        change_to(exchange->endpoint->class->interpreter, &attached_to, &attached);
        run_and_note(crew, member, exchange);
        uv_mutex_lock(&crew->lock);
        next_task(crew, member);
    }
    if (!attached_to)
        return;
    uv_mutex_unlock(&crew->lock);
    change_to(NULL, &attached_to, &attached);
    uv_mutex_lock(&crew->lock);
}

/* An attach that took so long found others in the interpreter. */
static const uint64_t CONTENDED_NS = UINT64_C(1000) * 1000;

static void visit(struct crew *crew, struct member *member)
{
    const struct interpreter *interpreter = crew->site->interpreter;
    struct post *post = post_of(crew, member->service);
    uint64_t since_ns = uv_hrtime();
    void *attached;

    uv_mutex_unlock(&crew->lock);
    attached = interpreter->attach(interpreter->context);
    uv_mutex_lock(&crew->lock);
    post->contended = uv_hrtime() - since_ns > CONTENDED_NS;
    uv_mutex_unlock(&crew->lock);
    crew_visit(&member->runner);
    interpreter->detach(interpreter->context, attached);
    uv_mutex_lock(&crew->lock);
}

/* False: it was not called for long, and others stand by. */
static bool wait_for_call(struct crew *crew, struct member *member)
{
    while (member->task == TASK_NONE && !crew->stopping)
        if (uv_cond_timedwait(&member->called, &crew->lock, IDLE_NS) != 0 &&
            list_is_linked(&member->link) && crew->members_idle > 1)
            return false;
    return !crew->stopping;
}

static void join_ended(struct crew *crew)
{
    struct link *link;

    while ((link = list_take_first(&crew->ended))) {
        struct member *member = member_of(link);

        uv_mutex_unlock(&crew->lock);
        uv_thread_join(&member->thread);
        uv_mutex_lock(&crew->lock);
        uv_cond_destroy(&member->called);
        free(member);
    }
}

static void member_run(void *argument)
{
    struct member *member = argument;
    struct crew *crew = member->crew;
    const struct interpreter *interpreter = crew->site->interpreter;

    uv_mutex_lock(&crew->lock);
    member->runner.thread = thread_self();
    while (wait_for_call(crew, member)) {
        if (member->task != TASK_RUN) {
            if (member->task == TASK_VISIT)
                visit(crew, member);
            else
                drive(crew, member);
            next_task(crew, member);
        }
        run_exchanges(crew, member);
        join_ended(crew);
        stand_by(crew, member);
    }
    if (list_is_linked(&member->link)) {
        list_remove(&member->link);
        crew->members_idle--;
    }
    uv_mutex_unlock(&crew->lock);
    if (interpreter)
        interpreter->thread_end(interpreter->context);
    uv_mutex_lock(&crew->lock);
    set_counter(&crew->counters.threads, --crew->members);
    list_append(&crew->ended, &member->link);
    uv_cond_broadcast(&crew->changed);
    uv_mutex_unlock(&crew->lock);
}

/* ---- exchanges ---- */

bool crew_run(struct crew *crew, struct pyrs_exchange *exchange)
{
    struct member *member = NULL;
    bool must_wait;

    uv_mutex_lock(&crew->lock);
    must_wait = crew->busy >= crew->site->settings.handler_threads;
    if (!must_wait)
        member = crew_call_member(crew);
    if (member) {
        member->task = TASK_RUN;
        member->exchange = exchange;
        crew_send(member);
    } else if (crew->busy > 0) {
        list_append(&crew->jobs, &exchange->queue);
        atomic_fetch_add_explicit(&crew->counters.waits, 1, memory_order_relaxed);
        must_wait = true;
    }
    uv_mutex_unlock(&crew->lock);
    return member || must_wait;
}

/* Under the lock. False: there is no thread for it. */
static bool call_for(struct crew *crew, enum member_task task, struct service *service)
{
    struct member *member = crew_call_member(crew);

    if (!member)
        return false;
    member->task = task;
    member->service = service;
    crew_send(member);
    return true;
}

bool crew_call_visitor(struct crew *crew, struct service *service)
{
    bool called;

    uv_mutex_lock(&crew->lock);
    called = call_for(crew, TASK_VISIT, service);
    uv_mutex_unlock(&crew->lock);
    return called;
}

void crew_leave_to_visitor(struct crew *crew, struct service *service,
                           struct pyrs_exchange *exchange)
{
    uv_mutex_lock(&crew->lock);
    list_append(&post_of(crew, service)->visits, &exchange->queue);
    uv_mutex_unlock(&crew->lock);
}

/* Exchanges that one visitor runs: a loop that is busy would never be without one, and
 * bodies that were lent to it are not given back meanwhile. */
enum { VISITS_MAX = BATCH_READY_MAX };

void crew_visit(struct runner *runner)
{
    struct crew *crew = runner->crew;
    struct service *service = runner->service;
    struct post *post = post_of(crew, service);
    struct link *link;

    uv_mutex_lock(&crew->lock);
    for (int i = 0; i < VISITS_MAX && post->visitor == runner &&
                    (link = list_take_first(&post->visits));
         i++) {
        uv_mutex_unlock(&crew->lock);
        steps_run_away(runner, exchange_of(link));
        uv_mutex_lock(&crew->lock);
    }
    if (post->visitor == runner) { /* else the watch has seen to it */
        post->visitor = NULL;
        mail_post(service, mail_new(MAIL_RECLAIM, NULL));
    }
    uv_mutex_unlock(&crew->lock);
}

bool crew_take_back(struct crew *crew, struct service *service, struct link *exchanges)
{
    struct post *post = post_of(crew, service);
    bool contended;

    uv_mutex_lock(&crew->lock);
    list_move_all(exchanges, &post->visits);
    contended = post->contended;
    uv_mutex_unlock(&crew->lock);
    return contended;
}

/* ---- life ---- */

bool crew_init(struct crew *crew, const struct site *site, uint32_t loops)
{
    crew->site = site;
    crew->post_count = loops;
    list_init(&crew->idle);
    list_init(&crew->ended);
    list_init(&crew->jobs);
    crew->posts = calloc(loops, sizeof *crew->posts);
    if (!crew->posts)
        return false;
    for (uint32_t i = 0; i < loops; i++)
        list_init(&crew->posts[i].visits);
    if (uv_mutex_init(&crew->lock) == 0) {
        if (uv_cond_init(&crew->changed) == 0)
            return true;
        uv_mutex_destroy(&crew->lock);
    }
    free(crew->posts);
    return false;
}

bool crew_drive(struct crew *crew, uint32_t index, struct service *service)
{
    bool called;

    uv_mutex_lock(&crew->lock);
    crew->posts[index].service = service;
    called = call_for(crew, TASK_DRIVE, service);
    uv_mutex_unlock(&crew->lock);
    return called;
}

/* True if the crew goes on after it. */
static bool pause_finding(struct crew *crew, uint64_t ns)
{
    uint64_t end_ns = uv_hrtime() + ns, now_ns;
    bool goes_on;

    uv_mutex_lock(&crew->lock);
    while (!crew->stopping && (now_ns = uv_hrtime()) < end_ns)
        uv_cond_timedwait(&crew->changed, &crew->lock, end_ns - now_ns);
    goes_on = !crew->stopping;
    uv_mutex_unlock(&crew->lock);
    return goes_on;
}

/* On a thread of its own: the watch must not wait for the interpreter. Again if it was
 * in vain: on a busy machine whoever is looked at may get no processor meanwhile. */
static void find_interpreter_wait(void *argument)
{
    struct crew *crew = argument;
    uint64_t pause_ns = FIND_AGAIN_NS;
    uint64_t place;

    for (int i = 0; i < FIND_TRIES; i++, pause_ns *= 2) {
        place = interpreter_wait_find(crew->site->interpreter);
        atomic_store(&crew->interpreter_wait, place);
        if (place || !pause_finding(crew, pause_ns))
            return;
    }
}

bool crew_watch(struct crew *crew)
{
    if (crew->site->settings.handoff_after_us == 0)
        return true;
    crew->finding = crew->site->interpreter &&
                    uv_thread_create(&crew->finder, find_interpreter_wait, crew) == 0;
    crew->watching =
        watch_is_possible() && uv_thread_create(&crew->watch, watch_run, crew) == 0;
    return crew->watching;
}

void crew_fini(struct crew *crew)
{
    uv_mutex_lock(&crew->lock);
    crew->stopping = true;
    for (struct link *link = crew->idle.next; link != &crew->idle; link = link->next)
        uv_cond_signal(&member_of(link)->called);
    uv_cond_broadcast(&crew->changed);
    while (crew->members > 0 || !list_is_empty(&crew->ended)) {
        join_ended(crew);
        if (crew->members > 0)
            uv_cond_wait(&crew->changed, &crew->lock);
    }
    uv_mutex_unlock(&crew->lock);
    if (crew->finding)
        uv_thread_join(&crew->finder);
    if (crew->watching)
        uv_thread_join(&crew->watch);
    uv_cond_destroy(&crew->changed);
    uv_mutex_destroy(&crew->lock);
    free(crew->posts);
}
