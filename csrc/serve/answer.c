/* answer.c - see answer.h. */
#include "answer.h"

#include <stdio.h>

#include "../http/response_head.h"
#include "file_response.h"
#include "http1.h"
#include "site.h"

/* "fffffffffffffff\r\n" and the line end behind the chunk. */
enum { CHUNK_FRAME_BYTES_MAX = 24 };

static struct connection *connection_of(const struct pyrs_exchange *exchange)
{
    return &exchange->http1->connection;
}

bool answer_has_no_body(const struct pyrs_exchange *exchange, uint32_t status)
{
    return exchange->head.method == METHOD_HEAD || status == 204 || status == 304;
}

void answer_release(struct service *service, void (*release)(void *owner), void *owner)
{
    if (!release)
        return;
    if (service->attached)
        release(owner);
    else
        output_spend(&service->loop.output_store, release, owner);
}

static void release_lent(struct pyrs_exchange *exchange, const struct lent *lent)
{
    answer_release(http1_service(exchange->http1), lent->release, lent->owner);
}

static void count(struct pyrs_exchange *exchange)
{
    struct service *service = http1_service(exchange->http1);

    counter_add(&service->counters.responses[exchange->status / 100], 1);
    if (service->access_log.log)
        access_log_add(&service->access_log, exchange, exchange->status,
                       exchange->body_sent);
}

/* ---- heads ---- */

/* The client does not know, and may send more. */
static void close_behind(struct pyrs_exchange *exchange)
{
    exchange->last = true;
    exchange->http1->no_more = exchange->http1->linger = true;
}

/* It was not when it was begun: it is answered before its request's body was whole; or
 * the server has been stopped since, and nothing was read behind it. (What was is still
 * answered; whatever is begun now is the last one anyway.) */
static bool has_become_last(const struct pyrs_exchange *exchange)
{
    const struct http1 *http1 = exchange->http1;
    const struct connection *connection = &http1->connection;

    if (http1->reading)
        return http1->reading == exchange;
    return connection->loop->stopping && http1->pending == 1 && !connection->held &&
           connection->carry_length == 0;
}

static struct response_head head_of(struct pyrs_exchange *exchange,
                                    const struct pyrs_response *response,
                                    int64_t body_bytes)
{
    struct service *service = http1_service(exchange->http1);
    struct response_head head = {
        .status = (uint16_t)response->status,
        .reason = slice_of(response->reason.bytes, response->reason.length),
        .server_and_date = service_server_and_date(service, !response->has_server,
                                                   !response->has_date),
        .content_type =
            slice_of(response->content_type.bytes, response->content_type.length),
        .fields = slice_of(response->fields.bytes, response->fields.length),
        .content_length = body_bytes,
        .allow = exchange->allow,
    };

    if (response->status == 204 || response->status == 304)
        head.content_length = RESPONSE_LENGTH_NONE;
    if (has_become_last(exchange))
        close_behind(exchange);
    if (exchange->last)
        head.connection = CONNECTION_CLOSE;
    else if (exchange->head.version_minor == 0)
        head.connection = CONNECTION_KEEP_ALIVE;
    return head;
}

/* Head and body in one piece. */
static bool write_copied(struct connection *connection,
                         const struct response_head *head, slice body)
{
    struct output_store *store = &connection->loop->output_store;
    size_t room = response_head_size_max(head) + body.length;
    char *start = output_reserve(&connection->output, store, room);
    char *end;

    if (!start)
        return false;
    end = response_head_write(start, head);
    if (body.length)
        end = (char *)memcpy(end, body.bytes, body.length) + body.length;
    output_commit(&connection->output, store, (size_t)(end - start));
    return true;
}

static bool borrow(struct connection *connection, const struct lent *lent)
{
    return output_borrow(&connection->output, &connection->loop->output_store,
                         (struct segment){
                             .bytes = (char *)(uintptr_t)lent->bytes.bytes,
                             .length = lent->bytes.length,
                             .memory = SEGMENT_BORROWED,
                             .owner = lent->owner,
                             .release = lent->release,
                         });
}

/* ---- whole answers ---- */

static void note_whole(struct pyrs_exchange *exchange, uint16_t status,
                       size_t body_bytes)
{
    exchange->begun = true;
    exchange->status = status;
    exchange->body_sent = body_bytes;
    count(exchange);
    connection_touch(connection_of(exchange));
}

void answer_whole(struct pyrs_exchange *exchange, const struct pyrs_response *response)
{
    struct connection *connection = connection_of(exchange);
    struct response_head head =
        head_of(exchange, response, (int64_t)response->body.length);
    struct lent body = {slice_of(response->body.bytes, response->body.length),
                        response->release, response->owner};
    bool borrowed, written;

    if (response->file) {
        file_response_send(exchange, response);
        return;
    }
    if (answer_has_no_body(exchange, response->status))
        body.bytes.length = 0;
    borrowed = body.bytes.length > BODY_COPY_BYTES_MAX && body.release;
    written =
        write_copied(connection, &head, borrowed ? slice_of(NULL, 0) : body.bytes) &&
        (!borrowed || borrow(connection, &body));
    if (!borrowed || !written)
        release_lent(exchange, &body);
    if (!written) {
        connection_close(connection);
        return;
    }
    note_whole(exchange, (uint16_t)response->status, body.bytes.length);
}

