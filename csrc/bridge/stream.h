/* stream.h - a body that is sent while an iterator makes it.
 *
 * Nothing is answered before the first item is there, so that an iterator that raises
 * at once gives an ordinary error page. From then on the body goes in steps: each gets
 * and sends items until the client has enough for now or the step has lasted long
 * enough, and each may run on another thread than the last. At its end, and when nobody
 * wants it any more, the iterator is closed: a generator's `finally` runs.
 *
 * All steps see the context variables that the handler left, and the request.
 */
#ifndef PYRS_BRIDGE_STREAM_H
#define PYRS_BRIDGE_STREAM_H

#include "result.h"

struct stream;

/* For a result that has a stream, while the handler's context is still there. Takes
 * the iterator and the request. NULL with an exception set, and nothing taken, if
 * memory is out. `handler` is for the log, and lives as long as the exchange. */
struct stream *stream_new(struct module_state *state, const char *handler,
                          struct request *request, struct result *result);

/* The first step; takes the stream and what else the result has. */
void stream_begin(struct stream *stream, struct result *result,
                  struct pyrs_exchange *exchange);

/* The next step of the exchange that it was begun on. */
void stream_proceed(struct pyrs_exchange *exchange);

#endif
