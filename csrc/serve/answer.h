/* answer.h - writing an answer, whole or in pieces, to its connection's output.
 *
 * For the thread that drives the loop, with the exchange at home. What endpoints call
 * is in respond.c.
 */
#ifndef PYRS_SERVE_ANSWER_H
#define PYRS_SERVE_ANSWER_H

#include "../http/slice.h"
#include "endpoint.h"

struct service;

/* Bytes that somebody else owns, until release(owner); NULL: until the call returns. */
struct lent {
    slice bytes;
    void (*release)(void *owner);
    void *owner;
};

/* A body up to this size is copied behind its head; a larger one is borrowed, which
 * costs a segment and a later release. Copying 16 KiB takes about a microsecond. */
enum { BODY_COPY_BYTES_MAX = 16 * 1024 };

/* A status that an endpoint may answer with. */
static inline bool answer_status_is_valid(uint32_t status)
{
    return status >= 200 && status <= 599;
}

void answer_whole(struct pyrs_exchange *exchange, const struct pyrs_response *response);

/* A whole 200, all of which is made but its first lines: `rest` is what follows Server
 * and Date, of which the last `body_bytes` are the body. False if the head to this
 * client is another one: HTTP/1.0's, or the last of its connection. */
bool answer_prepared(struct pyrs_exchange *exchange, slice rest, size_t body_bytes);

/* Instead of body_bytes: the fields of the response are its whole head, written as it
 * is, and the body ends with the connection. */
enum { ANSWER_AS_IT_IS = -2 };

/* See pyrs_exchange_begin and its kin. */
void answer_begin(struct pyrs_exchange *exchange, const struct pyrs_response *response,
                  int64_t body_bytes);
void answer_send(struct pyrs_exchange *exchange, const struct lent *piece);
void answer_end(struct pyrs_exchange *exchange, bool complete);

/* True if the body of such an answer is never sent: to HEAD, 204 and 304. */
bool answer_has_no_body(const struct pyrs_exchange *exchange, uint32_t status);

/* How much of its output the client has still to take. */
enum pyrs_flow answer_flow(const struct pyrs_exchange *exchange);

/* Gives lent bytes back: at once if the thread is attached, else when it is. */
void answer_release(struct service *service, void (*release)(void *owner), void *owner);

#endif
