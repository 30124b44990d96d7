/* failure.h - a handler that raised, or returned what is no answer.
 *
 * An exception ends here: it becomes a response and, unless it is an HTTPError, a
 * record in the log with its traceback. Whoever asked sees neither its text nor its
 * type. A client that went while it was waited for is no fault of the handler: that is
 * a record of level info.
 */
#ifndef PYRS_BRIDGE_FAILURE_H
#define PYRS_BRIDGE_FAILURE_H

#include "module.h"
#include "result.h"

/* Takes the exception that is set: an HTTPError gives its result, any other one is
 * logged and gives a 500. */
void failure_of_handler(struct result *result, struct module_state *state,
                        const char *handler, struct pyrs_exchange *exchange);

/* Takes the exception that is set, when nothing can be answered any more: a record is
 * all that comes of it. `what` goes on where the handler's name stands. */
void failure_log(struct module_state *state, const char *handler, const char *what,
                 struct pyrs_exchange *exchange);

/* The same for what result_from_value refused, where an HTTPError is nothing special.
 */
void failure_of_result(struct result *result, struct module_state *state,
                       const char *handler, struct pyrs_exchange *exchange);

#endif
