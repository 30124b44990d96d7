/* exchange.h - one request and its response.
 *
 * Made when the first byte of a head arrives, freed when it is answered. The request's
 * bytes lie in the loop's input slab; an exchange that outlives the batch (its body is
 * still coming, or it waits behind a slow reader) first moves them to memory of its
 * own. Spans count from `bytes`, so moving changes one pointer.
 */
#ifndef PYRS_SERVE_EXCHANGE_H
#define PYRS_SERVE_EXCHANGE_H

#include "../http/request_head.h"
#include "../net/list.h"
#include "body.h"
#include "endpoint.h"
#include "router.h"

struct http1;
struct service;

struct pyrs_exchange {
    struct link queue; /* in service->ready or http1->waiting */
    struct http1 *http1;
    struct pyrs_endpoint *endpoint;
    const char *bytes; /* of the head */
    slice path;        /* resolved; within `bytes`, in the slab, or in `kept` */
    slice body;
    char *kept; /* heap block for head, path and body, or NULL */
    struct body
        incoming; /* while the body is arriving, and after if it came in pieces */
    bool has_incoming;
    bool answered;
    bool last;       /* the connection closes after it */
    uint16_t status; /* what the status page answers */
    struct head_progress progress;
    struct request_head head;
    struct route_match match;
    struct header headers[]; /* limits.headers_max of them */
};

size_t exchange_bytes(uint32_t headers_max);

/* NULL if memory is out. */
struct pyrs_exchange *exchange_new(struct service *service, struct http1 *http1);
void exchange_free(struct service *service, struct pyrs_exchange *exchange);

/* Moves what lies in the slab to memory of the exchange's own. False if memory is out.
 */
bool exchange_keep(struct pyrs_exchange *exchange);

#endif
