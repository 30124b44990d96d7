/* http1.c - see http1.h. Reading order: received, read_head, begin_exchange, read_body,
 * dispatch. */
#include "http1.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "body_stream.h"
#include "request_body.h"
#include "site.h"
#include "status_page.h"
#include "steps.h"

static struct http1 *http1_of(struct connection *connection)
{
    return CONTAINER_OF(connection, struct http1, connection);
}

void http1_enqueue(struct http1 *http1, struct pyrs_exchange *exchange)
{
    http1->no_more |= exchange->last;
    exchange->number = http1->dispatched++;
    http1->pending++;
    if (http1->pending > 1)
        steps_make_ready(exchange);
    else if (exchange->endpoint == status_page())
        steps_answer_page(exchange);
    else if (!steps_answer_at_once(exchange))
        steps_make_ready(exchange);
}

/* The request is whole. */
void http1_dispatch(struct http1 *http1, struct pyrs_exchange *exchange)
{
    http1->reading = NULL;
    http1->reading_body = false;
    http1_enqueue(http1, exchange);
}

/* ---- refusing ---- */

void http1_refuse(struct http1 *http1, struct pyrs_exchange *exchange, uint16_t status)
{
    exchange->endpoint = status_page();
    exchange->status = status;
    exchange->last = true;
    http1->linger = true;
    http1_dispatch(http1, exchange);
}

void http1_reject(struct http1 *http1, struct pyrs_exchange *exchange,
                  const struct reject *why)
{
    struct service *service = http1_service(http1);
    uint16_t status = reject_status(why->reason);
    char text[160];
    int length = snprintf(text, sizeof text, "%u: %s, at byte %u", status,
                          reject_text(why->reason), why->offset);

    counter_add(&service->counters.rejections[why->reason], 1);
    pyrs_exchange_log(exchange, PYRS_LOG_INFO,
                      (struct pyrs_slice){text, (size_t)length});
    if (exchange->stream)
        request_body_cut(http1, status);
    else
        http1_refuse(http1, exchange, status);
}

/* Nothing that a refused head said counts. */
static void forget_head(struct pyrs_exchange *exchange, const char *bytes)
{
    exchange->bytes = bytes;
    exchange->head =
        (struct request_head){.headers = exchange->headers, .version_minor = 1};
}

/* ---- heads ---- */

/* What answers in the place of a route: the site's own endpoint, or a page. */
static void set_status(struct pyrs_exchange *exchange, const struct site *site,
                       uint16_t status)
{
    exchange->status = status;
    exchange->endpoint = status == 404   ? site->not_found
                         : status == 405 ? site->method_not_allowed
                                         : NULL;
    if (!exchange->endpoint)
        exchange->endpoint = status_page();
}

void http1_find_endpoint(struct pyrs_exchange *exchange, const struct site *site)
{
    struct request_head *head = &exchange->head;
    struct route_match *match = &exchange->match;

    if (head->target.form == TARGET_ASTERISK) {
        exchange->allow = router_allow_all(site->router);
        set_status(exchange, site, 204);
        return;
    }
    switch (router_find(site->router, head->method,
                        span_in(exchange->bytes, head->method_name), exchange->path,
                        match)) {
    case ROUTE_FOUND:
        exchange->endpoint = match->route->endpoint;
        break;
    case ROUTE_NO_PATH:
        set_status(exchange, site, 404);
        break;
    case ROUTE_NO_METHOD:
        exchange->allow = match->allow;
        set_status(exchange, site, head->method == METHOD_OPTIONS ? 204 : 405);
        break;
    }
}

static void resolve_path(struct http1 *http1, struct pyrs_exchange *exchange)
{
    struct service *service = http1_service(http1);
    const struct target *target = &exchange->head.target;
    slice raw = span_in(exchange->bytes, target->path);
    struct reject why;
    size_t length;
    bool resolved;

    if (target->path_is_resolved) {
        exchange->path = raw;
        return;
    }
    resolved = target_resolve_path(raw, service->scratch, &length, &why);
    assert(resolved); /* the head's parser has looked already */
    (void)resolved;
    exchange->path = slice_of(service->scratch, length);
    service->scratch += length;
}

/* A whole head stands at `bytes`. Gives how many bytes of it and of its body were
 * taken; 0 if it has to come again. */
static size_t begin_exchange(struct http1 *http1, char *bytes, size_t length)
{
    struct service *service = http1_service(http1);
    struct pyrs_exchange *exchange = http1->reading;
    uint32_t head_bytes = exchange->head.bytes;
    uint64_t body_bytes_max = http1_settings(http1)->body_bytes_max;

    exchange->bytes = bytes;
    if (exchange->head.expect_continue && http1->pending > 0) {
        /* The interim response must not overtake the answers before it. */
        exchange->progress = (struct head_progress){0};
        http1->connection.held = true;
        return 0;
    }
    counter_add(&service->counters.requests, 1);
    resolve_path(http1, exchange);
    http1_find_endpoint(exchange, service->site);
    exchange->last = !exchange->head.keep_alive || service->loop.stopping;
    if (service->loop.stopping) /* the client does not know, and may have sent more */
        http1->linger = true;
    if (exchange->head.framing == BODY_LENGTH && body_bytes_max > 0 &&
        (uint64_t)exchange->head.content_length > body_bytes_max) {
        exchange->allow = slice_of(NULL, 0);
        http1_reject(http1, exchange, &(struct reject){.reason = REJECT_BODY_LENGTH});
        return length;
    }
    return head_bytes +
           request_body_begin(http1, exchange, bytes + head_bytes, length - head_bytes);
}

