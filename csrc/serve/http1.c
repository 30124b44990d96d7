/* http1.c - see http1.h. Reading order: received, read_head, begin_exchange, read_body,
 * dispatch, http1_run. */
#include "http1.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "site.h"
#include "status_page.h"

static struct http1 *http1_of(struct connection *connection)
{
    return CONTAINER_OF(connection, struct http1, connection);
}

static const struct pyrs_settings *settings_of(const struct http1 *http1)
{
    return &http1_service(http1)->site->settings;
}

/* ---- running and ending exchanges ---- */

static void end_exchange(struct pyrs_exchange *exchange)
{
    struct http1 *http1 = exchange->http1;

    exchange_free(http1_service(http1), exchange);
    http1->pending--;
    if (http1->pending > 0)
        return;
    if (http1->closed)
        connection_free(&http1->connection);
    else if (http1->no_more)
        connection_finish(&http1->connection, http1->linger);
}

void http1_run(struct pyrs_exchange *exchange)
{
    struct service *service = http1_service(exchange->http1);
    struct pyrs_endpoint *endpoint = exchange->endpoint;

    if (exchange->http1->connection.state == CONNECTION_CLOSED) {
        counter_add(&service->counters.responses[0], 1);
    } else {
        endpoint->class->answer(endpoint, exchange);
        if (!exchange->answered)
            status_page_respond(exchange, 500);
        if (endpoint != status_page())
            counter_add(&service->counters.handler_runs, 1);
    }
    end_exchange(exchange);
}

bool http1_must_wait(struct pyrs_exchange *exchange)
{
    struct http1 *http1 = exchange->http1;
    struct connection *connection = &http1->connection;

    if (connection->state == CONNECTION_CLOSED)
        return false;
    if (list_is_empty(&http1->waiting) &&
        connection->output.bytes <= OUTPUT_HIGH_WATER_BYTES)
        return false;
    if (!exchange_keep(exchange)) {
        connection_close(connection);
        return false;
    }
    list_append(&http1->waiting, &exchange->queue);
    return true;
}

static void make_ready(struct pyrs_exchange *exchange)
{
    struct service *service = http1_service(exchange->http1);

    list_append(&service->ready, &exchange->queue);
    service->loop.ready_count++;
}

static void make_waiting_ready(struct http1 *http1)
{
    struct link *link;

    while ((link = list_take_first(&http1->waiting)))
        make_ready(CONTAINER_OF(link, struct pyrs_exchange, queue));
}

/* The request is whole. What C answers is answered at once, if it is its turn. */
static void dispatch(struct http1 *http1, struct pyrs_exchange *exchange)
{
    http1->reading = NULL;
    http1->reading_body = false;
    http1->no_more |= exchange->last;
    http1->pending++;
    if (!exchange->endpoint->class->interpreter && http1->pending == 1)
        http1_run(exchange);
    else
        make_ready(exchange);
}

/* ---- refusing ---- */

/* Answers instead of the endpoint and reads nothing more. */
static void refuse(struct http1 *http1, struct pyrs_exchange *exchange, uint16_t status)
{
    exchange->endpoint = status_page();
    exchange->status = status;
    exchange->last = true;
    http1->linger = true;
    dispatch(http1, exchange);
}

static void reject(struct http1 *http1, struct pyrs_exchange *exchange,
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
    refuse(http1, exchange, status);
}

/* Nothing that a refused head said counts. */
static void forget_head(struct pyrs_exchange *exchange, const char *bytes)
{
    exchange->bytes = bytes;
    exchange->head =
        (struct request_head){.headers = exchange->headers, .version_minor = 1};
}

/* ---- bodies ---- */

/* When nothing has come for body_timeout_ms, and at the end of the window, which no
 * byte postpones. */
static void set_body_timeout(struct http1 *http1)
{
    uint32_t timeout_ms = settings_of(http1)->body_timeout_ms;
    uint64_t now_ms = loop_now_ms(http1->connection.loop);
    uint64_t since_ms = http1->last_read_ms < http1->window_start_ms
                            ? http1->last_read_ms
                            : http1->window_start_ms;
    uint64_t passed_ms = now_ms - since_ms;

    if (timeout_ms)
        timeout_ms -= (uint32_t)(passed_ms < timeout_ms ? passed_ms : timeout_ms - 1);
    connection_set_timeout(&http1->connection, timeout_ms);
}

