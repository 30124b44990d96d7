/* server.c - a server's life: making it, its routes, running its loops on their
 * threads. See server.h for the rest. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "error.h"
#include "server.h"
#include "settings.h"

/* Descriptors for everything that is not a connection: logs, modules, databases. */
enum { DESCRIPTORS_RESERVED = 64 };
/* libuv's own, four with 1.44, and the listening sockets. */
enum { DESCRIPTORS_PER_LOOP = 8 };

static const uint64_t PAUSE_RECORD_INTERVAL_NS = UINT64_C(10) * 1000 * 1000 * 1000;

/* ---- log ---- */

void pyrs_server_log(struct pyrs_server *server, int level, struct pyrs_slice message)
{
    log_write(server->site.log, level, slice_of(message.bytes, message.length));
}

void server_log_text(struct pyrs_server *server, int level, const char *text)
{
    log_write(server->site.log, level, slice_of_text(text));
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
    server_log_text(context, PYRS_LOG_WARNING, text);
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
    server_log_text(server, PYRS_LOG_WARNING, text);
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
    server->told = -1;
    server->connections.paused = on_accept_pause;
    server->connections.context = server;
    server->site = site_of(settings);
    server->site.programs = &server->programs;
    server->site.log = log_open(settings->log_path, settings->log_level,
                                settings->log_short ? LOG_SHORT : LOG_DATED);
    if (!server->site.log || !server->site.router) {
        error_set(error, errno, "cannot open the log%s%s: %s",
                  settings->log_path ? " " : "",
                  settings->log_path ? settings->log_path : "", strerror(errno));
        pyrs_server_free(server);
        return NULL;
    }
    server->services = calloc(settings->thread_count, sizeof *server->services);
    if (!server->services || !server_open_control(server)) {
        error_set(error, 0, "out of memory or descriptors");
        pyrs_server_free(server);
        return NULL;
    }
    fit_connections(server);
    return server;
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
        server_close_sockets(server, &server->bound[i]);
        free(server->bound[i].sockets);
        free(server->bound[i].listeners);
    }
    for (size_t i = 0; i < server->endpoint_count; i++)
        server->endpoints[i]->class->free(server->endpoints[i]);
    server_close_control(server);
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
    if (endpoint->class->interpreter || endpoint->class->lender)
        server->site.interpreter = endpoint->class->interpreter
                                       ? endpoint->class->interpreter
                                       : endpoint->class->lender;
    return true;
}

bool pyrs_server_add_route(struct pyrs_server *server, const char *pattern,
                           const char *methods, struct pyrs_endpoint *endpoint,
                           const struct pyrs_route_options *options,
                           struct pyrs_error *error)
{
    struct route_answer answer = {.endpoint = endpoint};

    if (!own_endpoint(server, endpoint)) {
        endpoint->class->free(endpoint);
        return error_set(error, 0, "out of memory");
    }
    if (options)
        answer.options = *options;
    return router_add(server->site.router, pattern, methods, &answer, error);
}

bool pyrs_server_set_error_endpoint(struct pyrs_server *server, uint32_t status,
                                    struct pyrs_endpoint *endpoint,
                                    struct pyrs_error *error)
{
    if (!own_endpoint(server, endpoint)) {
        endpoint->class->free(endpoint);
        return error_set(error, 0, "out of memory");
    }
    if (status == 404)
        server->site.not_found = endpoint;
    else if (status == 405)
        server->site.method_not_allowed = endpoint;
    else
        return error_set(error, 0, "no endpoint can answer with status %u", status);
    return true;
}

bool pyrs_server_set_error_page(struct pyrs_server *server, uint32_t status,
                                struct pyrs_endpoint *endpoint,
                                struct pyrs_error *error)
{
    if (!own_endpoint(server, endpoint)) {
        endpoint->class->free(endpoint);
        return error_set(error, 0, "out of memory");
    }
    if (status < ERROR_STATUS_MIN || status > ERROR_STATUS_MAX)
        return error_set(error, 0, "no error page has status %u", status);
    server->site.error_pages[status - ERROR_STATUS_MIN] = endpoint;
    return true;
}

/* ---- running ---- */

static void on_loop_over(void *context)
{
    struct pyrs_server *server = context;

    atomic_fetch_sub(&server->services_running, 1);
    uv_async_send(&server->control.wakeup);
}

