/* cgi_thread.c - the thread of an endpoint: its inbox, and the order in which programs
 * may run. */
#include <signal.h>
#include <stdlib.h>

#include "cgi_run.h"
#include "error.h"

/* ---- the inbox ---- */

/* Under the lock. */
static void add_event(struct cgi *cgi, struct cgi_run *run, unsigned event)
{
    run->events |= event;
    run->is_put |= event == RUN_NEW;
    if (run->is_put && !list_is_linked(&run->queued))
        list_append(&cgi->inbox, &run->queued);
}

/* Woken under the lock: when it has taken the run, the thread may be over. Not by
 * endpoint_class.wake, which is one call for all endpoints of a class: each of these
 * has a thread of its own. */
void cgi_thread_put(struct cgi *cgi, struct cgi_run *run)
{
    uv_mutex_lock(&cgi->lock);
    add_event(cgi, run, RUN_NEW);
    uv_async_send(&cgi->wakeup);
    uv_mutex_unlock(&cgi->lock);
}

void cgi_thread_tell(struct cgi *cgi, struct pyrs_exchange *exchange, unsigned event)
{
    struct cgi_run *run;

    uv_mutex_lock(&cgi->lock);
    run = pyrs_exchange_state(exchange);
    if (run)
        add_event(cgi, run, event);
    uv_mutex_unlock(&cgi->lock);
}

static struct cgi_run *take(struct cgi *cgi, unsigned *events)
{
    struct cgi_run *run = NULL;
    struct link *link;

    uv_mutex_lock(&cgi->lock);
    link = list_take_first(&cgi->inbox);
    if (link) {
        run = CONTAINER_OF(link, struct cgi_run, queued);
        *events = run->events;
        run->events = 0;
    }
    uv_mutex_unlock(&cgi->lock);
    return run;
}

static bool is_stopping(struct cgi *cgi)
{
    bool stopping;

    uv_mutex_lock(&cgi->lock);
    stopping = cgi->stopping;
    uv_mutex_unlock(&cgi->lock);
    return stopping;
}

/* ---- who runs ---- */

static void launch(struct cgi *cgi, struct cgi_run *run)
{
    list_append(&cgi->runs, &run->link);
    cgi->run_count++;
    atomic_fetch_add(&cgi->site->programs->running, 1);
    cgi_run_launch(run);
}

static void stop_waiting(struct cgi *cgi, struct cgi_run *run)
{
    list_remove(&run->link);
    run->waits = false;
    cgi->waiting_count--;
    atomic_fetch_sub(&cgi->site->programs->waiting, 1);
}

/* One that cannot be launched is over at once. */
static void launch_waiting(struct cgi *cgi)
{
    if (cgi->launching)
        return;
    cgi->launching = true;
    while (cgi->run_count < cgi->settings.processes_max &&
           !list_is_empty(&cgi->waiting)) {
        struct cgi_run *run = CONTAINER_OF(cgi->waiting.next, struct cgi_run, link);

        stop_waiting(cgi, run);
        launch(cgi, run);
    }
    cgi->launching = false;
}

static void begin(struct cgi *cgi, struct cgi_run *run)
{
    if (!cgi_run_find(run))
        return;
    if (cgi->run_count < cgi->settings.processes_max) {
        launch(cgi, run);
    } else if (cgi->waiting_count < cgi->settings.waiting_max) {
        list_append(&cgi->waiting, &run->link);
        cgi->waiting_count++;
        atomic_fetch_add(&cgi->site->programs->waiting, 1);
        cgi_run_wait(run);
    } else {
        cgi_run_respond(run, 503);
        cgi_run_settle(run);
    }
}

void cgi_thread_run_over(struct cgi_run *run)
{
    struct cgi *cgi = run->cgi;

    if (run->waits) {
        stop_waiting(cgi, run);
    } else if (list_is_linked(&run->link)) {
        list_remove(&run->link);
        cgi->run_count--;
        atomic_fetch_sub(&cgi->site->programs->running, 1);
    }
    launch_waiting(cgi);
}

/* ---- its loop ---- */

static void end_all(struct cgi *cgi)
{
    struct link *link = cgi->runs.next;

    while (link != &cgi->runs) {
        struct cgi_run *run = CONTAINER_OF(link, struct cgi_run, link);

        link = link->next;
        cgi_run_kill(run);
    }
}

static void on_wakeup(uv_async_t *wakeup)
{
    struct cgi *cgi = CONTAINER_OF(wakeup, struct cgi, wakeup);
    struct cgi_run *run;
    unsigned events;

    while ((run = take(cgi, &events))) {
        if (events & RUN_NEW)
            cgi_run_open(run);
        if (events & RUN_NEW && !(events & RUN_GONE))
            begin(cgi, run);
        cgi_run_tell(run, events);
    }
    if (is_stopping(cgi))
        end_all(cgi);
}

/* A pipe whose reader has gone is an error of a write, not the end of the process. */
static void block_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
}

static void run_thread(void *context)
{
    struct cgi *cgi = context;

    block_signals();
    while (!is_stopping(cgi) || cgi->run_count > 0)
        uv_run(&cgi->uv, UV_RUN_ONCE);
    cgi_launchers_stop(cgi->launchers);
    uv_close((uv_handle_t *)&cgi->wakeup, NULL);
    uv_run(&cgi->uv, UV_RUN_DEFAULT);
}

/* ---- its life ---- */

/* With its first pipe libuv opens a descriptor to spare, which the loop keeps: now,
 * while there are some. */
static void open_first_pipe(struct cgi *cgi)
{
    uv_pipe_t pipe;

    uv_pipe_init(&cgi->uv, &pipe, 0);
    uv_close((uv_handle_t *)&pipe, NULL);
    uv_run(&cgi->uv, UV_RUN_NOWAIT);
}

/* No thread has run it. */
static void close_loop(struct cgi *cgi)
{
    cgi_launchers_stop(cgi->launchers);
    uv_close((uv_handle_t *)&cgi->wakeup, NULL);
    uv_run(&cgi->uv, UV_RUN_DEFAULT);
    uv_loop_close(&cgi->uv);
}

bool cgi_thread_start(struct cgi *cgi, struct pyrs_error *error)
{
    int code = uv_loop_init(&cgi->uv);

    if (code != 0)
        return error_set(error, -code, "cannot make an event loop: %s",
                         uv_strerror(code));
    code = uv_async_init(&cgi->uv, &cgi->wakeup, on_wakeup);
    if (code != 0) {
        uv_loop_close(&cgi->uv);
        return error_set(error, -code, "cannot make an event loop: %s",
                         uv_strerror(code));
    }
    open_first_pipe(cgi);
    cgi_launchers_start(cgi->launchers, &cgi->uv, cgi->site->log);
    cgi->stopping = false;
    code = uv_thread_create(&cgi->thread, run_thread, cgi);
    if (code == 0)
        return true;
    close_loop(cgi);
    return error_set(error, -code, "cannot make a thread for CGI programs: %s",
                     uv_strerror(code));
}

void cgi_thread_stop(struct cgi *cgi)
{
    uv_mutex_lock(&cgi->lock);
    cgi->stopping = true;
    uv_mutex_unlock(&cgi->lock);
    uv_async_send(&cgi->wakeup);
    uv_thread_join(&cgi->thread);
    uv_loop_close(&cgi->uv);
}