static bool window_is_over(const struct http1 *http1)
{
    return loop_now_ms(http1->connection.loop) - http1->window_start_ms >=
           settings_of(http1)->body_timeout_ms;
}

/* A body has to come at a least rate, over windows of body_timeout_ms, so that a byte
 * now and then does not hold a connection for ever. */
static bool body_is_too_slow(const struct http1 *http1)
{
    const struct pyrs_settings *settings = settings_of(http1);
    uint64_t now_ms = loop_now_ms(http1->connection.loop);
    uint64_t window_ms = now_ms - http1->window_start_ms;

    return now_ms - http1->last_read_ms >= settings->body_timeout_ms ||
           (window_is_over(http1) &&
            http1->window_bytes < window_ms * settings->body_rate_min / 1000);
}

static void begin_window(struct http1 *http1)
{
    http1->window_start_ms = loop_now_ms(http1->connection.loop);
    http1->window_bytes = 0;
}

/* False after answering 500: neither memory nor disk took the bytes. */
static bool store_body(struct http1 *http1, slice bytes)
{
    struct pyrs_exchange *exchange = http1->reading;

    if (exchange->endpoint == status_page())
        return true; /* nobody will ask for it */
    if (!exchange->has_incoming) {
        body_init(&exchange->incoming, settings_of(http1)->body_memory_bytes_max,
                  &http1->connection.loop->counters.allocations);
        exchange->has_incoming = true;
    }
    if (body_append(&exchange->incoming, bytes))
        return true;
    pyrs_exchange_log(exchange, PYRS_LOG_ERROR,
                      PYRS_TEXT("the request's body could not be stored"));
    refuse(http1, exchange, 500);
    return false;
}

static void end_body(struct http1 *http1)
{
    struct pyrs_exchange *exchange = http1->reading;

    if (exchange->has_incoming && !body_whole(&exchange->incoming, &exchange->body)) {
        refuse(http1, exchange, 500);
        return;
    }
    dispatch(http1, exchange);
}

static size_t read_sized_body(struct http1 *http1, slice bytes)
{
    size_t taken = bytes.length;

    if ((uint64_t)http1->body_left < taken)
        taken = (size_t)http1->body_left;
    if (!store_body(http1, slice_of(bytes.bytes, taken)))
        return bytes.length;
    http1->body_left -= (int64_t)taken;
    if (http1->body_left == 0)
        end_body(http1);
    return taken;
}

/* Moves the chunks' data together, in place; a body that came whole then needs no
 * memory of its own. */
static size_t read_chunked_body(struct http1 *http1, char *bytes, size_t length)
{
    struct pyrs_exchange *exchange = http1->reading;
    size_t consumed = 0, joined = 0;

    for (;;) {
        slice rest = slice_of(bytes + consumed, length - consumed);
        struct reject why;
        size_t taken;
        slice data;

        switch (chunked_next(&http1->chunked, rest, &taken, &data, &why)) {
        case CHUNKED_DATA:
            memmove(bytes + joined, data.bytes, data.length);
            joined += data.length;
            consumed += taken;
            continue;
        case CHUNKED_MORE:
            store_body(http1, slice_of(bytes, joined));
            return length;
        case CHUNKED_DONE:
            consumed += taken;
            if (!exchange->has_incoming)
                exchange->body = slice_of(bytes, joined);
            else if (!store_body(http1, slice_of(bytes, joined)))
                return length;
            end_body(http1);
            return consumed;
        case CHUNKED_REJECTED:
            reject(http1, exchange, &why);
            return length;
        }
    }
}

static size_t read_body(struct http1 *http1, char *bytes, size_t length)
{
    http1->last_read_ms = loop_now_ms(http1->connection.loop);
    http1->window_bytes += length;
    if (http1->reading->head.framing == BODY_CHUNKED)
        return read_chunked_body(http1, bytes, length);
    return read_sized_body(http1, slice_of(bytes, length));
}

