/* handler_stream.h - what a handler returned is an iterator: its answer.
 *
 * Nothing is answered before the first item is there, so that an iterator that raises
 * at once gives an ordinary error page.
 */
#ifndef PYRS_BRIDGE_HANDLER_STREAM_H
#define PYRS_BRIDGE_HANDLER_STREAM_H

#include "handler.h"
#include "result.h"
#include "stream.h"

/* The first step, for a result that has a stream; takes it and the request, and what
 * else the result has. */
void handler_stream_begin(const struct handler *handler, struct request *request,
                          struct result *result, struct pyrs_exchange *exchange);

#endif
