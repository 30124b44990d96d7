/* body_stream.h - a request body on its way from the loop to an endpoint that runs.
 *
 * The loop puts in what arrives and stops receiving while enough is here; the endpoint
 * takes it out on a thread of its own.
 */
#ifndef PYRS_SERVE_BODY_STREAM_H
#define PYRS_SERVE_BODY_STREAM_H

#include <uv.h>

#include "../http/slice.h"

/* At this much the loop stops receiving; a receive brings at most 64 KiB more. Large
 * enough that a fast client is not stopped at every turn, small enough that hundreds of
 * uploads fit into memory. */
enum { BODY_STREAM_BYTES_MAX = 128 * 1024 };

enum body_stream_end { BODY_STREAM_OPEN, BODY_STREAM_WHOLE, BODY_STREAM_CUT };

struct body_stream {
    uv_mutex_t lock;
    uv_cond_t changed;
    char *bytes; /* heap block of `capacity`, from `start` on `length` */
    size_t start, length, capacity;
    enum body_stream_end end;
    bool wanted;  /* the endpoint has asked for it */
    bool full;    /* the loop waits until there is room */
    bool awaited; /* the endpoint is to be told when there is something */
};

/* NULL if memory is out. */
struct body_stream *body_stream_new(void);
void body_stream_free(struct body_stream *stream);

/* ---- for the loop ---- */

/* True if the endpoint is to be told. *stored false: memory is out. */
bool body_stream_put(struct body_stream *stream, slice bytes, bool *stored);
bool body_stream_finish(struct body_stream *stream, enum body_stream_end end);

/* True if nothing may be put in until the endpoint has made room, and said so. */
bool body_stream_is_full(struct body_stream *stream);

/* ---- for the endpoint ---- */

/* As pyrs_exchange_read. *tell_loop: it waits to hear that there is room, or that the
 * body is wanted at all. If asked to wait, only when it is told so already. */
int64_t body_stream_take(struct body_stream *stream, char *bytes, size_t room,
                         bool wait, bool *tell_loop);

#endif