/* What goes on or waited may fill a batch by itself. One request of each connection is
 * begun all the same: without an answer on its way, nothing would let it go on. */
static bool has_room(const struct http1 *http1)
{
    return http1->pending == 0 || (http1->pending < PIPELINE_READY_MAX &&
                                   loop_batch_has_room(http1->connection.loop));
}

/* Not more at once than a batch holds, and nothing for whom does not read. */
static bool may_begin(const struct http1 *http1)
{
    return has_room(http1) && http1->connection.output.bytes <= OUTPUT_HIGH_WATER_BYTES;
}

static bool begin_head(struct http1 *http1)
{
    http1->reading = exchange_new(http1_service(http1), http1);
    if (http1->reading)
        return true;
    connection_close(&http1->connection);
    return false;
}

static size_t read_head(struct http1 *http1, char *bytes, size_t length)
{
    const struct site *site = http1_service(http1)->site;
    bool first_bytes = !http1->reading;
    struct reject why;

    if (!may_begin(http1)) {
        http1->connection.held = true;
        return 0;
    }
    if (first_bytes && !begin_head(http1))
        return 0;
    switch (request_head_parse(slice_of(bytes, length), &site->head_limits,
                               &http1->reading->progress, &http1->reading->head,
                               &why)) {
    case HEAD_DONE:
        return begin_exchange(http1, bytes, length);
    case HEAD_MORE:
        if (first_bytes && !http1->current)
            connection_set_timeout(&http1->connection, site->settings.head_timeout_ms);
        return 0;
    case HEAD_REJECTED:
        forget_head(http1->reading, bytes);
        http1_reject(http1, http1->reading, &why);
        return length;
    }
    return 0;
}

/* ---- the protocol ---- */

static void opened(struct connection *connection)
{
    struct http1 *http1 = http1_of(connection);

    list_init(&http1->waiting);
    http1->in_use_ms = loop_now_ms(connection->loop);
    connection_set_timeout(connection, http1_settings(http1)->idle_timeout_ms);
}

/* A request that was counted and will not be answered is counted as cut off. */
static void drop_reading(struct http1 *http1)
{
    struct service *service = http1_service(http1);

    if (!http1->reading)
        return;
    if (http1->reading->stream) {
        request_body_cut(http1, 400);
        return;
    }
    if (http1->reading_body)
        counter_add(&service->counters.responses[0], 1);
    exchange_free(service, http1->reading);
    http1->reading = NULL;
    http1->reading_body = false;
}

/* The client has finished, or the server is stopping: nothing more will be read. */
static void read_no_more(struct http1 *http1)
{
    drop_reading(http1);
    http1->no_more = true;
    if (http1->connection.peer_finished)
        steps_client_finished(http1);
    if (http1->pending == 0)
        connection_finish(&http1->connection,
                          connection_has_unsent(&http1->connection));
}

static uint32_t next_request_ms(const struct http1 *http1)
{
    const struct site *site = http1_service(http1)->site;
    uint32_t stop_ms = site->settings.stop_timeout_ms;
    uint32_t idle_ms = site->settings.idle_timeout_ms;
    uint32_t late_ms = 2 * TIMEOUT_TICK_MS; /* that it may end after its time */
    uint32_t ms = http1->dispatched == 0 ? FIRST_REQUEST_MS
                  : site->others_go_on   ? NEXT_REQUEST_MS
                                         : 0;

    if (stop_ms > 0 && stop_ms / 2 < ms + late_ms)
        ms = stop_ms / 2 > late_ms ? stop_ms / 2 - late_ms : 0;
    return idle_ms > 0 && idle_ms < ms ? idle_ms : ms;
}

/* How long a stop still waits for it. */
static uint32_t next_request_left_ms(const struct http1 *http1)
{
    uint32_t ms = next_request_ms(http1);
    uint64_t quiet_ms = loop_now_ms(http1->connection.loop) - http1->in_use_ms;

    return quiet_ms < ms ? ms - (uint32_t)quiet_ms : 0;
}

static bool nothing_more_comes(const struct http1 *http1)
{
    if (http1->connection.held)
        return false;
    return http1->connection.peer_finished ||
           (http1->connection.loop->stopping && !http1->no_more && !http1->reading &&
            http1->pending == 0 && next_request_left_ms(http1) == 0);
}

/* Ready exchanges refer to the bytes until the batch is over. */
static void keep_slab(struct service *service, uint32_t ready_before)
{
    struct loop *loop = &service->loop;
    size_t used = (size_t)(service->scratch - loop->input);

    if (loop->ready_count > ready_before)
        loop->input_used = (used + 15) & ~(size_t)15;
}

