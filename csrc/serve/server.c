/* server.c - a server's life: routes, listeners, loops on their threads, the stop.
 *
 * The thread that calls pyrs_server_run drives no connections: it waits in a libuv loop
 * of its own for signals, for pyrs_server_stop and for the loops to end.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../net/listener.h"
#include "error.h"
#include "service.h"
#include "settings.h"
#include "site.h"

/* Descriptors for everything that is not a connection: logs, modules, databases. */
enum { DESCRIPTORS_RESERVED = 64 };
/* libuv's own, four with 1.44, and the listening sockets. */
enum { DESCRIPTORS_PER_LOOP = 8 };

/* A handler gets this long to return when everything has to stop at once. */
enum { ABANDON_AFTER_MS = 1000 };

static const uint64_t PAUSE_RECORD_INTERVAL_NS = UINT64_C(10) * 1000 * 1000 * 1000;

enum { HANDLED_SIGNALS = 3 };
static const int SIGNALS[HANDLED_SIGNALS] = {SIGINT, SIGTERM, SIGUSR1};

struct bound {
    struct listen_address address;
    int *sockets; /* one for each loop; -1 once a loop owns it */
    struct listener *listeners;
};

struct control {
    uv_loop_t uv;
    uv_async_t wakeup;
    uv_timer_t stop_timer;
    uv_signal_t signals[HANDLED_SIGNALS];
    struct sigaction before[HANDLED_SIGNALS]; /* whatever the host program had set */
    sigset_t mask_before;
    bool is_open;
};

struct pyrs_server {
    struct site site;
    struct connection_limit connections;
    struct pyrs_endpoint **endpoints; /* each once, to be freed */
    size_t endpoint_count;
    struct bound *bound;
    uint32_t bound_count;
    struct service *services; /* one for each loop */
    struct control control;
    bool has_run;
    bool abandoned; /* a handler never returned: its thread still uses all this */
    _Atomic int stop_wishes;
    int stop_wishes_seen;
    _Atomic uint32_t services_running;
    _Atomic uint64_t pause_record_ns; /* when the log last heard of an accept pause */
};

/* ---- log ---- */

void pyrs_server_log(struct pyrs_server *server, int level, struct pyrs_slice message)
{
    log_write(server->site.log, level, slice_of(message.bytes, message.length));
}

static void log_text(struct pyrs_server *server, int level, const char *text)
{
    log_write(server->site.log, level, slice_of(text, strlen(text)));
}

/* A full server pauses whenever a connection has come for one that went: the log hears
 * of it now and then. */
static bool is_time_for_pause_record(struct pyrs_server *server)
{
    uint64_t now_ns = uv_hrtime();
    uint64_t last_ns = atomic_load(&server->pause_record_ns);

    if (last_ns != 0 && now_ns - last_ns < PAUSE_RECORD_INTERVAL_NS)
        return false;
    return atomic_compare_exchange_strong(&server->pause_record_ns, &last_ns, now_ns);
}

static void on_accept_pause(void *context, int code)
{
    char text[160];

    if (!is_time_for_pause_record(context))
        return;
    if (code == 0)
        snprintf(text, sizeof text, "accepting pauses: %s",
                 "limits.connections are open; raise it or find who holds them");
    else
        snprintf(text, sizeof text,
                 "accepting pauses: %s; raise the limit of open files "
                 "(ulimit -n) or lower limits.connections",
                 strerror(code));
    log_text(context, PYRS_LOG_WARNING, text);
}

/* ---- the control loop: open as long as the server exists, so that a stop may be asked
 * for at any time ---- */

static void on_control_wakeup(uv_async_t *wakeup);

static bool open_control(struct pyrs_server *server)
{
    struct control *control = &server->control;

    if (uv_loop_init(&control->uv) != 0)
        return false;
    control->is_open = true;
    uv_async_init(&control->uv, &control->wakeup, on_control_wakeup);
    uv_timer_init(&control->uv, &control->stop_timer);
    control->wakeup.data = control->stop_timer.data = server;
    return true;
}

