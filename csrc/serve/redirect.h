/* redirect.h - an exchange is answered by another endpoint than its own: by another
 * path of the server, as if its client had asked for that (RFC 3875, 6.2.2), or by the
 * site's page for an error. The client does not notice.
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

/* From whoever has an exchange that has not been answered, a step of it or the thread
 * that it was deferred to: the site's page of that status answers instead, and the
 * exchange is not the caller's any more. False: there is none, or memory is out. */
bool redirect_post_page(struct pyrs_exchange *exchange, uint16_t status);

/* As redirect, for the letter of that. */
void redirect_to_page(struct pyrs_exchange *exchange, uint16_t status);

#endif
