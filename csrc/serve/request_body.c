/* request_body.c - see request_body.h. */
#include "request_body.h"

#include "body_stream.h"
#include "site.h"
#include "status_page.h"
#include "steps.h"

void request_body_set_timeout(struct http1 *http1)
{
    uint32_t timeout_ms = http1_settings(http1)->body_timeout_ms;
    uint64_t now_ms = loop_now_ms(http1->connection.loop);
    uint64_t since_ms = http1->in_use_ms < http1->window_start_ms
                            ? http1->in_use_ms
                            : http1->window_start_ms;
    uint64_t passed_ms = now_ms - since_ms;
    uint32_t left_ms = steps_time_left_ms(http1);

    if (http1->body_held)
        timeout_ms = 0;
    if (timeout_ms)
        timeout_ms -= (uint32_t)(passed_ms < timeout_ms ? passed_ms : timeout_ms - 1);
    if (left_ms && (left_ms < timeout_ms || timeout_ms == 0))
        timeout_ms = left_ms;
    connection_set_timeout(&http1->connection, timeout_ms);
}

bool request_body_window_is_over(const struct http1 *http1)
{
    return loop_now_ms(http1->connection.loop) - http1->window_start_ms >=
           http1_settings(http1)->body_timeout_ms;
}

bool request_body_is_too_slow(const struct http1 *http1)
{
    const struct pyrs_settings *settings = http1_settings(http1);
    uint64_t now_ms = loop_now_ms(http1->connection.loop);
    uint64_t window_ms = now_ms - http1->window_start_ms;

    return now_ms - http1->in_use_ms >= settings->body_timeout_ms ||
           (request_body_window_is_over(http1) &&
            http1->window_bytes < window_ms * settings->body_rate_min / 1000);
}

void request_body_begin_window(struct http1 *http1)
{
    http1->window_start_ms = loop_now_ms(http1->connection.loop);
    http1->window_bytes = 0;
}

/* One that is not deferred yet hears of it when it is. */
static void tell_body(struct pyrs_exchange *exchange, bool tell)
{
    const struct endpoint_class *class = exchange->endpoint->class;

    if (tell && !exchange->deferred)
        exchange->body_untold = true;
    else if (tell && class->notify)
        class->notify(exchange->endpoint, exchange, PYRS_EVENT_BODY);
}

void request_body_cut(struct http1 *http1, uint16_t status)
{
    struct pyrs_exchange *exchange = http1->reading;

    http1->reading = NULL;
    http1->reading_body = false;
    tell_body(exchange, body_stream_finish(exchange->stream, BODY_STREAM_CUT));
    if (!exchange->away && !exchange->started)
        steps_refuse_ready(exchange, status);
    else if (exchange->away && !exchange->begun &&
             http1->connection.state == CONNECTION_OPEN)
        steps_supersede(http1, status);
    else
        connection_close(&http1->connection);
}

static bool stream_body(struct http1 *http1, slice bytes)
{
    struct pyrs_exchange *exchange = http1->reading;
    bool stored;

    tell_body(exchange, body_stream_put(exchange->stream, bytes, &stored));
    if (stored)
        return true;
    request_body_cut(http1, 500);
    return false;
}

/* False after answering 500: neither memory nor disk took the bytes. */
static bool store_body(struct http1 *http1, slice bytes)
{
    struct pyrs_exchange *exchange = http1->reading;

    if (exchange->endpoint == status_page())
        return true; /* nobody will ask for it */
    if (exchange->stream)
        return stream_body(http1, bytes);
    if (!exchange->has_incoming) {
        body_init(&exchange->incoming, http1_settings(http1)->body_memory_bytes_max,
                  &http1->connection.loop->counters.allocations);
        exchange->has_incoming = true;
    }
    if (body_append(&exchange->incoming, bytes))
        return true;
    pyrs_exchange_log(exchange, PYRS_LOG_ERROR,
                      PYRS_TEXT("the request's body could not be stored"));
    http1_refuse(http1, exchange, 500);
    return false;
}

