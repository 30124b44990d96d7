/* bridge_core.h - the exchange functions of pyrs.h over a request that a test made up,
 * so that the bridge can be looked at without a server.
 *
 * Stricter than the server: what an exchange handed out is freed at once when it is
 * answered, and the server's handlers run wherever the test says.
 */
#ifndef PYRS_TESTS_BRIDGE_CORE_H
#define PYRS_TESTS_BRIDGE_CORE_H

#include "serve/endpoint.h"

/* cffi: begin */

struct made_pair {
    struct pyrs_slice name, value;
    uint32_t kind; /* enum pyrs_param_kind, of a path parameter */
};

struct made_request {
    struct pyrs_slice method, raw_path, path, query, body;
    uint32_t version_minor;
    uint32_t header_count, param_count;
    struct made_pair *pairs; /* headers, then parameters */
    const char *client, *server;
    uint16_t client_port, server_port;

    /* Of a body that arrives while the handler runs. */
    bool body_streams;
    size_t body_piece; /* bytes that come at a time */
    bool body_is_cut;  /* what comes behind them is not its end */

    /* Of an answer in pieces. */
    size_t room;        /* bytes after which a step has to pause; 0: any number */
    int64_t gone_after; /* bytes after which the client is gone; -1: it stays */
    bool on_threads;    /* each step runs on a thread of its own */
};

struct seen_answer {
    uint32_t answers; /* calls of pyrs_exchange_respond and _begin: one is right */
    uint32_t status;
    struct pyrs_slice content_type, fields, body;
    bool lent;       /* the body, or a piece of it, was large enough to be borrowed */
    bool begun;      /* it was sent in pieces */
    bool complete;   /* to its end */
    uint32_t pieces; /* that were sent */
    uint32_t steps;
    uint32_t records;
    int level;             /* of the last record */
    struct pyrs_slice log; /* its message */
};

/* One request, attached for each of its steps. */
struct seen_answer *ask(struct pyrs_endpoint *endpoint,
                        const struct made_request *request);
void seen_answer_free(struct seen_answer *seen);

/* `count` requests, 64 to an attach, nothing recorded; gives nanoseconds. */
uint64_t ask_often(struct pyrs_endpoint *endpoint, const struct made_request *request,
                   uint32_t count);

/* Each of `threads` threads that C made asks `count` times and ends. False if one could
 * not be made or an answer was missing. */
bool ask_on_threads(struct pyrs_endpoint *endpoint, const struct made_request *request,
                    uint32_t threads, uint32_t count);

/* As pyrs_server_free does. */
void endpoint_free(struct pyrs_endpoint *endpoint);

/* cffi: end */

#endif