/* The body of the last request is read to its end. */
static bool takes_more(const struct http1 *http1)
{
    return http1->reading_body || !http1->no_more;
}

static size_t received(struct connection *connection, char *bytes, size_t length)
{
    struct http1 *http1 = http1_of(connection);
    struct service *service = http1_service(http1);
    uint32_t ready_before = service->loop.ready_count;
    size_t consumed = 0;

    service->scratch = bytes + length;
    while (consumed < length && takes_more(http1) &&
           connection->state == CONNECTION_OPEN) {
        size_t taken =
            http1->reading_body
                ? request_body_read(http1, bytes + consumed, length - consumed)
                : read_head(http1, bytes + consumed, length - consumed);

        if (taken == 0)
            break;
        consumed += taken;
    }
    if (http1->reading_body) {
        request_body_set_timeout(http1);
        if (!exchange_keep(http1->reading))
            connection_close(connection);
    }
    if (connection->held && http1->current) /* it may be long */
        connection_pause(connection);
    if (!takes_more(http1) && consumed < length)
        http1->linger = connection->linger = true;
    keep_slab(service, ready_before);
    if (nothing_more_comes(http1))
        read_no_more(http1);
    return takes_more(http1) ? consumed : length;
}

void http1_set_timeout(struct http1 *http1)
{
    const struct pyrs_settings *settings = http1_settings(http1);
    struct connection *connection = &http1->connection;

    if (http1->reading_body)
        request_body_set_timeout(http1);
    else if (http1->current)
        connection_set_timeout(connection, steps_time_left_ms(http1));
    else if (http1->reading)
        connection_set_timeout(connection, settings->head_timeout_ms);
    else
        connection_set_timeout(connection, connection->loop->stopping
                                               ? next_request_left_ms(http1)
                                               : settings->idle_timeout_ms);
}

static void drained(struct connection *connection)
{
    struct http1 *http1 = http1_of(connection);

    steps_drained(http1);
    http1->in_use_ms = loop_now_ms(connection->loop);
    if (http1->reading_body) /* it was perhaps not read meanwhile */
        request_body_begin_window(http1);
    http1_set_timeout(http1);
    if (!http1->body_held &&
        (connection->held || connection->paused || connection->loop->stopping))
        connection_resume(connection);
}

static bool endpoint_is_too_slow(const struct http1 *http1)
{
    const struct pyrs_exchange *exchange = http1->current;

    return exchange && exchange->away && exchange->deadline_ms && !exchange->begun &&
           exchange->deadline_ms <= loop_now_ms(http1->connection.loop);
}

static bool timed_out(struct connection *connection)
{
    struct http1 *http1 = http1_of(connection);
    struct pyrs_exchange *exchange = http1->reading;

    if (endpoint_is_too_slow(http1)) {
        steps_supersede(http1, 504);
        return true;
    }
    if (http1->reading_body && (http1->body_held || !request_body_is_too_slow(http1))) {
        if (request_body_window_is_over(http1))
            request_body_begin_window(http1);
        request_body_set_timeout(http1);
        return false;
    }
    if (http1->current && !http1->reading_body) {
        http1_set_timeout(http1);
        return false;
    }
    if (!exchange) {
        connection_close(connection);
        return !connection->loop->stopping; /* which has set it */
    }
    if (exchange->stream) {
        request_body_cut(http1, 408);
    } else {
        if (!http1->reading_body)
            forget_head(exchange, "");
        http1_refuse(http1, exchange, 408);
    }
    if (connection->state == CONNECTION_OPEN && http1->current)
        http1_set_timeout(http1); /* the one before it has its own */
    return true;
}

static bool closed(struct connection *connection)
{
    struct http1 *http1 = http1_of(connection);

    http1->closed = true;
    if (connection->file_failed)
        log_write(http1_service(http1)->site->log, PYRS_LOG_WARNING,
                  SLICE("a file changed or could not be read while it was being sent: "
                        "the connection was cut"));
    drop_reading(http1);
    steps_closed(http1);
    return http1->pending == 0;
}

/* Whoever waits at the other end would notice that it was cut off. */
static bool is_busy(const struct connection *connection)
{
    const struct http1 *http1 = CONTAINER_OF(connection, struct http1, connection);

    return http1->reading || http1->pending > 0 || connection->output.bytes > 0;
}

static void stopping(struct connection *connection)
{
    struct http1 *http1 = http1_of(connection);

    if (connection->state != CONNECTION_OPEN) /* its end has a deadline of its own */
        return;
    if (!http1->reading && http1->pending == 0)
        http1_set_timeout(http1);
    if (!connection->paused)           /* else when its output is sent */
        connection_resume(connection); /* a last look at what has come */
}

const struct protocol http1_protocol = {
    .connection_bytes = sizeof(struct http1),
    .opened = opened,
    .received = received,
    .run_ready = service_run_ready,
    .woken = service_read_mail,
    .drained = drained,
    .timed_out = timed_out,
    .closed = closed,
    .release_spent = service_release_spent,
    .stopping = stopping,
    .is_busy = is_busy,
    .ticked = service_tick,
};