static void end_body(struct http1 *http1)
{
    struct pyrs_exchange *exchange = http1->reading;

    if (exchange->stream) {
        http1->reading = NULL;
        http1->reading_body = false;
        tell_body(exchange, body_stream_finish(exchange->stream, BODY_STREAM_WHOLE));
        http1_set_timeout(http1);
        return;
    }
    if (exchange->has_incoming && !body_whole(&exchange->incoming, &exchange->body)) {
        http1_refuse(http1, exchange, 500);
        return;
    }
    http1_dispatch(http1, exchange);
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
            if (!exchange->has_incoming && !exchange->stream)
                exchange->body = slice_of(bytes, joined);
            else if (!store_body(http1, slice_of(bytes, joined)))
                return length;
            end_body(http1);
            return consumed;
        case CHUNKED_REJECTED:
            http1_reject(http1, exchange, &why);
            return length;
        }
    }
}

/* Until its endpoint says that it has room. */
static void hold_body(struct http1 *http1)
{
    http1->body_held = true;
    connection_pause(&http1->connection);
}

size_t request_body_read(struct http1 *http1, char *bytes, size_t length)
{
    struct body_stream *stream = http1->reading->stream;
    size_t taken;

    if (stream && (http1->continue_owed || body_stream_is_full(stream))) {
        http1->connection.held = true;
        hold_body(http1);
        return 0;
    }
    http1->in_use_ms = loop_now_ms(http1->connection.loop);
    http1->window_bytes += length;
    if (http1->reading->head.framing == BODY_CHUNKED)
        taken = read_chunked_body(http1, bytes, length);
    else
        taken = read_sized_body(http1, slice_of(bytes, length));
    if (stream && http1->reading_body && body_stream_is_full(stream))
        hold_body(http1); /* another receive would bring more than it may hold */
    return taken;
}

static void send_continue(struct http1 *http1)
{
    static const slice INTERIM = {"HTTP/1.1 100 Continue\r\n\r\n", 25};
    struct connection *connection = &http1->connection;

    http1->continue_owed = false;
    if (!output_write(&connection->output, &connection->loop->output_store,
                      INTERIM.bytes, INTERIM.length)) {
        connection_close(connection);
        return;
    }
    counter_add(&http1_service(http1)->counters.responses[1], 1);
    connection_touch(connection);
}

/* Its endpoint runs while the body arrives. False: memory is out. */
static bool begin_stream(struct http1 *http1, struct pyrs_exchange *exchange)
{
    if (exchange_keep(exchange))
        exchange->stream = body_stream_new();
    if (!exchange->stream) { /* and it is dropped, as one that never began */
        connection_close(&http1->connection);
        return false;
    }
    http1_enqueue(http1, exchange);
    return true;
}

size_t request_body_begin(struct http1 *http1, struct pyrs_exchange *exchange,
                          char *bytes, size_t length)
{
    const struct request_head *head = &exchange->head;

    if (head->expect_continue && exchange->endpoint == status_page()) {
        http1_refuse(http1, exchange, exchange->status); /* no body is wanted */
        return length;
    }
    if (head->framing == BODY_NONE ||
        (head->framing == BODY_LENGTH && (uint64_t)head->content_length <= length)) {
        size_t body_bytes =
            head->framing == BODY_NONE ? 0 : (size_t)head->content_length;

        exchange->body = slice_of(bytes, body_bytes);
        http1_dispatch(http1, exchange);
        return body_bytes;
    }
    http1->reading_body = true;
    http1->continue_owed = head->expect_continue && length == 0;
    if (pyrs_exchange_body_may_stream(exchange)) {
        if (!begin_stream(http1, exchange))
            return length;
    } else if (http1->continue_owed) {
        send_continue(http1);
    }
    http1->body_left = head->content_length;
    chunked_init(&http1->chunked, http1_settings(http1)->body_bytes_max);
    request_body_begin_window(http1);
    return request_body_read(http1, bytes, length);
}

void http1_want_body(struct http1 *http1)
{
    if (http1->continue_owed && !http1->reading->begun)
        send_continue(http1); /* else it would stand within the answer */
    http1->continue_owed = false;
    http1->body_held = false;
    http1->in_use_ms = loop_now_ms(http1->connection.loop);
    request_body_begin_window(http1);
    request_body_set_timeout(http1);
    connection_resume(&http1->connection);
}