static void close_control(struct pyrs_server *server)
{
    struct control *control = &server->control;

    if (!control->is_open)
        return;
    uv_close((uv_handle_t *)&control->wakeup, NULL);
    uv_close((uv_handle_t *)&control->stop_timer, NULL);
    while (uv_loop_close(&control->uv) == UV_EBUSY) /* uv_stop may still be pending */
        uv_run(&control->uv, UV_RUN_DEFAULT);
}

/* ---- making ---- */

/* Every connection is a descriptor: asks the system for as many, and says if it
 * refuses. */
static void fit_connections(struct pyrs_server *server)
{
    struct rlimit files;
    rlim_t reserved = DESCRIPTORS_RESERVED +
                      server->site.settings.thread_count * DESCRIPTORS_PER_LOOP;
    rlim_t wanted = server->site.settings.connections_max + reserved;
    rlim_t room;
    char text[160];

    server->connections.max = server->site.settings.connections_max;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= wanted)
        return;
    files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &files);
    room =
        files.rlim_cur > 2 * reserved ? files.rlim_cur - reserved : files.rlim_cur / 2;
    if (room >= server->connections.max)
        return;
    server->connections.max = (uint32_t)room;
    snprintf(text, sizeof text,
             "at most %u connections instead of %u: the limit of open files is %llu",
             server->connections.max, server->site.settings.connections_max,
             (unsigned long long)files.rlim_cur);
    log_text(server, PYRS_LOG_WARNING, text);
}

static struct site site_of(const struct pyrs_settings *settings)
{
    struct site site = {
        .settings = *settings,
        .head_limits =
            {
                .request_line_bytes_max = settings->request_line_bytes_max,
                .head_bytes_max = settings->head_bytes_max,
                .headers_max = settings->headers_max,
            },
        .router = router_new(),
    };

    snprintf(site.server_name, sizeof site.server_name, "%s", settings->server_name);
    site.settings.server_name = NULL; /* the caller's; the copy counts */
    site.settings.log_path = NULL;
    return site;
}

struct pyrs_server *pyrs_server_new(const struct pyrs_settings *settings,
                                    struct pyrs_error *error)
{
    struct pyrs_server *server;

    if (!settings_check(settings, error))
        return NULL;
    server = calloc(1, sizeof *server);
    if (!server) {
        error_set(error, 0, "out of memory");
        return NULL;
    }
    server->connections.paused = on_accept_pause;
    server->connections.context = server;
    server->site = site_of(settings);
    server->site.log = log_open(settings->log_path, settings->log_level);
    if (!server->site.log || !server->site.router) {
        error_set(error, errno, "cannot open the log%s%s: %s",
                  settings->log_path ? " " : "",
                  settings->log_path ? settings->log_path : "", strerror(errno));
        pyrs_server_free(server);
        return NULL;
    }
    server->services = calloc(settings->thread_count, sizeof *server->services);
    if (!server->services || !open_control(server)) {
        error_set(error, 0, "out of memory or descriptors");
        pyrs_server_free(server);
        return NULL;
    }
    fit_connections(server);
    return server;
}

static void close_sockets(struct pyrs_server *server, struct bound *bound)
{
    for (uint32_t i = 0; i < server->site.settings.thread_count; i++)
        if (bound->sockets[i] >= 0)
            close(bound->sockets[i]);
    listener_unlink(&bound->address);
}

void pyrs_server_free(struct pyrs_server *server)
{
    if (!server)
        return;
    if (server->abandoned) {
        log_flush(server->site.log);
        return;
    }
    for (uint32_t i = 0; i < server->bound_count; i++) {
        close_sockets(server, &server->bound[i]);
        free(server->bound[i].sockets);
        free(server->bound[i].listeners);
    }
    for (size_t i = 0; i < server->endpoint_count; i++)
        server->endpoints[i]->class->free(server->endpoints[i]);
    close_control(server);
    if (server->site.log)
        log_close(server->site.log);
    router_free(server->site.router);
    free(server->endpoints);
    free(server->bound);
    free(server->services);
    free(server);
}

/* ---- routes ---- */

