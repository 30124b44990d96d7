/* endpoint.h - whatever answers a request, and the seam that the bridge fills.
 *
 * An endpoint is a struct whose first member points to its class. The core calls
 * `answer` when the request is there, and `proceed` when a body sent in pieces paused
 * and may go on: each call is a step. Steps run on the thread that drives the loop (on
 * the spot when the class needs no interpreter, else when the poll phase is over, many
 * exchanges to one attach), or, if the route is known to block, on a thread beside it.
 * A step that blocks nevertheless loses the loop to another thread; it need not know.
 *
 * What a step does with its exchange: pyrs.h.
 */
#ifndef PYRS_SERVE_ENDPOINT_H
#define PYRS_SERVE_ENDPOINT_H

#include "../pyrs.h"

struct site;

/* How a thread enters and leaves the language that some endpoints are written in. One
 * per server. */
struct interpreter {
    void *(*attach)(void *context); /* gives what detach wants back */
    void (*detach)(void *context, void *attached);
    void (*thread_end)(void *context); /* the calling thread will not attach again */
    void *context;
};

/* What happens to an exchange that was deferred. */
enum pyrs_event {
    PYRS_EVENT_SENT, /* after PYRS_FLOW_PAUSE: the client has taken it, send more */
    PYRS_EVENT_BODY, /* after PYRS_BODY_WAIT: more of the body is there, or its end */
    PYRS_EVENT_GONE, /* the client has left or its time is up: end the exchange */
    /* To classes that are `patient`, perhaps more than once: the client will send no
     * more. It has left, which writing to it will show, or it waits for its answer with
     * its sending side closed. */
    PYRS_EVENT_FINISHED,
};

struct endpoint_class {
    bool patient; /* a client that will send no more need not have left; to others that
                     is PYRS_EVENT_GONE */
    const struct interpreter *interpreter; /* NULL: answers in C, without one */
    const struct interpreter *lender; /* that bodies it lends are given back in, if its
                                         steps need none; or NULL */
    void (*answer)(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange);
    /* Asked before: an answer from what the loop holds ready, outside of any step, so
     * that nothing may block; written by the functions of answer.h and file_response.h.
     * False: it has none. NULL: never. */
    bool (*answer_at_once)(struct pyrs_endpoint *endpoint,
                           struct pyrs_exchange *exchange);
    void (*free)(
        struct pyrs_endpoint *endpoint); /* called by pyrs_server_free, not attached */
    /* For a body in pieces that paused: begins with a look at pyrs_exchange_flow. NULL
     * if there are none. */
    void (*proceed)(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange);
    /* For deferred exchanges: from the thread that drives the loop, attached or not,
     * must not block nor call the core. The exchange may end meanwhile, but is there
     * until this returns. NULL if there are none. */
    void (*notify)(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange,
                   enum pyrs_event event);
    /* After `answer` was called for some exchanges, for one of their endpoints: now who
     * has them may be woken, once for all. For classes whose endpoints share who that
     * is. As notify. NULL if nobody is. */
    void (*wake)(struct pyrs_endpoint *endpoint);
    /* Before the server accepts anything, and after its last exchange has ended; from
     * the thread that runs the server, not attached. False with an error: the server
     * does not run. NULL if there is nothing to do. */
    bool (*start)(struct pyrs_endpoint *endpoint, const struct site *site,
                  struct pyrs_error *error);
    void (*stop)(struct pyrs_endpoint *endpoint);
};

struct pyrs_endpoint {
    const struct endpoint_class *class;
};

/* Who asked, and for what host, as proxies tell it that are trusted. */
struct pyrs_origin {
    const char *client, *scheme, *host; /* in `bytes`; host: empty if it is not known */
    uint16_t client_port;               /* 0: likewise */
    char bytes[];
};

/* What the bridge knows of proxies, for endpoints that are none of its own. */
struct pyrs_origin_reader {
    const struct interpreter *interpreter; /* that `read` is called in */
    /* Gives a heap block. NULL: it could not be made, which the log has. */
    struct pyrs_origin *(*read)(struct pyrs_origin_reader *reader,
                                struct pyrs_exchange *exchange);
    void (*free)(struct pyrs_origin_reader *reader); /* not attached */
};

#endif
