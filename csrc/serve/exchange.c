/* exchange.c - the life of an exchange: see exchange.h. */
#include "exchange.h"

#include <stdlib.h>

#include "body_stream.h"
#include "http1.h"

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
    exchange->match.route = NULL;
    exchange->match.param_count = 0;
    exchange->http1 = http1;
    exchange->head.headers = exchange->headers;
    counter_add(&service->counters.exchanges_open, 1);
    return exchange;
}

void exchange_free(struct service *service, struct pyrs_exchange *exchange)
{
    if (exchange->has_incoming)
        body_fini(&exchange->incoming);
    body_stream_free(exchange->stream);
    free(exchange->kept);
    if (exchange->slab)
        loop_give_back_input(exchange->slab);
    pool_give(&service->exchange_pool, exchange);
    counter_subtract(&service->counters.exchanges_open, 1);
}

slice exchange_request_line(const struct pyrs_exchange *exchange)
{
    span method = exchange->head.method_name, target = exchange->head.raw_target;

    if (exchange->asked.length > 0)
        return exchange->asked;
    if (target.length > 0)
        method.length = target.offset + target.length - method.offset;
    return span_in(exchange->bytes, method);
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

    if (exchange->kept || exchange->slab)
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