static bool own_endpoint(struct pyrs_server *server, struct pyrs_endpoint *endpoint)
{
    struct pyrs_endpoint **grown;

    for (size_t i = 0; i < server->endpoint_count; i++)
        if (server->endpoints[i] == endpoint)
            return true;
    grown = realloc(server->endpoints, (server->endpoint_count + 1) * sizeof *grown);
    if (!grown)
        return false;
    server->endpoints = grown;
    server->endpoints[server->endpoint_count++] = endpoint;
    return true;
}

bool pyrs_server_add_route(struct pyrs_server *server, const char *pattern,
                           const char *methods, struct pyrs_endpoint *endpoint,
                           struct pyrs_error *error)
{
    if (!own_endpoint(server, endpoint)) {
        endpoint->class->free(endpoint);
        return error_set(error, 0, "out of memory");
    }
    if (!router_add(server->site.router, pattern, methods, endpoint, error))
        return false;
    if (endpoint->class->interpreter)
        server->site.interpreter = endpoint->class->interpreter;
    return true;
}

/* ---- listening ---- */

static bool read_address(struct listen_address *address, const char *text,
                         uint16_t port, struct pyrs_error *error)
{
    size_t length = strlen(text);

    if (length >= sizeof address->text)
        return error_set(error, 0, "the address is too long: %s", text);
    memcpy(address->text, text, length + 1);
    address->is_unix = strncmp(text, "unix:", 5) == 0;
    address->port = address->is_unix ? 0 : port;
    return true;
}

static const char *listen_fault(const struct listen_address *address, int code)
{
    if (address->is_unix)
        return strerror(code);
    switch (code) {
    case EADDRINUSE:
        return "address already in use: another program listens there";
    case EACCES:
        return "permission denied: ports below 1024 need rights that this user lacks";
    case EADDRNOTAVAIL:
        return "this machine has no such address";
    default:
        return strerror(code);
    }
}

static bool listen_failed(struct pyrs_error *error,
                          const struct listen_address *address, int code,
                          const char *call)
{
    const char *fault = listen_fault(address, code);

    if (address->is_unix)
        return error_set(error, code, "cannot listen on %s: %s (%s)", address->text,
                         fault, call);
    return error_set(error, code, "cannot listen on %s port %u: %s (%s)", address->text,
                     address->port, fault, call);
}

bool pyrs_server_listen(struct pyrs_server *server, const char *text, uint16_t port,
                        struct pyrs_error *error)
{
    uint32_t threads = server->site.settings.thread_count;
    struct bound bound = {0};
    struct bound *grown;
    const char *call;
    int code;

    if (!read_address(&bound.address, text, port, error))
        return false;
    grown = realloc(server->bound, (server->bound_count + 1) * sizeof *grown);
    bound.sockets = calloc(threads, sizeof *bound.sockets);
    bound.listeners = calloc(threads, sizeof *bound.listeners);
    if (grown)
        server->bound = grown;
    if (!grown || !bound.sockets || !bound.listeners) {
        code = ENOMEM;
        call = "malloc";
    } else {
        code = listener_bind(&bound.address, server->site.settings.listen_backlog,
                             bound.sockets, threads, &call);
    }
    if (code != 0) {
        free(bound.sockets);
        free(bound.listeners);
        return listen_failed(error, &bound.address, code, call);
    }
    server->bound[server->bound_count++] = bound;
    return true;
}

uint16_t pyrs_server_port(const struct pyrs_server *server, uint32_t listener)
{
    return listener < server->bound_count ? server->bound[listener].address.port : 0;
}

/* ---- stopping ---- */

static void stop_services(struct pyrs_server *server, void (*stop)(struct loop *))
{
    for (uint32_t i = 0; i < server->site.settings.thread_count; i++)
        stop(&server->services[i].loop);
}

/* A thread cannot be ended from outside, so one that is inside a handler is left
 * behind, with the memory it may still touch. */
static void on_abandon(uv_timer_t *timer)
{
    struct pyrs_server *server = timer->data;

    log_text(server, PYRS_LOG_ERROR,
             "stopping although a handler has not returned: its thread is left behind");
    server->abandoned = true;
    uv_stop(&server->control.uv);
}