static void send_continue(struct http1 *http1)
{
    static const slice INTERIM = {"HTTP/1.1 100 Continue\r\n\r\n", 25};
    struct connection *connection = &http1->connection;
    struct output_store *store = &connection->loop->output_store;
    char *out = output_reserve(&connection->output, store, INTERIM.length);

    if (!out) {
        connection_close(connection);
        return;
    }
    memcpy(out, INTERIM.bytes, INTERIM.length);
    output_commit(&connection->output, store, INTERIM.length);
    counter_add(&http1_service(http1)->counters.responses[1], 1);
    connection_touch(connection);
}

/* Gives how many of the bytes behind the head belong to the body. */
static size_t begin_body(struct http1 *http1, struct pyrs_exchange *exchange,
                         char *bytes, size_t length)
{
    const struct request_head *head = &exchange->head;

    if (head->expect_continue && exchange->endpoint == status_page()) {
        refuse(http1, exchange, exchange->status); /* no body is wanted */
        return length;
    }
    if (head->framing == BODY_NONE ||
        (head->framing == BODY_LENGTH && (uint64_t)head->content_length <= length)) {
        size_t body_bytes =
            head->framing == BODY_NONE ? 0 : (size_t)head->content_length;

        exchange->body = slice_of(bytes, body_bytes);
        dispatch(http1, exchange);
        return body_bytes;
    }
    if (head->expect_continue && length == 0)
        send_continue(http1);
    http1->reading_body = true;
    http1->body_left = head->content_length;
    chunked_init(&http1->chunked, settings_of(http1)->body_bytes_max);
    begin_window(http1);
    return read_body(http1, bytes, length);
}

/* ---- heads ---- */

static void find_endpoint(struct pyrs_exchange *exchange, const struct site *site)
{
    struct request_head *head = &exchange->head;
    enum route_result result;

    exchange->endpoint = status_page();
    if (head->target.form == TARGET_ASTERISK) {
        exchange->status = 204;
        exchange->match.allow = router_allow_all(site->router);
        return;
    }
    result = router_find(site->router, head->method,
                         span_in(exchange->bytes, head->method_name), exchange->path,
                         &exchange->match);
    if (result == ROUTE_FOUND)
        exchange->endpoint = exchange->match.route->endpoint;
    else if (result == ROUTE_NO_PATH)
        exchange->status = 404;
    else
        exchange->status = head->method == METHOD_OPTIONS ? 204 : 405;
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
    uint64_t body_bytes_max = settings_of(http1)->body_bytes_max;

    exchange->bytes = bytes;
    if (exchange->head.expect_continue && http1->pending > 0) {
        /* The interim response must not overtake the answers before it. */
        exchange->progress = (struct head_progress){0};
        http1->connection.held = true;
        return 0;
    }
    counter_add(&service->counters.requests, 1);
    resolve_path(http1, exchange);
    find_endpoint(exchange, service->site);
    exchange->last = !exchange->head.keep_alive || service->loop.stopping;
    if (service->loop.stopping) /* the client does not know, and may have sent more */
        http1->linger = true;
    if (exchange->head.framing == BODY_LENGTH && body_bytes_max > 0 &&
        (uint64_t)exchange->head.content_length > body_bytes_max) {
        exchange->match.allow = slice_of(NULL, 0);
        reject(http1, exchange, &(struct reject){.reason = REJECT_BODY_LENGTH});
        return length;
    }
    return head_bytes +
           begin_body(http1, exchange, bytes + head_bytes, length - head_bytes);
}

/* Not more at once than a batch holds, and nothing for whom does not read. */
static bool may_begin(const struct http1 *http1)
{
    return http1->pending < PIPELINE_READY_MAX &&
           http1->connection.loop->ready_count < BATCH_READY_MAX &&
           http1->connection.output.bytes <= OUTPUT_HIGH_WATER_BYTES;
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
        if (first_bytes)
            connection_set_timeout(&http1->connection, site->settings.head_timeout_ms);
        return 0;
    case HEAD_REJECTED:
        forget_head(http1->reading, bytes);
        reject(http1, http1->reading, &why);
        return length;
    }
    return 0;
}