bool answer_prepared(struct pyrs_exchange *exchange, slice rest, size_t body_bytes)
{
    struct connection *connection = connection_of(exchange);
    struct output_store *store = &connection->loop->output_store;
    slice begin = service_ok_begin(http1_service(exchange->http1));
    char *out;

    if (exchange->last || exchange->head.version_minor == 0 ||
        exchange->allow.length > 0 || has_become_last(exchange))
        return false;
    if (answer_has_no_body(exchange, 200)) {
        rest.length -= body_bytes;
        body_bytes = 0;
    }
    out = output_reserve(&connection->output, store, begin.length + rest.length);
    if (!out) {
        connection_close(connection);
        return true;
    }
    memcpy(out, begin.bytes, begin.length);
    memcpy(out + begin.length, rest.bytes, rest.length);
    output_commit(&connection->output, store, begin.length + rest.length);
    note_whole(exchange, 200, body_bytes);
    return true;
}

/* ---- answers in pieces ---- */

/* RFC 9112, 6.3: how the client finds the end of a body of unknown length. */
static int64_t framing_of(struct pyrs_exchange *exchange, uint32_t status)
{
    if (exchange->body_left >= 0 || answer_has_no_body(exchange, status))
        return exchange->body_left >= 0 ? exchange->body_left : RESPONSE_LENGTH_NONE;
    if (exchange->head.version_minor == 0) {
        close_behind(exchange);
        return RESPONSE_LENGTH_CLOSE;
    }
    exchange->chunked = true;
    return RESPONSE_LENGTH_CHUNKED;
}

static bool write_head_as_it_is(struct pyrs_exchange *exchange, struct pyrs_slice head)
{
    struct connection *connection = connection_of(exchange);

    exchange->body_left = -1;
    close_behind(exchange);
    return output_write(&connection->output, &connection->loop->output_store,
                        head.bytes, head.length);
}

static bool write_head(struct pyrs_exchange *exchange,
                       const struct pyrs_response *response)
{
    struct response_head head = head_of(exchange, response, 0);
    if (head.content_length != RESPONSE_LENGTH_NONE) {
        head.content_length = framing_of(exchange, response->status);
        if (exchange->last)
            head.connection = CONNECTION_CLOSE;
    }
    return write_copied(connection_of(exchange), &head, slice_of(NULL, 0));
}

void answer_begin(struct pyrs_exchange *exchange, const struct pyrs_response *response,
                  int64_t body_bytes)
{
    struct connection *connection = connection_of(exchange);

    exchange->body_left = body_bytes;
    exchange->status = (uint16_t)response->status;
    exchange->begun = true;
    if (body_bytes == ANSWER_AS_IT_IS ? write_head_as_it_is(exchange, response->fields)
                                      : write_head(exchange, response))
        connection_touch(connection);
    else
        connection_close(connection);
}

static bool write_text(struct connection *connection, slice text)
{
    return output_write(&connection->output, &connection->loop->output_store,
                        text.bytes, text.length);
}

static bool write_piece(struct pyrs_exchange *exchange, const struct lent *piece,
                        bool *borrowed)
{
    struct connection *connection = connection_of(exchange);
    char size[CHUNK_FRAME_BYTES_MAX];
    int size_bytes = snprintf(size, sizeof size, "%zx\r\n", piece->bytes.length);

    if (exchange->chunked &&
        !write_text(connection, slice_of(size, (size_t)size_bytes)))
        return false;
    if (piece->bytes.length > BODY_COPY_BYTES_MAX && piece->release)
        *borrowed = borrow(connection, piece);
    if (!*borrowed && !write_text(connection, piece->bytes))
        return false;
    return !exchange->chunked || write_text(connection, SLICE("\r\n"));
}

void answer_send(struct pyrs_exchange *exchange, const struct lent *given)
{
    struct connection *connection = connection_of(exchange);
    struct lent piece = *given;
    bool borrowed = false;

    if (answer_flow(exchange) == PYRS_FLOW_GONE) {
        release_lent(exchange, &piece);
        return;
    }
    if (exchange->body_left >= 0 && piece.bytes.length > (size_t)exchange->body_left) {
        pyrs_exchange_log(exchange, PYRS_LOG_ERROR,
                          PYRS_TEXT("the body is longer than announced: cut there"));
        piece.bytes.length = (size_t)exchange->body_left;
    }
    if (piece.bytes.length > 0) {
        if (!write_piece(exchange, &piece, &borrowed)) {
            if (!borrowed)
                release_lent(exchange, &piece);
            connection_close(connection);
            return;
        }
        exchange->body_sent += piece.bytes.length;
        if (exchange->body_left >= 0)
            exchange->body_left -= (int64_t)piece.bytes.length;
        connection_touch(connection);
    }
    if (!borrowed)
        release_lent(exchange, &piece);
}

void answer_end(struct pyrs_exchange *exchange, bool complete)
{
    struct connection *connection = connection_of(exchange);
    bool no_body = answer_has_no_body(exchange, exchange->status);

    complete |= no_body; /* nothing is missing that the client waits for */
    if (complete && exchange->body_left > 0 && !no_body) {
        pyrs_exchange_log(
            exchange, PYRS_LOG_ERROR,
            PYRS_TEXT("the body is shorter than announced: the connection is cut"));
        complete = false;
    }
    if (complete && exchange->chunked)
        complete = write_text(connection, SLICE("0\r\n\r\n"));
    count(exchange);
    if (complete)
        connection_touch(connection);
    else
        connection_cut(connection);
}

/* What one batch may add to the output is bounded as well. */
enum pyrs_flow answer_flow(const struct pyrs_exchange *exchange)
{
    const struct connection *connection = connection_of(exchange);

    if (connection->state == CONNECTION_CLOSED || exchange->superseded ||
        (exchange->begun && answer_has_no_body(exchange, exchange->status)))
        return PYRS_FLOW_GONE;
    return connection->output.bytes > OUTPUT_HIGH_WATER_BYTES ? PYRS_FLOW_PAUSE
                                                              : PYRS_FLOW_GO_ON;
}
