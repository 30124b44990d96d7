/* exchange.h - one request and its response.
 *
 * Made when the first byte of a head arrives, freed when it has ended. The request's
 * bytes lie in the loop's input slab; an exchange that outlives the batch (its body is
 * still coming, it waits behind another one, it is sent in pieces, another thread
 * answers it) first moves them to memory of its own, or, when a handler is reading them
 * at that moment, keeps the slab. Spans count from `bytes`, so moving changes one
 * pointer.
 *
 * An exchange is at home when the thread that drives the loop has it, and away when
 * another one does: a handler that the loop was taken from, a thread of the crew,
 * whoever deferred it. While it is away, the loop does not touch what stands under "of
 * whoever runs it", and hears from there by mail (mail.h).
 */
#ifndef PYRS_SERVE_EXCHANGE_H
#define PYRS_SERVE_EXCHANGE_H

#include <stdatomic.h>

#include "../http/request_head.h"
#include "../net/list.h"
#include "body.h"
#include "endpoint.h"
#include "router.h"

struct body_stream;
struct http1;
struct runner;
struct service;
struct slab;

struct pyrs_exchange {
    struct link queue; /* in service->ready or http1->waiting */
    struct http1 *http1;
    struct pyrs_endpoint *endpoint;
    const char *bytes; /* of the head */
    slice path;        /* resolved; within `bytes`, in the slab, or in `kept` */
    slice body;
    slice allow; /* methods for the Allow header; empty: none */
    slice asked; /* if another path answers than the client asked for: method and target
                    as it sent them, in `kept` */
    char *kept;  /* heap block for head, path and body, or NULL */
    struct slab *slab;          /* kept instead of moving the bytes, or NULL */
    struct body_stream *stream; /* of a body that arrives while the endpoint runs */
    uint32_t number;            /* on its connection */
    uint64_t deadline_ms;       /* for the head of its answer, once it runs; 0: none */
    uint64_t body_sent;         /* bytes of the body, as the client counts them */
    int64_t body_left;          /* of an answer in pieces, -1: as many as come */
    size_t sent_since_drained;
    uint8_t redirects; /* within the server */
    uint16_t status;   /* what the status page answers, or what was answered */
    bool has_incoming;
    bool last;     /* the connection closes after it */
    bool due;      /* its first step was: counted, and its deadline set */
    bool started;  /* its endpoint was called */
    bool on_trial; /* on the loop, though its route is marked (marks.h) */
    bool away;     /* another thread has it */
    bool deferred; /* and may be notified */
    bool notified_gone;
    bool body_untold; /* that more of its body is there */
    bool begun;       /* the head of its answer was written */
    bool chunked;     /* and its body is sent in chunks */
    bool superseded;  /* its client was told something else: what comes is dropped */

    /* Of whoever runs it. */
    bool answered;         /* or its answer begun */
    bool told_gone;        /* PYRS_FLOW_GONE was said */
    size_t body_read;      /* how much pyrs_exchange_read gave of a whole body */
    struct runner *runner; /* of the thread that runs a step; NULL: deferred */
    void *state;           /* the endpoint's own */

    /* Of both. */
    _Atomic bool gone;           /* nobody takes its answer any more */
    _Atomic bool sending_paused; /* deferred: is told when all was sent */
    _Atomic size_t unsent;       /* mailed pieces that the client has not taken */

    struct head_progress progress;
    struct request_head head;
    struct route_match match;
    struct body incoming;    /* if has_incoming: collected before the endpoint runs */
    struct header headers[]; /* limits.headers_max of them */
};

size_t exchange_bytes(uint32_t headers_max);

/* NULL if memory is out. */
struct pyrs_exchange *exchange_new(struct service *service, struct http1 *http1);
void exchange_free(struct service *service, struct pyrs_exchange *exchange);

/* Method and target as the client sent them, as far as they are known. */
slice exchange_request_line(const struct pyrs_exchange *exchange);

/* Moves what lies in the slab to memory of the exchange's own. False if memory is out.
 */
bool exchange_keep(struct pyrs_exchange *exchange);

#endif
