/* service.c - see service.h. */
#include "service.h"

#include <stdio.h>

#include "../http/response_head.h"
#include "crew.h"
#include "exchange.h"
#include "http1.h"
#include "site.h"
#include "status_page.h"
#include "steps.h"
#include "watch.h"

/* A closed connection that nobody reads from gets this long to take the last answer. */
enum { LINGER_TIMEOUT_MS = 2000 };
/* Exchanges kept for reuse: two batches. */
enum { EXCHANGES_KEPT = 256 };
/* For so long after a wait for the interpreter another one is expected: a few of its
 * switch intervals. */
enum { CONTENDED_MS = 50 };

bool service_init(struct service *service, const struct site *site, int *code)
{
    const struct pyrs_settings *settings = &site->settings;
    struct loop_settings loop_settings = {
        .protocol = &http1_protocol,
        .send_timeout_ms = settings->send_timeout_ms,
        .linger_timeout_ms = LINGER_TIMEOUT_MS,
        .input_bytes_max = settings->head_bytes_max,
        .tcp_nodelay = settings->tcp_nodelay,
        .sendfile = settings->sendfile,
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
    if (!loop_init(&service->loop, &loop_settings, code)) {
        mailbox_fini(&service->mailbox);
        return false;
    }
    pool_init(&service->exchange_pool, exchange_bytes(settings->headers_max),
              EXCHANGES_KEPT, &service->loop.counters.allocations);
    file_cache_init(&service->files, &service->loop.output_store);
    if (access_log_init(&service->access_log, settings->access_log ? site->log : NULL))
        return true;
    service_fini(service);
    *code = UV_ENOMEM;
    return false;
}

void service_fini(struct service *service)
{
    file_cache_fini(&service->files);
    loop_fini(&service->loop);
    pool_fini(&service->exchange_pool);
    access_log_fini(&service->access_log);
    mailbox_fini(&service->mailbox);
}

static void renew_date(struct service *service)
{
    const char *name = service->site->server_name;
    slice ok = status_line(200);
    char *begin = service->head_begin, *out = begin + ok.length;

    memcpy(begin, ok.bytes, ok.length);
    service->server_at = ok.length;
    if (*name)
        out += snprintf(out, sizeof service->head_begin - ok.length, "Server: %s\r\n",
                        name);
    service->date_at = (size_t)(out - begin);
    memcpy(out, "Date: ", 6);
    http_date_write(service->loop.clock, out + 6);
    memcpy(out + 6 + HTTP_DATE_BYTES, "\r\n", 2);
    service->head_begin_bytes = service->date_at + 6 + HTTP_DATE_BYTES + 2;
    service->date_second = service->loop.clock;
}

slice service_ok_begin(struct service *service)
{
    if (service->date_second != service->loop.clock)
        renew_date(service);
    return slice_of(service->head_begin, service->head_begin_bytes);
}

slice service_server_and_date(struct service *service, bool server, bool date)
{
    slice begin = service_ok_begin(service);
    size_t first = server ? service->server_at : service->date_at;
    size_t end = date ? begin.length : service->date_at;

    return slice_of(begin.bytes + first, end - first);
}

/* ---- running what is ready ---- */

struct visit {
    const struct interpreter *interpreter; /* NULL: not attached */
    void *attached;
    uint64_t since_ns;
};

static void detach(struct visit *visit)
{
    visit->interpreter->detach(visit->interpreter->context, visit->attached);
    visit->interpreter = NULL;
}

static void visit_end(struct service *service, struct visit *visit)
{
    if (!visit->interpreter)
        return;
    counter_add(&service->counters.handler_time_ns, uv_hrtime() - visit->since_ns);
    service->attached = false;
    detach(visit);
}

/* The loop is somebody else's: nothing of it is touched any more. */
static bool visit_lost(struct visit *visit)
{
    if (visit->interpreter)
        detach(visit);
    return false;
}

/* Waiting for the interpreter counts as a step. False: the loop went to another thread
 * meanwhile; this one is attached, and has still to call crew_visit. */
static bool visit_begin(struct service *service, struct visit *visit,
                        const struct interpreter *interpreter)
{
    struct runner *runner = service->runner;

    if (visit->interpreter)
        return true;
    runner_enter(runner, NULL);
    watch_look_out(runner->crew);
    visit->attached = interpreter->attach(interpreter->context);
    visit->interpreter = interpreter;
    if (!runner_leave(runner))
        return false;
    visit->since_ns = uv_hrtime();
    service->attached = true;
    return true;
}

/* While others keep the interpreter, the loop would be handed on for each visit. */
static void call_visitor(struct service *service)
{
    if (service->visited || service->attached ||
        loop_now_ms(&service->loop) >= service->contended_until_ms ||
        !crew_call_visitor(service->runner->crew, service))
        return;
    service->visited = true;
    service->loop.away_count++;
}

/* Another thread may run it, or has to. */
static bool run_beside(struct service *service, struct pyrs_exchange *exchange)
{
    bool needs_interpreter = exchange->endpoint->class->interpreter != NULL;
    bool may_visit, beside;

    if (!exchange->started && exchange->http1->connection.state != CONNECTION_OPEN)
        return false; /* it will not run at all */
    beside = steps_choose_beside(exchange);
    if (!beside && needs_interpreter && service->contended_until_ms > 0)
        call_visitor(service);
    may_visit = service->visited && needs_interpreter;
    if (!beside && !may_visit)
        return false;
    if (!steps_send_away(exchange)) {
        connection_close(&exchange->http1->connection);
        return false; /* which it will notice */
    }
    if (beside && crew_run(service->runner->crew, exchange))
        return true;
    if (may_visit) { /* never here: this thread is not attached then */
        crew_leave_to_visitor(service->runner->crew, service, exchange);
        return true;
    }
    steps_come_home(exchange);
    return false;
}

/* Others in the interpreter would have to wait for what blocks. */
static bool runs_detached(const struct pyrs_exchange *exchange)
{
    const struct endpoint_class *class = exchange->endpoint->class;

    return !class->interpreter && !class->notify && exchange->endpoint != status_page();
}

static struct pyrs_exchange *take_ready(struct service *service)
{
    struct link *link = list_take_first(&service->ready);

    if (!link)
        return NULL;
    service->loop.ready_count--;
    return CONTAINER_OF(link, struct pyrs_exchange, queue);
}

/* As visit_begin; the exchange is ready meanwhile, whichever thread may run it then. */
static bool visit_begin_for(struct service *service, struct visit *visit,
                            struct pyrs_exchange *exchange)
{
    const struct interpreter *needed = exchange->endpoint->class->interpreter;

    if (!needed || visit->interpreter || service->visited)
        return true;
    list_prepend(&service->ready, &exchange->queue);
    service->loop.ready_count++;
    if (!visit_begin(service, visit, needed))
        return false;
    (void)take_ready(service);
    return true;
}

static void wake(struct service *service)
{
    struct pyrs_endpoint *endpoint = service->unwoken;

    service->unwoken = NULL;
    if (endpoint)
        endpoint->class->wake(endpoint);
}

/* What another class does may take long, so those before it are told first. */
static void wake_before(struct service *service, const struct pyrs_exchange *exchange)
{
    if (service->unwoken && service->unwoken->class != exchange->endpoint->class)
        wake(service);
}

static bool run(struct service *service, struct pyrs_exchange *exchange)
{
    struct pyrs_endpoint *endpoint = exchange->endpoint;

    if (!endpoint->class->wake)
        return steps_run(exchange);
    service->unwoken = endpoint;
    if (steps_run(exchange))
        return true;
    endpoint->class->wake(
        endpoint); /* whoever drives the loop now may have been here */
    return false;
}

bool service_run_ready(struct loop *loop)
{
    struct service *service = service_of(loop);
    struct runner *runner = service->runner;
    struct visit visit = {0};
    struct pyrs_exchange *exchange;

    while ((exchange = take_ready(service))) {
        wake_before(service, exchange);
        if (steps_must_wait(exchange) || steps_answer_at_once(exchange) ||
            run_beside(service, exchange))
            continue;
        if (runs_detached(exchange))
            visit_end(service, &visit);
        if (!visit_begin_for(service, &visit, exchange)) {
            crew_visit(runner);
            return visit_lost(&visit);
        }
        if (!run(service, exchange))
            return visit_lost(&visit);
    }
    wake(service);
    visit_end(service, &visit);
    while (!list_is_empty(&service->again))
        steps_make_ready(CONTAINER_OF(list_take_first(&service->again),
                                      struct pyrs_exchange, queue));
    access_log_flush(&service->access_log);
    return true;
}

bool service_release_spent(struct loop *loop)
{
    struct service *service = service_of(loop);
    const struct interpreter *interpreter = service->site->interpreter;
    struct runner *runner = service->runner;
    struct visit visit = {0};
    struct segment *spent;

    if (service->visited)
        return true; /* when that thread is gone */
    spent = output_take_spent(&loop->output_store);
    if (interpreter && !visit_begin(service, &visit, interpreter)) {
        output_release(NULL, spent);
        crew_visit(runner);
        return visit_lost(&visit);
    }
    output_release(&loop->output_store, spent);
    visit_end(service, &visit);
    return true;
}

void service_tick(struct loop *loop)
{
    struct service *service = service_of(loop);

    loop->ticks_wanted = file_cache_sweep(&service->files, (int64_t)loop_now_ms(loop));
}

void service_driven_by(struct service *service, struct runner *runner)
{
    service->runner = runner;
}

void service_take_over(struct service *service, struct pyrs_exchange *exchange)
{
    service->attached = false;
    if (exchange) {
        steps_left_behind(exchange);
    } else {
        service->visited = true;
        service->loop.away_count++;
    }
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
    struct link exchanges;
    struct link *link;
    bool contended;

    service->visited = false;
    service->loop.away_count--;
    list_init(&exchanges);
    contended = crew_take_back(service->runner->crew, service, &exchanges);
    service->contended_until_ms =
        contended ? loop_now_ms(&service->loop) + CONTENDED_MS : 0;
    while ((link = list_take_first(&exchanges)))
        steps_bring_back(CONTAINER_OF(link, struct pyrs_exchange, queue));
}
