/* redirect.h - an exchange is answered by another path of the server, as if its client
 * had asked for that (RFC 3875, 6.2.2): the client does not notice.
 */
#ifndef PYRS_SERVE_REDIRECT_H
#define PYRS_SERVE_REDIRECT_H

#include "exchange.h"

/* From the thread that has the deferred exchange, which has not been answered and is
 * not its any more. `target` is a path with its query. */
void redirect_post(struct pyrs_exchange *exchange, slice target);

/* On the thread that drives the loop: the exchange comes home, becomes a GET (or stays
 * a HEAD) of the target, without a body, and has the endpoint of that; a status page if
 * the target is none, or there were too many. It is for the caller to make it ready. */
void redirect(struct pyrs_exchange *exchange, slice target);

#endif
