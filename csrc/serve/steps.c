/* steps.c - see steps.h. */
#include "steps.h"

#include <stdlib.h>

#include "body_stream.h"
#include "file_response.h"
#include "redirect.h"
#include "runner.h"
#include "site.h"
#include "status_page.h"
#include "watch.h"

static struct service *service_of_exchange(const struct pyrs_exchange *exchange)
{
    return http1_service(exchange->http1);
}

static bool client_is_there(const struct pyrs_exchange *exchange)
{
    return exchange->http1->connection.state == CONNECTION_OPEN;
}

static void notify(struct pyrs_exchange *exchange, enum pyrs_event event)
{
    const struct endpoint_class *class = exchange->endpoint->class;

    if (exchange->deferred && class->notify)
        class->notify(exchange->endpoint, exchange, event);
}

/* Once, however many signs there are that nobody waits for its answer. */
static void notify_gone(struct pyrs_exchange *exchange)
{
    if (!exchange->deferred || exchange->notified_gone)
        return;
    exchange->notified_gone = true;
    notify(exchange, PYRS_EVENT_GONE);
}

static void notify_finished(struct pyrs_exchange *exchange)
{
    if (exchange->endpoint->class->patient)
        notify(exchange, PYRS_EVENT_FINISHED);
    else
        notify_gone(exchange);
}

/* ---- order ---- */

void steps_make_ready(struct pyrs_exchange *exchange)
{
    struct service *service = service_of_exchange(exchange);

    list_append(&service->ready, &exchange->queue);
    service->loop.ready_count++;
}

static void make_waiting_ready(struct http1 *http1)
{
    struct link *link;

    while ((link = list_take_first(&http1->waiting)))
        steps_make_ready(CONTAINER_OF(link, struct pyrs_exchange, queue));
}

/* What came later may stand before it on the ready list, but never runs before it. */
static bool is_next(const struct pyrs_exchange *exchange)
{
    return exchange->number == exchange->http1->ended;
}

bool steps_must_wait(struct pyrs_exchange *exchange)
{
    struct http1 *http1 = exchange->http1;
    struct connection *connection = &http1->connection;

    if (http1->current == exchange)
        return false;
    if (!http1->current &&
        (connection->state != CONNECTION_OPEN ||
         (is_next(exchange) && connection->output.bytes <= OUTPUT_HIGH_WATER_BYTES)))
        return false;
    if (!exchange_keep(exchange))
        connection_close(connection); /* so that nobody looks at its bytes */
    list_append(&http1->waiting, &exchange->queue);
    return true;
}

/* ---- the end of an exchange ---- */

void steps_come_home(struct pyrs_exchange *exchange)
{
    if (!exchange->away)
        return;
    exchange->away = exchange->deferred = false;
    service_of_exchange(exchange)->loop.away_count--;
}

/* Nobody will hear more of it, and it was not answered to the end; one that was
 * superseded is counted already. */
static void count_as_cut(struct pyrs_exchange *exchange)
{
    if (!exchange->superseded)
        counter_add(&service_of_exchange(exchange)->counters.responses[0], 1);
}

static void end_exchange(struct pyrs_exchange *exchange)
{
    struct http1 *http1 = exchange->http1;
    bool last = exchange->last;

    steps_come_home(exchange);
    if (http1->current == exchange)
        http1->current = NULL;
    if (http1->reading == exchange) { /* answered before its body was whole */
        http1->reading = NULL;
        http1->reading_body = false;
        http1->linger = last = true;
    }
    http1->no_more |= last;
    if (exchange->stream) /* a step at home may have wanted more of it */
        mailbox_forget(&http1_service(http1)->mailbox, exchange);
    exchange_free(http1_service(http1), exchange);
    http1->ended++;
    http1->pending--;
    if (http1->pending == 0 && http1->closed) {
        connection_free(&http1->connection);
        return;
    }
    if (http1->no_more && (last || http1->pending == 0))
        connection_finish(&http1->connection, http1->linger);
    if (http1->pending > 0 && http1->connection.state != CONNECTION_OPEN)
        make_waiting_ready(http1); /* to be ended */
}

void steps_end_answer(struct pyrs_exchange *exchange, bool complete)
{
    if (!client_is_there(exchange) || exchange->superseded)
        count_as_cut(exchange);
    else if (exchange->begun)
        answer_end(exchange, complete);
    else
        status_page_write(exchange, 500);
}

