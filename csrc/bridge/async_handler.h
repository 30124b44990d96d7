/* async_handler.h - the endpoint that is an async Python callable.
 *
 * Its step defers the exchange and puts it into the inbox of the thread that runs
 * asyncio (tasks.h); it needs no interpreter, so the loop never waits for one.
 */
#ifndef PYRS_BRIDGE_ASYNC_HANDLER_H
#define PYRS_BRIDGE_ASYNC_HANDLER_H

#include "handler.h"

/* Its class; what it has besides is that of any handler. */
struct endpoint_class async_handler_class(const struct interpreter *interpreter);

#endif
