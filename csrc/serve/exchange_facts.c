/* exchange_facts.c - what an endpoint may ask of its exchange, on whichever thread. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "../http/response_head.h"
#include "http1.h"

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

struct pyrs_slice pyrs_exchange_rest(const struct pyrs_exchange *exchange)
{
    return public_slice(span_in(exchange->path.bytes, exchange->match.rest));
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

static char *write_byte(char *out, unsigned byte)
{
    if (byte >= 100)
        *out++ = (char)('0' + byte / 100);
    if (byte >= 10)
        *out++ = (char)('0' + byte / 10 % 10);
    *out++ = (char)('0' + byte % 10);
    return out;
}

/* For every request to a WSGI application, twice: a tenth of what uv_ip4_name takes. */
static void write_ipv4(const struct sockaddr_in *from, char *out)
{
    uint32_t address = ntohl(from->sin_addr.s_addr);

    for (int shift = 24; shift >= 0; shift -= 8) {
        out = write_byte(out, address >> shift & 0xff);
        *out++ = shift ? '.' : '\0';
    }
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
        write_ipv4(&from->ipv4, address);
        return ntohs(from->ipv4.sin_port);
    }
    return 0;
}

struct pyrs_slice pyrs_exchange_ends(const struct pyrs_exchange *exchange)
{
    const struct connection_ends *ends = &exchange->http1->connection.ends;

    static_assert(sizeof *ends <= PYRS_ENDS_BYTES, "what is kept of them has to do");
    return (struct pyrs_slice){(const char *)ends, sizeof *ends};
}

uint16_t pyrs_exchange_client(const struct pyrs_exchange *exchange,
                              char address[PYRS_ADDRESS_BYTES])
{
    return write_address(&exchange->http1->connection.ends.peer, address);
}

uint16_t pyrs_exchange_server(const struct pyrs_exchange *exchange,
                              char address[PYRS_ADDRESS_BYTES])
{
    const struct connection_ends *ends = &exchange->http1->connection.ends;

    if (!ends->unix_path)
        return write_address(&ends->local, address);
    snprintf(address, PYRS_ADDRESS_BYTES, "%s", ends->unix_path);
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

static enum pyrs_field known_field(slice name)
{
    static const struct {
        slice name;
        enum pyrs_field field;
    } KNOWN[] = {
        {{"content-type", 12}, PYRS_FIELD_CONTENT_TYPE},
        {{"content-length", 14}, PYRS_FIELD_CONTENT_LENGTH},
        {{"date", 4}, PYRS_FIELD_DATE},
        {{"server", 6}, PYRS_FIELD_SERVER},
        {{"connection", 10}, PYRS_FIELD_FRAMING},
        {{"keep-alive", 10}, PYRS_FIELD_FRAMING},
        {{"transfer-encoding", 17}, PYRS_FIELD_FRAMING},
        {{"upgrade", 7}, PYRS_FIELD_FRAMING},
        {{"proxy-authenticate", 18}, PYRS_FIELD_HOP_BY_HOP},
        {{"proxy-authorization", 19}, PYRS_FIELD_HOP_BY_HOP},
        {{"te", 2}, PYRS_FIELD_HOP_BY_HOP},
        {{"trailer", 7}, PYRS_FIELD_HOP_BY_HOP},
        {{"trailers", 8}, PYRS_FIELD_HOP_BY_HOP}, /* as RFC 2616 wrote it */
    };

    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (slice_equal_ignoring_case(name, KNOWN[i].name))
            return KNOWN[i].field;
    return PYRS_FIELD_OTHER;
}

enum pyrs_field pyrs_field_of(struct pyrs_slice name)
{
    slice given = slice_of(name.bytes, name.length);

    return field_name_is_valid(given) ? known_field(given) : PYRS_FIELD_MALFORMED;
}

bool pyrs_field_value_is_valid(struct pyrs_slice value)
{
    return field_value_is_valid(slice_of(value.bytes, value.length));
}

bool pyrs_field_is_valid(struct pyrs_slice name, struct pyrs_slice value)
{
    enum pyrs_field field = pyrs_field_of(name);

    return (field == PYRS_FIELD_OTHER || field == PYRS_FIELD_CONTENT_TYPE ||
            field == PYRS_FIELD_HOP_BY_HOP) &&
           pyrs_field_value_is_valid(value);
}