static bool open_services(struct pyrs_server *server, struct pyrs_error *error)
{
    uint32_t count = server->site.settings.thread_count;

    for (uint32_t i = 0; i < count; i++) {
        int code;

        if (service_init(&server->services[i], &server->site, &code)) {
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
void server_wind_up(struct pyrs_server *server)
{
    for (uint32_t i = 0; i < server->site.settings.thread_count; i++) {
        struct loop *loop = &server->services[i].loop;

        loop_stop_at_once(loop);
        loop_run(loop);
        service_fini(&server->services[i]);
    }
}

static void stop_endpoints(struct pyrs_server *server, size_t count)
{
    while (count-- > 0)
        if (server->endpoints[count]->class->stop)
            server->endpoints[count]->class->stop(server->endpoints[count]);
}

static bool start_endpoints(struct pyrs_server *server, struct pyrs_error *error)
{
    for (size_t i = 0; i < server->endpoint_count; i++) {
        struct pyrs_endpoint *endpoint = server->endpoints[i];

        if (endpoint->class->start &&
            !endpoint->class->start(endpoint, &server->site, error)) {
            stop_endpoints(server, i);
            return false;
        }
    }
    return true;
}

/* A loop whose thread cannot be made is wound up here. */
static uint32_t start_threads(struct pyrs_server *server)
{
    uint32_t count = server->site.settings.thread_count;
    uint32_t started = 0;

    atomic_store(&server->services_running, count);
    while (started < count &&
           crew_drive(&server->crew, started, &server->services[started]))
        started++;
    if (started < count)
        server_stop_services(server, loop_stop_at_once);
    for (uint32_t i = started; i < count; i++) {
        loop_run(&server->services[i].loop);
        on_loop_over(server);
    }
    if (!crew_watch(&server->crew))
        server_log_text(server, PYRS_LOG_WARNING,
                        "handlers that block will stall their loop: the system has no "
                        "membarrier, or no thread for the watch");
    return started;
}

static bool close_services(struct pyrs_server *server)
{
    bool clean = true;

    for (uint32_t i = 0; i < server->site.settings.thread_count; i++) {
        clean &= !server->services[i].loop.has_cut_off;
        service_fini(&server->services[i]);
    }
    return clean;
}

void pyrs_server_tell_when_running(struct pyrs_server *server, int descriptor)
{
    server->told = descriptor;
}

/* Whoever reads it may have left. */
static void tell_that_it_runs(struct pyrs_server *server)
{
    if (server->told < 0)
        return;
    if (write(server->told, ".", 1) < 0)
        server_log_text(server, PYRS_LOG_DEBUG, "nobody hears that the server runs");
    close(server->told);
    server->told = -1;
}

bool pyrs_server_run(struct pyrs_server *server, int signals, struct pyrs_error *error)
{
    uint32_t count = server->site.settings.thread_count;
    uint32_t started;
    bool clean;

    if (server->has_run)
        return error_set(error, 0, "a server runs only once");
    server->has_run = true;
    if (!crew_init(&server->crew, &server->site, count))
        return error_set(error, ENOMEM, "out of memory");
    server->crew.loop_over = on_loop_over;
    server->crew.context = server;
    if (!start_endpoints(server, error)) {
        crew_fini(&server->crew);
        return false;
    }
    if (!open_services(server, error) || !server_start_listeners(server, error)) {
        stop_endpoints(server, server->endpoint_count);
        crew_fini(&server->crew);
        return false;
    }
    server->signals = signals;
    if (signals != PYRS_SIGNALS_NONE)
        server_take_signals(server);
    started = start_threads(server);
    if (started == count)
        tell_that_it_runs(server);
    server_look_at_control(&server->control.wakeup); /* a stop may have come before */
    if (atomic_load(&server->services_running) > 0)
        uv_run(&server->control.uv, UV_RUN_DEFAULT);
    uv_timer_stop(&server->control.stop_timer);
    if (signals != PYRS_SIGNALS_NONE)
        server_give_signals_back(server);
    if (server->abandoned)
        return false;
    stop_endpoints(server, server->endpoint_count);
    crew_fini(&server->crew);
    clean = close_services(server);
    if (started < count)
        return error_set(error, EAGAIN, "cannot make a thread for each of %u loops",
                         count);
    return clean; /* else requests were cut off: no fault of the system's, so no message
                   */
}