/* What was answered before it still leaves: closed in order, if nothing of this one
 * was written. */
static void abandon(struct pyrs_exchange *exchange)
{
    if (exchange->begun) {
        answer_end(exchange, false);
        return;
    }
    count_as_cut(exchange);
    connection_finish(&exchange->http1->connection, false);
}

void steps_answer_page(struct pyrs_exchange *exchange)
{
    if (client_is_there(exchange))
        status_page_write(exchange, exchange->status);
    else
        count_as_cut(exchange);
    end_exchange(exchange);
}

bool steps_answer_at_once(struct pyrs_exchange *exchange)
{
    struct pyrs_endpoint *endpoint = exchange->endpoint;

    if (!endpoint->class->answer_at_once || exchange->started || exchange->stream ||
        !client_is_there(exchange) ||
        !endpoint->class->answer_at_once(endpoint, exchange))
        return false;
    end_exchange(exchange);
    return true;
}

void steps_refuse_ready(struct pyrs_exchange *exchange, uint16_t status)
{
    exchange->endpoint = status_page();
    exchange->status = status;
    exchange->last = true;
    exchange->http1->no_more = exchange->http1->linger = true;
}

/* ---- a step on the loop ---- */

/* Its endpoint was told to end, and did not; or it has nothing to say. */
static bool is_stuck(const struct pyrs_exchange *exchange)
{
    return !exchange->begun || exchange->told_gone ||
           !exchange->endpoint->class->proceed;
}

/* A body in pieces that goes on: at once if nothing has to be sent before. */
static void await_drain(struct pyrs_exchange *exchange)
{
    struct connection *connection = &exchange->http1->connection;

    if (!exchange_keep(exchange))
        connection_close(connection);
    if (!client_is_there(exchange) || connection->output.bytes == 0)
        list_append(&service_of_exchange(exchange)->again, &exchange->queue);
}

static void settle(struct pyrs_exchange *exchange, enum step_outcome outcome)
{
    if (outcome == STEP_DEFERRED) {
        if (exchange->http1->connection.peer_finished)
            notify_finished(exchange);
        return;
    }
    if (outcome == STEP_OPEN && !is_stuck(exchange)) {
        await_drain(exchange);
        return;
    }
    if (outcome == STEP_OPEN)
        steps_end_answer(exchange, false);
    end_exchange(exchange);
}

static void call(struct pyrs_exchange *exchange)
{
    struct pyrs_endpoint *endpoint = exchange->endpoint;

    if (exchange->started) {
        endpoint->class->proceed(endpoint, exchange);
        return;
    }
    exchange->started = true;
    endpoint->class->answer(endpoint, exchange);
}

/* Before its first step. */
static void begin(struct pyrs_exchange *exchange)
{
    struct service *service = service_of_exchange(exchange);
    uint32_t timeout_ms = service->site->settings.handler_timeout_ms;

    if (exchange->due) /* perhaps another thread was to run it before */
        return;
    exchange->due = true;
    counter_add(&service->counters.handler_runs, 1);
    if (timeout_ms)
        exchange->deadline_ms = loop_now_ms(&service->loop) + timeout_ms;
}

/* Of a step on a thread that drives no loop, or has lost it. */
static void return_away(struct runner *runner, struct pyrs_exchange *exchange)
{
    struct mail *last = runner->last_mail;

    runner->last_mail = NULL;
    if (runner->outcome == STEP_OPEN)
        last = mail_new(MAIL_RETURNED, exchange);
    else if (runner->outcome == STEP_ENDED && !last)
        last = mail_new(MAIL_OVER, exchange);
    if (last)
        mail_post(service_of_exchange(exchange), last);
}

/* Its loop, or its place as a visitor, is still the runner's. */
static void note_trial(struct runner *runner, struct pyrs_exchange *exchange)
{
    if (runner->outcome == STEP_ENDED && exchange->on_trial)
        marks_passed(&runner->crew->marks, marks_place(exchange));
}