/* ---- the protocol ---- */

static void opened(struct connection *connection)
{
    list_init(&http1_of(connection)->waiting);
    connection_set_timeout(connection,
                           settings_of(http1_of(connection))->idle_timeout_ms);
}

/* A request that was counted and will not be answered is counted as cut off. */
static void drop_reading(struct http1 *http1)
{
    struct service *service = http1_service(http1);

    if (!http1->reading)
        return;
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
    if (http1->pending == 0)
        connection_finish(&http1->connection, false);
}

static bool nothing_more_comes(const struct http1 *http1)
{
    if (http1->connection.held || http1->no_more)
        return false;
    return http1->connection.peer_finished ||
           (http1->connection.loop->stopping && !http1->reading && http1->pending == 0);
}

/* Ready exchanges refer to the bytes until the batch is over. */
static void keep_slab(struct service *service, uint32_t ready_before)
{
    struct loop *loop = &service->loop;
    size_t used = (size_t)(service->scratch - loop->input);

    if (loop->ready_count > ready_before)
        loop->input_used = (used + 15) & ~(size_t)15;
}

static size_t received(struct connection *connection, char *bytes, size_t length)
{
    struct http1 *http1 = http1_of(connection);
    struct service *service = http1_service(http1);
    uint32_t ready_before = service->loop.ready_count;
    size_t consumed = 0;

    service->scratch = bytes + length;
    while (consumed < length && !http1->no_more &&
           connection->state == CONNECTION_OPEN) {
        size_t taken = http1->reading_body
                           ? read_body(http1, bytes + consumed, length - consumed)
                           : read_head(http1, bytes + consumed, length - consumed);

        if (taken == 0)
            break;
        consumed += taken;
    }
    if (http1->reading_body) {
        set_body_timeout(http1);
        if (!exchange_keep(http1->reading))
            connection_close(connection);
    }
    if (http1->no_more && consumed < length)
        http1->linger = connection->linger = true;
    keep_slab(service, ready_before);
    if (nothing_more_comes(http1))
        read_no_more(http1);
    return http1->no_more ? length : consumed;
}

static void drained(struct connection *connection)
{
    struct http1 *http1 = http1_of(connection);
    const struct pyrs_settings *settings = settings_of(http1);

    make_waiting_ready(http1);
    if (http1->reading_body) { /* it was perhaps not read meanwhile */
        http1->last_read_ms = loop_now_ms(connection->loop);
        begin_window(http1);
        set_body_timeout(http1);
    } else {
        connection_set_timeout(connection, http1->reading ? settings->head_timeout_ms
                                                          : settings->idle_timeout_ms);
    }
    if (connection->held || connection->paused || connection->loop->stopping)
        connection_resume(connection);
}

static bool timed_out(struct connection *connection)
{
    struct http1 *http1 = http1_of(connection);
    struct pyrs_exchange *exchange = http1->reading;

    if (http1->reading_body && !body_is_too_slow(http1)) {
        if (window_is_over(http1))
            begin_window(http1);
        set_body_timeout(http1);
        return false;
    }
    if (!exchange) {
        connection_close(connection);
        return true;
    }
    if (!http1->reading_body)
        forget_head(exchange, "");
    refuse(http1, exchange, 408);
    return true;
}

static bool closed(struct connection *connection)
{
    struct http1 *http1 = http1_of(connection);

    http1->closed = true;
    drop_reading(http1);
    make_waiting_ready(http1); /* to be ended there */
    return http1->pending == 0;
}

static void stopping(struct connection *connection)
{
    if (!connection->paused)           /* else when its output is sent */
        connection_resume(connection); /* a last look at what has come */
}

const struct protocol http1_protocol = {
    .connection_bytes = sizeof(struct http1),
    .opened = opened,
    .received = received,
    .run_ready = service_run_ready,
    .drained = drained,
    .timed_out = timed_out,
    .closed = closed,
    .release_spent = service_release_spent,
    .stopping = stopping,
};
