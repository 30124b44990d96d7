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
};

struct seen_answer {
    uint32_t answers; /* calls of pyrs_exchange_respond: one is right */
    uint32_t status;
    struct pyrs_slice content_type, fields, body;
    bool lent; /* the body was large enough to be borrowed */
    uint32_t records;
    int level;             /* of the last record */
    struct pyrs_slice log; /* its message */
};

/* One request, attached for itself. */
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