static void stop_at_once(struct pyrs_server *server)
{
    stop_services(server, loop_stop_at_once);
    uv_timer_start(&server->control.stop_timer, on_abandon, ABANDON_AFTER_MS, 0);
}

static void on_stop_timeout(uv_timer_t *timer)
{
    struct pyrs_server *server = timer->data;

    log_text(server, PYRS_LOG_WARNING,
             "stopping at once: requests were still running after timeouts.stop");
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
        stop_services(server, loop_stop);
        if (server->site.settings.stop_timeout_ms > 0)
            uv_timer_start(&server->control.stop_timer, on_stop_timeout,
                           server->site.settings.stop_timeout_ms, 0);
    }
}

static void on_control_wakeup(uv_async_t *wakeup)
{
    struct pyrs_server *server = wakeup->data;

    obey_stop(server);
    if (atomic_load(&server->services_running) == 0)
        uv_stop(&server->control.uv);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct pyrs_server *server = signal->data;

    if (number == SIGUSR1) {
        log_reopen(server->site.log);
        return;
    }
    atomic_fetch_add(&server->stop_wishes, 1);
    obey_stop(server);
}

void pyrs_server_stop(struct pyrs_server *server)
{
    atomic_fetch_add(&server->stop_wishes, 1);
    uv_async_send(&server->control.wakeup);
}

/* ---- running ---- */

static void run_service(void *argument)
{
    struct service *service = argument;
    const struct interpreter *interpreter = service->site->interpreter;
    struct pyrs_server *server = service->loop.uv.data;

    loop_run(&service->loop);
    if (interpreter)
        interpreter->thread_end(interpreter->context);
    atomic_fetch_sub(&server->services_running, 1);
    uv_async_send(&server->control.wakeup);
}

static void take_signals(struct pyrs_server *server)
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

static void give_signals_back(struct pyrs_server *server)
{
    struct control *control = &server->control;

    pthread_sigmask(SIG_SETMASK, &control->mask_before, NULL);
    for (int i = 0; i < HANDLED_SIGNALS; i++) {
        uv_close((uv_handle_t *)&control->signals[i], NULL);
        sigaction(SIGNALS[i], &control->before[i], NULL);
    }
}

static bool open_services(struct pyrs_server *server, struct pyrs_error *error)
{
    uint32_t count = server->site.settings.thread_count;

    for (uint32_t i = 0; i < count; i++) {
        int code;

        if (service_init(&server->services[i], &server->site, &code)) {
            server->services[i].loop.uv.data = server;
            continue;
        }
        while (i > 0)
            service_fini(&server->services[--i]);
        return error_set(error, -code, "cannot make an event loop: %s",
                         uv_strerror(code));
    }
    return true;
}

/* Closes loops that never got a thread, and their listeners. */
static void wind_up(struct pyrs_server *server)
{
    for (uint32_t i = 0; i < server->site.settings.thread_count; i++) {
        struct loop *loop = &server->services[i].loop;

        loop_stop_at_once(loop);
        loop_run(loop);
        service_fini(&server->services[i]);
    }
}

static bool start_listener(struct pyrs_server *server, struct bound *bound,
                           uint32_t index)
{
    int fd = bound->sockets[index];

    bound->sockets[index] = -1;
    return listener_start(&bound->listeners[index], &server->services[index].loop, fd,
                          &server->connections);
}

static bool start_listeners(struct pyrs_server *server, struct pyrs_error *error)
{
    for (uint32_t i = 0; i < server->bound_count; i++) {
        struct bound *bound = &server->bound[i];

        for (uint32_t k = 0; k < server->site.settings.thread_count; k++)
            if (!start_listener(server, bound, k)) {
                wind_up(server);
                return error_set(error, 0, "the system cannot watch the socket of %s",
                                 bound->address.text);
            }
    }
    return true;
}

