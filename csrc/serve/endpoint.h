/* endpoint.h - whatever answers a request, and the seam that the bridge fills.
 *
 * An endpoint is a struct whose first member points to its class. The core calls
 * `answer`, on the thread that drives the loop: on the spot when the class needs no
 * interpreter, else when the poll phase is over, many exchanges to one attach. `answer`
 * must have called pyrs_exchange_respond when it returns.
 */
#ifndef PYRS_SERVE_ENDPOINT_H
#define PYRS_SERVE_ENDPOINT_H

#include "../pyrs.h"

/* How a thread enters and leaves the language that some endpoints are written in. One
 * per server. */
struct interpreter {
    void *(*attach)(void *context); /* gives what detach wants back */
    void (*detach)(void *context, void *attached);
    void (*thread_end)(void *context); /* the calling thread will not attach again */
    void *context;
};

struct endpoint_class {
    const char *name;                      /* "python", "native", for logs */
    const struct interpreter *interpreter; /* NULL: answers in C, without one */
    void (*answer)(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange);
    void (*free)(
        struct pyrs_endpoint *endpoint); /* called by pyrs_server_free, not attached */
};

struct pyrs_endpoint {
    const struct endpoint_class *class;
};

#endif