bool steps_run(struct pyrs_exchange *exchange)
{
    struct service *service = service_of_exchange(exchange);
    struct runner *runner = service->runner;

    if (exchange->endpoint == status_page() ||
        (!client_is_there(exchange) && !exchange->started)) {
        steps_answer_page(exchange);
        return true;
    }
    exchange->http1->current = exchange;
    begin(exchange);
    exchange->runner = runner;
    runner->outcome = STEP_OPEN;
    runner_enter(runner, exchange);
    watch_look_out(runner->crew);
    call(exchange);
    if (!runner_leave(runner)) {
        return_away(runner, exchange);
        return false;
    }
    note_trial(runner, exchange);
    settle(exchange, runner->outcome);
    return true;
}

/* ---- away ---- */

bool steps_send_away(struct pyrs_exchange *exchange)
{
    if (!exchange_keep(exchange))
        return false;
    begin(exchange);
    exchange->http1->current = exchange;
    exchange->away = true;
    service_of_exchange(exchange)->loop.away_count++;
    http1_set_timeout(exchange->http1);
    return true;
}

bool steps_defer(struct pyrs_exchange *exchange)
{
    if (!steps_send_away(exchange))
        return false;
    exchange->deferred = true;
    return true;
}

void steps_left_behind(struct pyrs_exchange *exchange)
{
    struct service *service = service_of_exchange(exchange);

    if (!exchange->kept && !exchange->slab)
        exchange->slab = loop_share_input(&service->loop);
    exchange->away = true;
    service->loop.away_count++;
    http1_set_timeout(exchange->http1);
}

void steps_run_away(struct runner *runner, struct pyrs_exchange *exchange)
{
    runner->outcome = STEP_OPEN;
    exchange->runner = runner;
    runner_enter(runner, exchange);
    if (!exchange->started && atomic_load(&exchange->gone))
        pyrs_exchange_end(exchange, false);
    else
        call(exchange);
    if (runner_leave(runner))
        note_trial(runner, exchange);
    return_away(runner, exchange);
}

/* Its route is marked; but one of many is tried on the loop all the same. */
static bool is_kept_off(struct crew *crew, struct pyrs_exchange *exchange)
{
    struct mark_place place;

    if (!marks_any(&crew->marks))
        return false;
    place = marks_place(exchange);
    if (!marks_have(&crew->marks, place))
        return false;
    exchange->on_trial = !exchange->started && marks_try(&crew->marks, place);
    return !exchange->on_trial;
}

bool steps_choose_beside(struct pyrs_exchange *exchange)
{
    struct crew *crew = service_of_exchange(exchange)->runner->crew;
    const struct route *route = exchange->match.route;
    int run = route ? route->options.run : PYRS_RUN_AUTO;

    /* What defers returns at once. */
    if (!crew || exchange->endpoint->class->notify ||
        exchange->endpoint == status_page())
        return false;
    /* What waits for its body waits for the loop, which may never be handed on. */
    if (run == PYRS_RUN_THREAD || exchange->stream)
        return true;
    return run != PYRS_RUN_LOOP && is_kept_off(crew, exchange);
}

void steps_bring_back(struct pyrs_exchange *exchange)
{
    steps_come_home(exchange);
    steps_make_ready(exchange);
}

/* ---- letters ---- */

static void deliver_returned(struct pyrs_exchange *exchange)
{
    steps_come_home(exchange);
    settle(exchange, STEP_OPEN);
}

static void deliver_lost(struct service *service, struct mail *mail)
{
    switch (mail->kind) {
    case MAIL_RESPONSE:
        counter_add(&service->counters.late_responses, 1);
        file_response_drop(&mail->response);
        answer_release(service, mail->response.release, mail->response.owner);
        count_as_cut(mail->exchange);
        end_exchange(mail->exchange);
        break;
    case MAIL_SEND:
        answer_release(service, mail->piece.release, mail->piece.owner);
        break;
    case MAIL_END:
    case MAIL_ABANDON:
    case MAIL_REDIRECT:
    case MAIL_ERROR_PAGE:
        count_as_cut(mail->exchange);
        end_exchange(mail->exchange);
        break;
    case MAIL_DEFERRED:
        mail->exchange->deferred = true;
        notify_gone(mail->exchange);
        break;
    case MAIL_RETURNED:
        deliver_returned(mail->exchange);
        break;
    case MAIL_OVER:
        end_exchange(mail->exchange);
        break;
    case MAIL_BEGIN:
        counter_add(&service->counters.late_responses, 1);
        break;
    case MAIL_WANT_BODY:
    case MAIL_RECLAIM:
        break;
    }
}