/* A loop whose thread cannot be made is wound up here. */
static uint32_t start_threads(struct pyrs_server *server, uv_thread_t *threads)
{
    uint32_t count = server->site.settings.thread_count;
    uint32_t started = 0;

    atomic_store(&server->services_running, count);
    while (started < count && uv_thread_create(&threads[started], run_service,
                                               &server->services[started]) == 0)
        started++;
    if (started < count)
        stop_services(server, loop_stop_at_once);
    for (uint32_t i = started; i < count; i++)
        run_service(&server->services[i]);
    return started;
}

static bool close_services(struct pyrs_server *server)
{
    bool clean = true;

    for (uint32_t i = 0; i < server->site.settings.thread_count; i++) {
        clean &= !server->services[i].loop.stopped_at_once;
        service_fini(&server->services[i]);
    }
    return clean;
}

bool pyrs_server_run(struct pyrs_server *server, bool handle_signals,
                     struct pyrs_error *error)
{
    uint32_t count = server->site.settings.thread_count;
    uv_thread_t *threads;
    uint32_t started;
    bool clean;

    if (server->has_run)
        return error_set(error, 0, "a server runs only once");
    server->has_run = true;
    threads = calloc(count, sizeof *threads);
    if (!threads)
        return error_set(error, ENOMEM, "out of memory");
    if (!open_services(server, error) || !start_listeners(server, error)) {
        free(threads);
        return false;
    }
    if (handle_signals)
        take_signals(server);
    started = start_threads(server, threads);
    on_control_wakeup(&server->control.wakeup); /* a stop may have come before */
    if (atomic_load(&server->services_running) > 0)
        uv_run(&server->control.uv, UV_RUN_DEFAULT);
    uv_timer_stop(&server->control.stop_timer);
    if (handle_signals)
        give_signals_back(server);
    if (server->abandoned) {
        free(threads);
        return false;
    }
    for (uint32_t i = 0; i < started; i++)
        uv_thread_join(&threads[i]);
    clean = close_services(server);
    free(threads);
    if (started < count)
        return error_set(error, EAGAIN, "cannot make a thread for each of %u loops",
                         count);
    return clean; /* else requests were cut off: no fault of the system's, so no message
                   */
}

/* ---- counters ---- */

static void add_counters(struct pyrs_counters *sum, const struct service *service)
{
    const struct loop_counters *loop = &service->loop.counters;
    const struct service_counters *own = &service->counters;

    sum->connections_accepted += counter_read(&loop->connections_accepted);
    sum->connections_open += counter_read(&loop->connections_open);
    sum->accept_pauses += counter_read(&loop->accept_pauses);
    sum->bytes_received += counter_read(&loop->bytes_received);
    sum->bytes_sent += counter_read(&loop->bytes_sent);
    sum->timeouts += counter_read(&loop->timeouts);
    sum->turns += counter_read(&loop->turns);
    sum->allocations += counter_read(&loop->allocations);
    sum->requests += counter_read(&own->requests);
    sum->exchanges_open += counter_read(&own->exchanges_open);
    sum->handler_runs += counter_read(&own->handler_runs);
    sum->handler_time_ns += counter_read(&own->handler_time_ns);
    for (int i = 0; i < 6; i++)
        sum->responses[i] += counter_read(&own->responses[i]);
    for (int i = 0; i < REJECT_REASON_COUNT; i++)
        sum->rejections += counter_read(&own->rejections[i]);
}

void pyrs_server_counters(const struct pyrs_server *server,
                          struct pyrs_counters *counters)
{
    *counters = (struct pyrs_counters){0};
    for (uint32_t i = 0; i < server->site.settings.thread_count; i++)
        add_counters(counters, &server->services[i]);
}

uint32_t pyrs_rejection_count(void)
{
    return REJECT_REASON_COUNT;
}

const char *pyrs_rejection_text(uint32_t kind)
{
    return kind < REJECT_REASON_COUNT ? reject_text((enum reject_reason)kind) : "";
}

uint64_t pyrs_server_rejections(const struct pyrs_server *server, uint32_t kind)
{
    uint64_t sum = 0;

    if (kind >= REJECT_REASON_COUNT)
        return 0;
    for (uint32_t i = 0; i < server->site.settings.thread_count; i++)
        sum += counter_read(&server->services[i].counters.rejections[kind]);
    return sum;
}
