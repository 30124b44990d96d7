/* respond.h - for endpoints of the core, beside what pyrs.h has for all.
 *
 * Some answer from what their loop holds. A step may lose its loop at any moment
 * (endpoint.h). Between respond_hold_loop and respond_let_go it cannot: what belongs to
 * the loop may be used, and the answer be written to it (answer.h, file_response.h).
 * Nothing in between may block.
 */
#ifndef PYRS_SERVE_RESPOND_H
#define PYRS_SERVE_RESPOND_H

#include "endpoint.h"

/* False: another thread drives the loop of the exchange, and pyrs.h is the way. */
bool respond_hold_loop(struct pyrs_exchange *exchange);

/* After a true one: the step goes on. `answered`: a whole answer was written. */
void respond_let_go(struct pyrs_exchange *exchange, bool answered);

/* From whoever a deferred exchange is with, which it is not any more: nobody seems to
 * wait for the answer. None is written, or no more of it, and the connection closes. */
void respond_abandon(struct pyrs_exchange *exchange);

#endif
