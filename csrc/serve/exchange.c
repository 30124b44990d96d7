/* exchange.c - life of an exchange, and what an endpoint may ask of it and tell it. */
#include "exchange.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "../http/response_head.h"
#include "http1.h"
#include "site.h"
#include "status_page.h"

/* A body up to this size is copied behind its head; a larger one is borrowed, which
 * costs a segment and a later release. Copying 16 KiB takes about a microsecond. */
enum { BODY_COPY_BYTES_MAX = 16 * 1024 };

/* ---- life ---- */

size_t exchange_bytes(uint32_t headers_max)
{
    return sizeof(struct pyrs_exchange) + headers_max * sizeof(struct header);
}

struct pyrs_exchange *exchange_new(struct service *service, struct http1 *http1)
{
    struct pyrs_exchange *exchange = pool_take(&service->exchange_pool);

    if (!exchange)
        return NULL;
    /* The match and the headers are written when they are known. */
    memset(exchange, 0, offsetof(struct pyrs_exchange, match));
    list_init(&exchange->queue);
    exchange->match.param_count = 0;
    exchange->match.allow = slice_of(NULL, 0);
    exchange->http1 = http1;
    exchange->head.headers = exchange->headers;
    counter_add(&service->counters.exchanges_open, 1);
    return exchange;
}

void exchange_free(struct service *service, struct pyrs_exchange *exchange)
{
    if (exchange->has_incoming)
        body_fini(&exchange->incoming);
    free(exchange->kept);
    pool_give(&service->exchange_pool, exchange);
    counter_subtract(&service->counters.exchanges_open, 1);
}

/* True if `part` lies within the bytes of the head. */
static bool in_head(const struct pyrs_exchange *exchange, slice part)
{
    return part.bytes >= exchange->bytes &&
           part.bytes < exchange->bytes + exchange->head.bytes;
}

static slice move(char **out, slice part)
{
    slice moved = slice_of(*out, part.length);

    if (part.length)
        memcpy(*out, part.bytes, part.length);
    *out += part.length;
    return moved;
}

bool exchange_keep(struct pyrs_exchange *exchange)
{
    slice head = slice_of(exchange->bytes, exchange->head.bytes);
    bool path_in_head = in_head(exchange, exchange->path);
    slice body = exchange->has_incoming ? slice_of(NULL, 0) : exchange->body;
    char *out;

    if (exchange->kept)
        return true;
    counter_add(&http1_service(exchange->http1)->loop.counters.allocations, 1);
    out = malloc(head.length + exchange->path.length + body.length);
    if (!out)
        return false;
    exchange->kept = out;
    exchange->bytes = move(&out, head).bytes;
    if (path_in_head)
        exchange->path.bytes = exchange->bytes + (exchange->path.bytes - head.bytes);
    else
        exchange->path = move(&out, exchange->path);
    if (!exchange->has_incoming)
        exchange->body = move(&out, body);
    return true;
}

/* ---- the response ---- */

static bool has_no_body(const struct pyrs_exchange *exchange, uint32_t status)
{
    return exchange->head.method == METHOD_HEAD || status == 204 || status == 304;
}

static struct response_head head_of(struct pyrs_exchange *exchange,
                                    const struct pyrs_response *response)
{
    struct service *service = http1_service(exchange->http1);
    struct response_head head = {
        .status = (uint16_t)response->status,
        .server_and_date = service_server_and_date(service),
        .content_type =
            slice_of(response->content_type.bytes, response->content_type.length),
        .fields = slice_of(response->fields.bytes, response->fields.length),
        .content_length = (int64_t)response->body.length,
    };

    if (response->status == 204 || response->status == 304)
        head.content_length = RESPONSE_LENGTH_NONE;
    if (exchange->last)
        head.connection = CONNECTION_CLOSE;
    else if (exchange->head.version_minor == 0)
        head.connection = CONNECTION_KEEP_ALIVE;
    return head;
}

