/* http1.h - HTTP/1.1 spoken on a connection: bytes to exchanges, in order.
 *
 * Reads heads and bodies as they come, finds each request's endpoint, and either
 * lets it be answered on the spot (endpoints in C, nothing before them) or makes the
 * exchange ready. Running them is in steps.h.
 */
#ifndef PYRS_SERVE_HTTP1_H
#define PYRS_SERVE_HTTP1_H

#include "../net/connection.h"
#include "exchange.h"
#include "service.h"
#include "site.h"

/* Requests of one connection that may be ready and not answered; the rest of a pipeline
 * stays unread meanwhile. */
enum { PIPELINE_READY_MAX = 128 };

/* A stop does not close a connection whose next request is likely to be on its way:
 * because it is so young that the first one has not come, and a client does not repeat
 * what fails on a new connection; or because it was in use so lately, if there are
 * others who go on with what is asked next. Half of the stop's own timeout at most. */
enum { FIRST_REQUEST_MS = 1000, NEXT_REQUEST_MS = 250 };

struct http1 {
    struct connection connection;
    struct pyrs_exchange *reading; /* its head or body is not complete */
    struct pyrs_exchange *current; /* its endpoint runs; see steps.h */
    struct link waiting; /* exchanges that wait for it, or for a slow reader */
    struct chunked_decoder chunked;
    int64_t body_left;     /* of a body with a length */
    uint64_t window_bytes; /* of the body since window_start_ms */
    uint64_t window_start_ms;
    uint64_t in_use_ms; /* some of a body was read, all output sent, or it was opened */
    uint32_t dispatched; /* exchanges so far: the number of the next one */
    uint32_t ended;      /* the number of the one that may run */
    uint32_t pending;    /* exchanges ready or waiting, not answered */
    bool reading_body;
    bool body_held;     /* its endpoint takes no more of it for now */
    bool continue_owed; /* once its endpoint wants it: 100 Continue */
    bool no_more;       /* no further request is read from this connection */
    bool linger;        /* the client may still be sending when it ends */
    bool closed;        /* libuv has let go; freed when nothing is pending */
};

extern const struct protocol http1_protocol;

static inline struct service *http1_service(const struct http1 *http1)
{
    return service_of(http1->connection.loop);
}

static inline const struct pyrs_settings *http1_settings(const struct http1 *http1)
{
    return &http1_service(http1)->site->settings;
}

/* Puts it behind those before it. What needs nobody else's code is answered at once, if
 * it is its turn; what does may lose the loop, and waits until the poll phase is over.
 */
void http1_enqueue(struct http1 *http1, struct pyrs_exchange *exchange);

/* Whatever answers its path and method. */
void http1_find_endpoint(struct pyrs_exchange *exchange, const struct site *site);

/* The request is whole, or refused: its endpoint may answer it. */
void http1_dispatch(struct http1 *http1, struct pyrs_exchange *exchange);

/* Answers instead of the endpoint and reads nothing more. */
void http1_refuse(struct http1 *http1, struct pyrs_exchange *exchange, uint16_t status);
void http1_reject(struct http1 *http1, struct pyrs_exchange *exchange,
                  const struct reject *why);

/* The deadline that what the connection is doing has. */
void http1_set_timeout(struct http1 *http1);

/* The endpoint that runs has room for more of the body. */
void http1_want_body(struct http1 *http1);

#endif
