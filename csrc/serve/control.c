/* control.c - the thread that called pyrs_server_run: it drives no connections, but
 * waits in a libuv loop of its own for signals, for pyrs_server_stop and for the loops
 * to end. */
#include "server.h"

/* A handler gets this long to return when everything has to stop at once. */
enum { ABANDON_AFTER_MS = 1000 };

static const int SIGNALS[HANDLED_SIGNALS] = {SIGINT, SIGTERM, SIGUSR1};

void server_stop_services(struct pyrs_server *server, void (*stop)(struct loop *))
{
    for (uint32_t i = 0; i < server->site.settings.thread_count; i++)
        stop(&server->services[i].loop);
}

static bool ends_if_all_have(struct pyrs_server *server)
{
    if (atomic_load(&server->services_running) > 0)
        return false;
    uv_stop(&server->control.uv);
    return true;
}

/* A thread cannot be ended from outside, so one that is inside a handler is left
 * behind, with the memory it may still touch. */
static void on_abandon(uv_timer_t *timer)
{
    struct pyrs_server *server = timer->data;

    if (ends_if_all_have(server))
        return;
    server_log_text(
        server, PYRS_LOG_ERROR,
        "stopping although a handler has not returned: its thread is left behind");
    server->abandoned = true;
    uv_stop(&server->control.uv);
}

static void stop_at_once(struct pyrs_server *server)
{
    server_stop_services(server, loop_stop_at_once);
    uv_timer_start(&server->control.stop_timer, on_abandon, ABANDON_AFTER_MS, 0);
}

static void on_stop_timeout(uv_timer_t *timer)
{
    struct pyrs_server *server = timer->data;

    if (ends_if_all_have(server))
        return;
    server_log_text(server, PYRS_LOG_WARNING,
                    "stopping at once: not all had ended after timeouts.stop");
    stop_at_once(server);
}

static void obey_stop(struct pyrs_server *server)
{
    int wishes = atomic_load(&server->stop_wishes);
    int seen = server->stop_wishes_seen;

    server->stop_wishes_seen = wishes;
    if (wishes > 1 && seen <= 1) {
        stop_at_once(server);
    } else if (wishes == 1 && seen == 0) {
        server_stop_services(server, loop_stop);
        if (server->site.settings.stop_timeout_ms > 0)
            uv_timer_start(&server->control.stop_timer, on_stop_timeout,
                           server->site.settings.stop_timeout_ms, 0);
    }
}

void server_look_at_control(uv_async_t *wakeup)
{
    struct pyrs_server *server = wakeup->data;

    obey_stop(server);
    ends_if_all_have(server);
}

void pyrs_server_stop(struct pyrs_server *server)
{
    atomic_fetch_add(&server->stop_wishes, 1);
    uv_async_send(&server->control.wakeup);
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *signal, int number)
{
    struct pyrs_server *server = signal->data;
    int none = 0;

    if (number == SIGUSR1) {
        log_reopen(server->site.log);
        return;
    }
    if (server->signals == PYRS_SIGNALS_OF_PERSON)
        atomic_fetch_add(&server->stop_wishes, 1);
    else if (number == SIGINT)
        atomic_store(&server->stop_wishes, 2);
    else
        atomic_compare_exchange_strong(&server->stop_wishes, &none, 1);
    obey_stop(server);
}

void server_take_signals(struct pyrs_server *server)
{
    struct control *control = &server->control;
    sigset_t handled;

    sigemptyset(&handled);
    for (int i = 0; i < HANDLED_SIGNALS; i++) {
        sigaddset(&handled, SIGNALS[i]);
        sigaction(SIGNALS[i], NULL, &control->before[i]);
        uv_signal_init(&control->uv, &control->signals[i]);
        control->signals[i].data = server;
        uv_signal_start(&control->signals[i], on_signal, SIGNALS[i]);
    }
    /* A caller blocks them before it says that it listens, so that none is lost between
     * that and here. */
    pthread_sigmask(SIG_UNBLOCK, &handled, &control->mask_before);
}

void server_give_signals_back(struct pyrs_server *server)
{
    struct control *control = &server->control;

    pthread_sigmask(SIG_SETMASK, &control->mask_before, NULL);
    for (int i = 0; i < HANDLED_SIGNALS; i++) {
        uv_close((uv_handle_t *)&control->signals[i], NULL);
        sigaction(SIGNALS[i], &control->before[i], NULL);
    }
}

/* ---- life ---- */

bool server_open_control(struct pyrs_server *server)
{
    struct control *control = &server->control;

    if (uv_loop_init(&control->uv) != 0)
        return false;
    control->is_open = true;
    uv_async_init(&control->uv, &control->wakeup, server_look_at_control);
    uv_timer_init(&control->uv, &control->stop_timer);
    control->wakeup.data = control->stop_timer.data = server;
    return true;
}

void server_close_control(struct pyrs_server *server)
{
    struct control *control = &server->control;

    if (!control->is_open)
        return;
    uv_close((uv_handle_t *)&control->wakeup, NULL);
    uv_close((uv_handle_t *)&control->stop_timer, NULL);
    while (uv_loop_close(&control->uv) == UV_EBUSY) /* uv_stop may still be pending */
        uv_run(&control->uv, UV_RUN_DEFAULT);
}
