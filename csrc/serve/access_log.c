/* access_log.c - see access_log.h. */
#include "access_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "../http/response_head.h"
#include "http1.h"

/* A batch: handed over earlier when full. */
enum { BATCH_BYTES = 64 * 1024 };
/* The longest line; a longer target is cut. */
enum { LINE_BYTES_MAX = 4096 };

bool access_log_init(struct access_log *access, struct log *log)
{
    *access = (struct access_log){.log = log};
    if (!log)
        return true;
    access->lines = malloc(BATCH_BYTES);
    return access->lines != NULL;
}

void access_log_fini(struct access_log *access)
{
    free(access->lines);
}

void access_log_flush(struct access_log *access)
{
    if (access->length == 0)
        return;
    log_append_lines(access->log, slice_of(access->lines, access->length));
    access->length = 0;
}

static char *write_request_line(char *out, const struct pyrs_exchange *exchange)
{
    slice line = exchange_request_line(exchange);

    if (line.length == 0) { /* refused before it was known */
        *out++ = '-';
        return out;
    }
    out = log_escape(out, LINE_BYTES_MAX - 768, line);
    return out + sprintf(out, " HTTP/1.%u", pyrs_exchange_version_minor(exchange));
}

void access_log_add(struct access_log *access, const struct pyrs_exchange *exchange,
                    uint16_t status, uint64_t body_bytes)
{
    const struct loop *loop = exchange->http1->connection.loop;
    char address[PYRS_ADDRESS_BYTES];
    uint16_t port = pyrs_exchange_client(exchange, address);
    slice reason = status_reason(status);
    char *out;

    if (access->length + LINE_BYTES_MAX > BATCH_BYTES)
        access_log_flush(access);
    out = log_write_start(access->log, access->lines + access->length, PYRS_LOG_INFO,
                          loop->clock);
    out += sprintf(out, "%s:%u - \"", *address ? address : "unix", port);
    out = write_request_line(out, exchange);
    out += sprintf(out, "\" %u %.*s", status, (int)reason.length, reason.bytes);
    if (log_style(access->log) == LOG_DATED)
        out += sprintf(out, " %llu", (unsigned long long)body_bytes);
    *out++ = '\n';
    access->length = (size_t)(out - access->lines);
}
