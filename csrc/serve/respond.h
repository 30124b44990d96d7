/* respond.h - for endpoints of the core that answer from what their loop holds.
 *
 * A step may lose its loop at any moment (endpoint.h). Between these two calls it
 * cannot: what belongs to the loop may be used, and the answer be written to it
 * (answer.h, file_response.h). Nothing in between may block.
 */
#ifndef PYRS_SERVE_RESPOND_H
#define PYRS_SERVE_RESPOND_H

#include "endpoint.h"

/* False: another thread drives the loop of the exchange, and pyrs.h is the way. */
bool respond_hold_loop(struct pyrs_exchange *exchange);

/* After a true one: the step goes on. `answered`: a whole answer was written. */
void respond_let_go(struct pyrs_exchange *exchange, bool answered);

#endif
