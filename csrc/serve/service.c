/* service.c - see service.h. */
#include "service.h"

#include <stdio.h>

#include "exchange.h"
#include "http1.h"
#include "site.h"
#include "steps.h"

/* A closed connection that nobody reads from gets this long to take the last answer. */
enum { LINGER_TIMEOUT_MS = 2000 };
/* Exchanges kept for reuse: two batches. */
enum { EXCHANGES_KEPT = 256 };

bool service_init(struct service *service, const struct site *site, int *code)
{
    const struct pyrs_settings *settings = &site->settings;
    struct loop_settings loop_settings = {
        .protocol = &http1_protocol,
        .send_timeout_ms = settings->send_timeout_ms,
        .linger_timeout_ms = LINGER_TIMEOUT_MS,
        .input_bytes_max = settings->head_bytes_max,
        .tcp_nodelay = settings->tcp_nodelay,
    };

    service->site = site;
    service->date_second = -1;
    list_init(&service->ready);
    list_init(&service->again);
    service->own_runner.service = service;
    service->runner = &service->own_runner;
    if (!mailbox_init(&service->mailbox)) {
        *code = UV_ENOMEM;
        return false;
    }
    if (!loop_init(&service->loop, &loop_settings, code))
        return false;
    pool_init(&service->exchange_pool, exchange_bytes(settings->headers_max),
              EXCHANGES_KEPT, &service->loop.counters.allocations);
    if (access_log_init(&service->access_log, settings->access_log ? site->log : NULL))
        return true;
    service_fini(service);
    *code = UV_ENOMEM;
    return false;
}

void service_fini(struct service *service)
{
    loop_fini(&service->loop);
    pool_fini(&service->exchange_pool);
    access_log_fini(&service->access_log);
    mailbox_fini(&service->mailbox);
}

static void renew_date(struct service *service)
{
    const char *name = service->site->server_name;
    char *out = service->server_and_date;

    if (*name)
        out += snprintf(out, sizeof service->server_and_date, "Server: %s\r\n", name);
    memcpy(out, "Date: ", 6);
    http_date_write(service->loop.clock, out + 6);
    memcpy(out + 6 + HTTP_DATE_BYTES, "\r\n", 2);
    service->server_and_date_bytes =
        (size_t)(out - service->server_and_date) + 6 + HTTP_DATE_BYTES + 2;
    service->date_second = service->loop.clock;
}

slice service_server_and_date(struct service *service)
{
    if (service->date_second != service->loop.clock)
        renew_date(service);
    return slice_of(service->server_and_date, service->server_and_date_bytes);
}

/* ---- running what is ready ---- */

struct visit {
    const struct interpreter *interpreter; /* NULL: not attached */
    void *attached;
    uint64_t since_ns;
};

static void visit_end(struct service *service, struct visit *visit)
{
    if (!visit->interpreter)
        return;
    counter_add(&service->counters.handler_time_ns, uv_hrtime() - visit->since_ns);
    service->attached = false;
    visit->interpreter->detach(visit->interpreter->context, visit->attached);
    visit->interpreter = NULL;
}

static void visit_begin(struct service *service, struct visit *visit,
                        const struct interpreter *interpreter)
{
    if (visit->interpreter)
        return;
    visit->attached = interpreter->attach(interpreter->context);
    visit->interpreter = interpreter;
    visit->since_ns = uv_hrtime();
    service->attached = true;
}

bool service_run_ready(struct loop *loop)
{
    struct service *service = service_of(loop);
    struct visit visit = {0};
    struct link *link;

    while ((link = list_take_first(&service->ready))) {
        struct pyrs_exchange *exchange =
            CONTAINER_OF(link, struct pyrs_exchange, queue);
        const struct interpreter *needed = exchange->endpoint->class->interpreter;

        loop->ready_count--;
        if (steps_must_wait(exchange))
            continue;
        if (needed) /* a C endpoint between two in Python does not mind being attached
                     */
            visit_begin(service, &visit, needed);
        if (!steps_run(exchange))
            return false;
    }
    visit_end(service, &visit);
    while ((link = list_take_first(&service->again)))
        steps_make_ready(CONTAINER_OF(link, struct pyrs_exchange, queue));
    access_log_flush(&service->access_log);
    return true;
}

bool service_release_spent(struct loop *loop)
{
    struct service *service = service_of(loop);
    const struct interpreter *interpreter = service->site->interpreter;
    void *attached = NULL;

    if (interpreter)
        attached = interpreter->attach(interpreter->context);
    output_release_spent(&loop->output_store);
    if (interpreter)
        interpreter->detach(interpreter->context, attached);
    return true;
}

/* ---- mail ---- */

void service_read_mail(struct loop *loop)
{
    struct service *service = service_of(loop);
    struct mail *mail = mailbox_take(&service->mailbox);

    while (mail) {
        struct mail *next = mail->next;

        steps_deliver(service, mail);
        mail = next;
    }
}

void service_reclaim(struct service *service)
{
    (void)service;
}