static void release(const struct pyrs_response *response)
{
    if (response->release)
        response->release(response->owner);
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

static bool write_borrowed(struct connection *connection,
                           const struct response_head *head,
                           const struct pyrs_response *response)
{
    return write_copied(connection, head, (slice){0}) &&
           output_borrow(&connection->output, &connection->loop->output_store,
                         (struct segment){
                             .bytes = (char *)(uintptr_t)response->body.bytes,
                             .length = response->body.length,
                             .memory = SEGMENT_BORROWED,
                             .owner = response->owner,
                             .release = response->release,
                         });
}

static void count(struct pyrs_exchange *exchange, uint32_t status, size_t body_bytes)
{
    struct service *service = http1_service(exchange->http1);

    counter_add(&service->counters.responses[status / 100], 1);
    if (service->access_log.log)
        access_log_add(&service->access_log, exchange, (uint16_t)status, body_bytes);
}

static void send_response(struct pyrs_exchange *exchange,
                          const struct pyrs_response *response)
{
    struct connection *connection = &exchange->http1->connection;
    struct response_head head = head_of(exchange, response);
    size_t body_bytes =
        has_no_body(exchange, response->status) ? 0 : response->body.length;
    bool borrow = body_bytes > BODY_COPY_BYTES_MAX && response->release;
    bool written;

    exchange->answered = true;
    if (borrow)
        written = write_borrowed(connection, &head, response);
    else
        written =
            write_copied(connection, &head, slice_of(response->body.bytes, body_bytes));
    if (!borrow || !written)
        release(response);
    if (!written) {
        connection_close(connection);
        return;
    }
    count(exchange, response->status, body_bytes);
    connection_touch(connection);
}

/* A mistake in a C function must not become bytes that a client takes for another
 * answer, so it is checked in every build. */
void pyrs_exchange_respond(struct pyrs_exchange *exchange,
                           const struct pyrs_response *response)
{
    if (exchange->answered) {
        pyrs_exchange_log(exchange, PYRS_LOG_ERROR,
                          PYRS_TEXT("answered twice: the second answer is dropped"));
        release(response);
    } else if (response->status < 200 || response->status > 599) {
        pyrs_exchange_log(exchange, PYRS_LOG_ERROR,
                          PYRS_TEXT("answered with a status outside 200 to 599"));
        release(response);
        status_page_respond(exchange, 500);
    } else {
        send_response(exchange, response);
    }
}

/* ---- the request ---- */

static struct pyrs_slice public_slice(slice part)
{
    return (struct pyrs_slice){part.bytes, part.length};
}

static struct pyrs_slice head_part(const struct pyrs_exchange *exchange, span part)
{
    return public_slice(span_in(exchange->bytes, part));
}

struct pyrs_slice pyrs_exchange_method(const struct pyrs_exchange *exchange)
{
    return head_part(exchange, exchange->head.method_name);
}

struct pyrs_slice pyrs_exchange_raw_target(const struct pyrs_exchange *exchange)
{
    return head_part(exchange, exchange->head.raw_target);
}

struct pyrs_slice pyrs_exchange_raw_path(const struct pyrs_exchange *exchange)
{
    return head_part(exchange, exchange->head.target.path);
}

struct pyrs_slice pyrs_exchange_path(const struct pyrs_exchange *exchange)
{
    return public_slice(exchange->path);
}

struct pyrs_slice pyrs_exchange_query(const struct pyrs_exchange *exchange)
{
    return head_part(exchange, exchange->head.target.query);
}

struct pyrs_slice pyrs_exchange_body(const struct pyrs_exchange *exchange)
{
    return public_slice(exchange->body);
}

uint32_t pyrs_exchange_version_minor(const struct pyrs_exchange *exchange)
{
    return exchange->head.version_minor;
}

uint32_t pyrs_exchange_header_count(const struct pyrs_exchange *exchange)
{
    return exchange->head.header_count;
}

void pyrs_exchange_header_at(const struct pyrs_exchange *exchange, uint32_t index,
                             struct pyrs_slice *name, struct pyrs_slice *value)
{
    assert(index < exchange->head.header_count);
    *name = head_part(exchange, exchange->headers[index].name);
    *value = head_part(exchange, exchange->headers[index].value);
}

struct pyrs_slice pyrs_exchange_header(const struct pyrs_exchange *exchange,
                                       struct pyrs_slice name)
{
    const struct header *header = request_head_find(&exchange->head, exchange->bytes,
                                                    slice_of(name.bytes, name.length));

    return header ? head_part(exchange, header->value) : (struct pyrs_slice){0};
}

uint32_t pyrs_exchange_param_count(const struct pyrs_exchange *exchange)
{
    return exchange->match.param_count;
}

enum pyrs_param_kind pyrs_exchange_param_at(const struct pyrs_exchange *exchange,
                                            uint32_t index, struct pyrs_slice *name,
                                            struct pyrs_slice *value)
{
    const struct route_param *param = &exchange->match.route->params[index];

    assert(index < exchange->match.param_count);
    *name = public_slice(param->name);
    *value = public_slice(span_in(exchange->path.bytes, exchange->match.params[index]));
    return param->kind;
}

static uint16_t write_address(const union socket_address *from,
                              char address[PYRS_ADDRESS_BYTES])
{
    *address = '\0';
    if (from->any.sa_family == AF_INET6) {
        uv_ip6_name(&from->ipv6, address, PYRS_ADDRESS_BYTES);
        return ntohs(from->ipv6.sin6_port);
    }
    if (from->any.sa_family == AF_INET) {
        uv_ip4_name(&from->ipv4, address, PYRS_ADDRESS_BYTES);
        return ntohs(from->ipv4.sin_port);
    }
    return 0;
}

uint16_t pyrs_exchange_client(const struct pyrs_exchange *exchange,
                              char address[PYRS_ADDRESS_BYTES])
{
    return write_address(&exchange->http1->connection.peer, address);
}

uint16_t pyrs_exchange_server(const struct pyrs_exchange *exchange,
                              char address[PYRS_ADDRESS_BYTES])
{
    union {
        struct sockaddr_un local;
        union socket_address internet;
    } bound = {0};
    socklen_t length = sizeof bound;

    if (getsockname(exchange->http1->connection.fd, (struct sockaddr *)&bound,
                    &length) != 0)
        return 0;
    if (bound.local.sun_family != AF_UNIX)
        return write_address(&bound.internet, address);
    snprintf(address, PYRS_ADDRESS_BYTES, "%s", bound.local.sun_path);
    return 0;
}

void pyrs_exchange_log(struct pyrs_exchange *exchange, int level,
                       struct pyrs_slice message)
{
    struct pyrs_slice method = pyrs_exchange_method(exchange);
    struct pyrs_slice target = pyrs_exchange_raw_target(exchange);
    struct log *log = http1_service(exchange->http1)->site->log;
    size_t room = message.length + method.length + target.length + 32;
    char *text;
    int length;

    if (!log_has_level(log, level) || !(text = malloc(room)))
        return;
    length = snprintf(text, room, "\"%.*s %.*s HTTP/1.%u\" %.*s", (int)method.length,
                      method.bytes, (int)target.length, target.bytes,
                      exchange->head.version_minor, (int)message.length, message.bytes);
    log_write(log, level, slice_of(text, (size_t)length));
    free(text);
}

bool pyrs_field_is_valid(struct pyrs_slice name, struct pyrs_slice value)
{
    static const slice OURS[] = {
        {"content-length", 14}, {"transfer-encoding", 17},
        {"connection", 10},     {"date", 4},
        {"server", 6},          {"keep-alive", 10},
        {"upgrade", 7},
    };
    slice given = slice_of(name.bytes, name.length);

    for (size_t i = 0; i < sizeof OURS / sizeof *OURS; i++)
        if (slice_equal_ignoring_case(given, OURS[i]))
            return false;
    return field_is_valid(given, slice_of(value.bytes, value.length));
}
