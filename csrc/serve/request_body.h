/* request_body.h - reading a request's body: framing, least rate, and where it goes.
 *
 * A body that came with its head stays in the slab; one that is still coming is
 * collected (body.h), or, if its route says so, given to its endpoint as it arrives
 * (body_stream.h).
 */
#ifndef PYRS_SERVE_REQUEST_BODY_H
#define PYRS_SERVE_REQUEST_BODY_H

#include "http1.h"

/* Each gives how many of the bytes belong to the body; 0 if they have to come again. */
size_t request_body_begin(struct http1 *http1, struct pyrs_exchange *exchange,
                          char *bytes, size_t length);
size_t request_body_read(struct http1 *http1, char *bytes, size_t length);

/* When nothing has come for body_timeout_ms, and at the end of the window, which no
 * byte postpones; earlier if the endpoint's time is up before. */
void request_body_set_timeout(struct http1 *http1);

/* A body has to come at a least rate, over windows of body_timeout_ms, so that a byte
 * now and then does not hold a connection for ever. */
bool request_body_is_too_slow(const struct http1 *http1);
void request_body_begin_window(struct http1 *http1);
bool request_body_window_is_over(const struct http1 *http1);

/* The endpoint that runs will not get the rest; the client gets the status if its
 * answer has not begun. */
void request_body_cut(struct http1 *http1, uint16_t status);

#endif
