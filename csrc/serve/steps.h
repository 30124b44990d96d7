/* steps.h - running exchanges: on the loop, beside it, one behind the other.
 *
 * Exchanges of one connection run in order: the first is http1->current from its first
 * step until it has ended, and those behind it wait. A step may leave it ended, paused
 * (a body in pieces, until the client has taken what was sent), deferred, or in the
 * hands of a thread that the loop was taken from.
 */
#ifndef PYRS_SERVE_STEPS_H
#define PYRS_SERVE_STEPS_H

#include "exchange.h"
#include "http1.h"
#include "mail.h"

/* Puts it on the ready list. */
void steps_make_ready(struct pyrs_exchange *exchange);

/* True if its endpoint had an answer ready: the exchange has ended. */
bool steps_answer_at_once(struct pyrs_exchange *exchange);

/* True if the exchange has to wait for one before it, or because its client reads too
 * slowly; it is kept then, and made ready again later. */
bool steps_must_wait(struct pyrs_exchange *exchange);

/* Runs a step on this thread, which is attached to the endpoint's interpreter. False:
 * another thread drives the loop now. */
bool steps_run(struct pyrs_exchange *exchange);

/* True if its next step is to run beside the loop. To be asked once for a step: of a
 * route that is marked, one run of many is chosen to be tried on the loop (marks.h). */
bool steps_choose_beside(struct pyrs_exchange *exchange);

/* Gives the exchange to other threads: its bytes are moved, those behind it wait. False
 * if memory is out. */
bool steps_send_away(struct pyrs_exchange *exchange);

/* The same, by its endpoint, within a step. */
bool steps_defer(struct pyrs_exchange *exchange);

/* The loop was taken from the thread that runs it. */
void steps_left_behind(struct pyrs_exchange *exchange);

/* Runs a step on a thread that drives no loop, attached, and mails what comes of it. */
void steps_run_away(struct runner *runner, struct pyrs_exchange *exchange);

/* It is the loop's again. */
void steps_come_home(struct pyrs_exchange *exchange);

/* What waited away from home, and was not begun, is ready again. */
void steps_bring_back(struct pyrs_exchange *exchange);

/* Does what the letter says, and frees it. */
void steps_deliver(struct service *service, struct mail *mail);

/* Ends the answer of an exchange that is at home; the exchange itself ends when its
 * step does. */
void steps_end_answer(struct pyrs_exchange *exchange, bool complete);

/* ---- for http1.c ---- */

/* A status page that is due: answers and ends it. */
void steps_answer_page(struct pyrs_exchange *exchange);

/* A ready exchange will be answered with a status instead of by its endpoint. */
void steps_refuse_ready(struct pyrs_exchange *exchange, uint16_t status);

/* Answers in the place of the current exchange, which is away and has not begun its
 * answer; what comes from there is dropped. */
void steps_supersede(struct http1 *http1, uint16_t status);

/* The output of the connection was sent. */
void steps_drained(struct http1 *http1);

/* The client has left for good, or will send nothing more. */
void steps_closed(struct http1 *http1);
void steps_client_finished(struct http1 *http1);

/* How long the current exchange may still take; 0: for ever. */
uint32_t steps_time_left_ms(const struct http1 *http1);

#endif
