/* stream.h - a body that is sent while an iterator makes it.
 *
 * The body goes in steps: each gets and sends items until the client has enough for now
 * or the step has lasted long enough, and each may run on another thread than the last.
 * At its end, and when nobody wants it any more, the iterator is closed: a generator's
 * `finally` runs.
 *
 * All steps see the context variables of the first one. What comes before, until there
 * is a head, is the business of whoever begins it (handler_stream.h, wsgi.h).
 */
#ifndef PYRS_BRIDGE_STREAM_H
#define PYRS_BRIDGE_STREAM_H

#include <stdint.h>

#include "module.h"
#include "piece.h"

enum next {
    NEXT_PIECE,
    NEXT_END,
    NEXT_RAISED,  /* with an exception set */
    NEXT_REFUSED, /* likewise: an item that is no piece of a body */
};

struct stream;

/* What makes one kind of stream different from another. */
struct stream_kind {
    /* Takes the item. Not NEXT_RAISED; NEXT_END: nothing more is wanted. */
    enum next (*piece)(struct stream *stream, PyObject *item, struct piece *piece);
    /* The exchange is over, and the iterator about to be closed; or NULL. */
    void (*closing)(const struct stream *stream);
    /* The iterator is closed and nothing more comes: gives up what `owner` is. */
    void (*over)(struct stream *stream);
    bool closes_last; /* the client need not wait until the iterator is closed */
};

/* On the stack of the step that begins it; from the second step on elsewhere. */
struct stream {
    const struct stream_kind *kind;
    struct module_state *state;
    const char *handler; /* for the log; lives as long as the exchange */
    void *owner;
    PyObject *iterator; /* new */
    PyObject *closed;   /* new: whose close() is called, if it has one */
    PyObject *context;  /* new; NULL in the first step */
};

/* The next item, as a piece. */
enum next stream_next(struct stream *stream, struct piece *piece);

/* Sends what comes, after the head; `flow` is what sending it gave. The stream is over
 * then, or goes on in another step. `start_ns`: when the step began. */
void stream_run(struct stream *stream, struct pyrs_exchange *exchange,
                enum pyrs_flow flow, uint64_t start_ns);

/* The next step of the exchange that it was begun on. */
void stream_proceed(struct pyrs_exchange *exchange);

/* A record with the exception that is set, which is cleared: `what` has gone wrong. */
void stream_log_failure(const struct stream *stream, const char *what,
                        struct pyrs_exchange *exchange);

/* Ends the exchange, and the stream. */
void stream_end(struct stream *stream, struct pyrs_exchange *exchange, bool complete);

/* Only the stream: when the exchange is answered otherwise. */
void stream_close(struct stream *stream, struct pyrs_exchange *exchange);

#endif