static void deliver(struct mail *mail)
{
    struct pyrs_exchange *exchange = mail->exchange;

    switch (mail->kind) {
    case MAIL_RESPONSE:
        answer_whole(exchange, &mail->response);
        end_exchange(exchange);
        break;
    case MAIL_BEGIN:
        answer_begin(exchange, &mail->response, mail->body_bytes);
        break;
    case MAIL_SEND:
        exchange->sent_since_drained += mail_piece_weight(mail->piece.bytes.length);
        answer_send(exchange, &mail->piece);
        connection_touch(&exchange->http1->connection); /* though it was dropped */
        break;
    case MAIL_END:
        steps_end_answer(exchange, mail->complete);
        end_exchange(exchange);
        break;
    case MAIL_ABANDON:
        abandon(exchange);
        end_exchange(exchange);
        break;
    case MAIL_REDIRECT:
        redirect(exchange, slice_of(mail->bytes, mail->target_length));
        steps_make_ready(exchange);
        break;
    case MAIL_ERROR_PAGE:
        redirect_to_page(exchange, mail->status);
        steps_make_ready(exchange);
        break;
    case MAIL_DEFERRED:
        exchange->deferred = true;
        if (exchange->body_untold)
            notify(exchange, PYRS_EVENT_BODY);
        if (exchange->http1->connection.peer_finished)
            notify_finished(exchange);
        break;
    case MAIL_RETURNED:
        deliver_returned(exchange);
        break;
    case MAIL_OVER:
        connection_touch(&exchange->http1->connection); /* what waits goes on */
        end_exchange(exchange);
        break;
    case MAIL_WANT_BODY:
        if (exchange->http1->reading == exchange) /* else it is whole already */
            http1_want_body(exchange->http1);
        break;
    case MAIL_RECLAIM:
        break;
    }
}

void steps_deliver(struct service *service, struct mail *mail)
{
    struct pyrs_exchange *exchange = mail->exchange;

    if (mail->kind == MAIL_RECLAIM)
        service_reclaim(service);
    else if (!client_is_there(exchange) || exchange->superseded)
        deliver_lost(service, mail);
    else
        deliver(mail);
    free(mail);
}

/* ---- what happens to the connection meanwhile ---- */

void steps_supersede(struct http1 *http1, uint16_t status)
{
    struct pyrs_exchange *exchange = http1->current;

    exchange->superseded = exchange->last = true;
    atomic_store(&exchange->gone, true);
    if (exchange->stream)
        body_stream_finish(exchange->stream, BODY_STREAM_CUT);
    status_page_write(exchange, status);
    http1->no_more = true;
    notify_gone(exchange);
    connection_finish(&http1->connection, true);
}

void steps_drained(struct http1 *http1)
{
    struct pyrs_exchange *exchange = http1->current;

    if (!exchange) {
        make_waiting_ready(http1);
        return;
    }
    if (!exchange->begun)
        return;
    atomic_fetch_sub(&exchange->unsent, exchange->sent_since_drained);
    exchange->sent_since_drained = 0;
    if (atomic_load(&exchange->sending_paused) &&
        atomic_load(&exchange->unsent) <=
            OUTPUT_HIGH_WATER_BYTES && /* else in the mail */
        atomic_exchange(&exchange->sending_paused, false))
        notify(exchange, PYRS_EVENT_SENT);
    if (!exchange->away && !list_is_linked(&exchange->queue))
        steps_make_ready(exchange);
}

void steps_client_finished(struct http1 *http1)
{
    if (http1->current)
        notify_finished(http1->current);
}

void steps_closed(struct http1 *http1)
{
    struct pyrs_exchange *exchange = http1->current;

    if (exchange) {
        atomic_store(&exchange->gone, true);
        notify_gone(exchange);
        if (!exchange->away && !list_is_linked(&exchange->queue))
            steps_make_ready(exchange); /* to be ended */
    }
    make_waiting_ready(http1);
}

uint32_t steps_time_left_ms(const struct http1 *http1)
{
    const struct pyrs_exchange *exchange = http1->current;
    uint64_t now_ms = loop_now_ms(http1->connection.loop);

    if (!exchange || !exchange->deadline_ms || exchange->begun)
        return 0;
    return exchange->deadline_ms > now_ms ? (uint32_t)(exchange->deadline_ms - now_ms)
                                          : 1;
}
