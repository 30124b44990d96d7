/* settings.c - the defaults with their reasons, and the bounds. */
#include "settings.h"

#include <string.h>

#include "../http/response_head.h"
#include "error.h"

enum { KIB = 1024, MIB = 1024 * KIB, SECOND = 1000 };

enum {
    THREADS = 2,
    THREADS_MAX = 1024,
    LISTEN_BACKLOG = 1024, /* a burst of connections waits instead of being dropped */
    REQUEST_LINE_BYTES = 8 * KIB, /* RFC 9112, 3: at least 8000 */
    HEAD_BYTES = 32 * KIB,        /* cookies and tokens included, with room to spare */
    HEAD_BYTES_MAX = 1 * MIB,     /* the input slab holds a whole head */
    HEADERS = 100,                /* browsers send about 20, proxies add a dozen */
    HEADERS_MAX = 4096,
    BODY_BYTES = 16 * MIB,
    BODY_MEMORY_BYTES = 512 * KIB,
    CONNECTIONS = 10000,
    HEAD_TIMEOUT = 30 * SECOND,
    BODY_TIMEOUT = 30 * SECOND,
    BODY_RATE_MIN = 240,        /* bytes a second: slower than any modem */
    IDLE_TIMEOUT = 75 * SECOND, /* what browsers and proxies expect */
    SEND_TIMEOUT = 30 * SECOND,
    STOP_TIMEOUT = 30 * SECOND,
    HANDOFF_AFTER_US = 2000, /* what a quick handler never takes; a loop's clients do
                                not notice it */
    HANDLER_THREADS = 64,
    HANDLER_THREADS_MAX = 1024,
    SERVER_NAME_BYTES_MAX = 127,
};

void pyrs_settings_init(struct pyrs_settings *settings)
{
    *settings = (struct pyrs_settings){
        .thread_count = THREADS,
        .listen_backlog = LISTEN_BACKLOG,
        .tcp_nodelay = true,
        .sendfile = true,
        .server_name = "pyrs",
        .request_line_bytes_max = REQUEST_LINE_BYTES,
        .head_bytes_max = HEAD_BYTES,
        .headers_max = HEADERS,
        .body_bytes_max = BODY_BYTES,
        .body_memory_bytes_max = BODY_MEMORY_BYTES,
        .connections_max = CONNECTIONS,
        .head_timeout_ms = HEAD_TIMEOUT,
        .body_timeout_ms = BODY_TIMEOUT,
        .body_rate_min = BODY_RATE_MIN,
        .idle_timeout_ms = IDLE_TIMEOUT,
        .send_timeout_ms = SEND_TIMEOUT,
        .stop_timeout_ms = STOP_TIMEOUT,
        .handoff_after_us = HANDOFF_AFTER_US,
        .handler_threads = HANDLER_THREADS,
        .log_level = PYRS_LOG_WARNING,
    };
}

static bool in_range(uint64_t value, uint64_t least, uint64_t most, const char *name,
                     struct pyrs_error *error)
{
    if (value >= least && value <= most)
        return true;
    return error_set(error, 0, "%s is %llu, which is not within %llu and %llu", name,
                     (unsigned long long)value, (unsigned long long)least,
                     (unsigned long long)most);
}

bool settings_check(const struct pyrs_settings *settings, struct pyrs_error *error)
{
    const char *name = settings->server_name;

    if (!name || strlen(name) > SERVER_NAME_BYTES_MAX ||
        !field_is_valid(SLICE("Server"), slice_of_text(name)))
        return error_set(error, 0, "server_name cannot be sent as a header");
    return in_range(settings->thread_count, 1, THREADS_MAX, "thread_count", error) &&
           in_range(settings->listen_backlog, 1, 65535, "listen_backlog", error) &&
           in_range(settings->head_bytes_max, 256, HEAD_BYTES_MAX, "head_bytes_max",
                    error) &&
           in_range(settings->request_line_bytes_max, 64, settings->head_bytes_max,
                    "request_line_bytes_max", error) &&
           in_range(settings->handler_threads, 1, HANDLER_THREADS_MAX,
                    "handler_threads", error) &&
           in_range(settings->headers_max, 1, HEADERS_MAX, "headers_max", error) &&
           in_range(settings->connections_max, 1, 10000000, "connections_max", error);
}

const char *pyrs_version(void)
{
    return PYRS_VERSION;
}
