/* http1.h - HTTP/1.1 spoken on a connection: bytes to exchanges, in order.
 *
 * Reads heads and bodies as they come, finds each request's endpoint, and either
 * answers on the spot (endpoints in C, nothing before them) or makes the exchange
 * ready. Answers leave in the order of the requests because exchanges of one connection
 * are run in order, one after the other.
 */
#ifndef PYRS_SERVE_HTTP1_H
#define PYRS_SERVE_HTTP1_H

#include "../net/connection.h"
#include "exchange.h"
#include "service.h"

/* Requests of one connection that may be ready and not answered; the rest of a pipeline
 * stays unread meanwhile. */
enum { PIPELINE_READY_MAX = 128 };

struct http1 {
    struct connection connection;
    struct pyrs_exchange *reading; /* its head or body is not complete */
    struct link waiting;           /* exchanges that wait for a slow reader */
    struct chunked_decoder chunked;
    int64_t body_left;     /* of a body with a length */
    uint64_t window_bytes; /* of the body since window_start_ms */
    uint64_t window_start_ms;
    uint64_t last_read_ms;
    uint32_t pending; /* exchanges ready or waiting, not answered */
    bool reading_body;
    bool no_more; /* no further request is read from this connection */
    bool linger;  /* the client may still be sending when it ends */
    bool closed;  /* libuv has let go; freed when nothing is pending */
};

extern const struct protocol http1_protocol;

static inline struct service *http1_service(const struct http1 *http1)
{
    return service_of(http1->connection.loop);
}

/* Calls the endpoint, unless the client is gone, and ends the exchange; the caller is
 * attached to the endpoint's interpreter. */
void http1_run(struct pyrs_exchange *exchange);

/* True if the exchange has to wait because its connection's client reads too slowly; it
 * is kept then, and made ready again later. */
bool http1_must_wait(struct pyrs_exchange *exchange);

#endif
