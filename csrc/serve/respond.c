/* respond.c - what an endpoint tells of its exchange: written at once if the thread
 * drives the loop, mailed to the thread that does if not. */
#include <assert.h>

#include "body_stream.h"
#include "file_response.h"
#include "http1.h"
#include "mail.h"
#include "respond.h"
#include "runner.h"
#include "steps.h"

/* Between two looks at a client that takes nothing. */
enum { WAIT_MS_MAX = 32 };
/* Of the watch's own, beside the time after which it acts. */
enum { WATCH_MS_MAX = 50 };

/* A handler need not know on which side it is: every call asks again. At home the step
 * stands still until runner_enter_again, so that the loop cannot be taken; away it goes
 * on at once, since the watch may have to relieve a visitor. */
static bool is_home(struct pyrs_exchange *exchange)
{
    struct runner *runner = exchange->runner;

    if (!runner)
        return false;
    if (runner_leave(runner) && runner->role == RUNNER_DRIVES)
        return true;
    runner_enter_again(runner);
    return false;
}

bool respond_hold_loop(struct pyrs_exchange *exchange)
{
    return is_home(exchange);
}

void respond_let_go(struct pyrs_exchange *exchange, bool answered)
{
    if (answered) {
        exchange->answered = true;
        exchange->runner->outcome = STEP_ENDED;
    }
    runner_enter_again(exchange->runner);
}

/* Goes on with the step, whichever side it is on. */
static void go_on(struct pyrs_exchange *exchange, bool home)
{
    if (home)
        runner_enter_again(exchange->runner);
}

/* A mistake in an endpoint must not become bytes that a client takes for another
 * answer, so it is checked in every build. */
static bool may_answer(struct pyrs_exchange *exchange, uint32_t status)
{
    if (exchange->answered) {
        pyrs_exchange_log(exchange, PYRS_LOG_ERROR,
                          PYRS_TEXT("answered twice: the second answer is dropped"));
        return false;
    }
    if (!answer_status_is_valid(status)) {
        pyrs_exchange_log(exchange, PYRS_LOG_ERROR,
                          PYRS_TEXT("answered with a status outside 200 to 599"));
        return false;
    }
    return true;
}

/* ---- by mail ---- */

static void post(struct pyrs_exchange *exchange, struct mail *mail)
{
    mail_post(http1_service(exchange->http1), mail);
}

/* The letter that ends the exchange leaves when the step is over, since the step may
 * still look at the request. */
static void post_last(struct pyrs_exchange *exchange, struct mail *mail)
{
    if (exchange->runner)
        exchange->runner->last_mail = mail;
    else
        post(exchange, mail);
}

static void mail_end(struct pyrs_exchange *exchange, bool complete)
{
    struct mail *mail = mail_new(MAIL_END, exchange);

    mail->complete = complete && !atomic_load(&exchange->gone);
    post_last(exchange, mail);
}

void respond_abandon(struct pyrs_exchange *exchange)
{
    post(exchange, mail_new(MAIL_ABANDON, exchange));
}

/* A response that will not be sent. */
static void drop(const struct pyrs_response *response)
{
    file_response_drop(response);
    if (response->release)
        response->release(response->owner);
}

static void mail_response(struct pyrs_exchange *exchange,
                          const struct pyrs_response *response)
{
    struct mail *mail = mail_of_response(MAIL_RESPONSE, exchange, response);

    if (mail) {
        post_last(exchange, mail);
        return;
    }
    drop(response);
    mail_end(exchange, false);
}

static bool is_gone(const struct pyrs_exchange *exchange)
{
    return exchange->told_gone || atomic_load(&exchange->gone);
}

/* A deferred one that pauses is told later: whoever clears the flag has seen it. */
static enum pyrs_flow mailed_flow(struct pyrs_exchange *exchange)
{
    if (is_gone(exchange))
        return PYRS_FLOW_GONE;
    if (atomic_load(&exchange->unsent) <= OUTPUT_HIGH_WATER_BYTES)
        return PYRS_FLOW_GO_ON;
    atomic_store(&exchange->sending_paused, true);
    if (atomic_load(&exchange->unsent) > OUTPUT_HIGH_WATER_BYTES ||
        !atomic_exchange(&exchange->sending_paused, false))
        return PYRS_FLOW_PAUSE;
    return PYRS_FLOW_GO_ON; /* it was sent in that moment */
}

/* ---- whole answers ---- */

void pyrs_exchange_respond(struct pyrs_exchange *exchange,
                           const struct pyrs_response *response)
{
    static const struct pyrs_response FAULT = {.status = 500};
    bool home = is_home(exchange);

    if (!may_answer(exchange, response->status)) {
        drop(response);
        if (exchange->answered) {
            go_on(exchange, home);
            return;
        }
        response = &FAULT;
    }
    exchange->answered = true;
    if (exchange->runner)
        exchange->runner->outcome = STEP_ENDED;
    if (!home) {
        mail_response(exchange, response);
        return;
    }
    answer_whole(exchange, response);
    runner_enter_again(exchange->runner);
}

bool pyrs_exchange_defer(struct pyrs_exchange *exchange)
{
    struct runner *runner = exchange->runner;
    bool home = is_home(exchange);

    assert(runner && !exchange->answered);
    if (home && !steps_defer(exchange)) {
        runner_enter_again(runner);
        return false;
    }
    runner->outcome = STEP_DEFERRED;
    exchange->runner = NULL;
    if (!home) {
        (void)runner_leave(runner); /* the watch looks at it no more */
        /* Last: whoever is told something may end it. */
        post(exchange, mail_new(MAIL_DEFERRED, exchange));
    }
    return true;
}

/* ---- answers in pieces ---- */

/* Within the step that has ended it. */
static bool is_over(const struct pyrs_exchange *exchange)
{
    return exchange->runner && exchange->runner->outcome == STEP_ENDED;
}

static enum pyrs_flow tell(struct pyrs_exchange *exchange, enum pyrs_flow flow)
{
    exchange->told_gone |= flow == PYRS_FLOW_GONE;
    return flow;
}

/* At home: looks at the output, then lets the step go on. */
static enum pyrs_flow tell_and_go_on(struct pyrs_exchange *exchange)
{
    enum pyrs_flow flow = tell(exchange, answer_flow(exchange));

    runner_enter_again(exchange->runner);
    return flow;
}

enum pyrs_flow pyrs_exchange_begin(struct pyrs_exchange *exchange,
                                   const struct pyrs_response *response,
                                   int64_t body_bytes)
{
    bool home = is_home(exchange);
    struct pyrs_response head = *response;
    struct mail *mail;

    if (!may_answer(exchange, response->status)) {
        go_on(exchange, home);
        return tell(exchange, PYRS_FLOW_GONE);
    }
    exchange->answered = true;
    if (home) {
        answer_begin(exchange, response, body_bytes);
        return tell_and_go_on(exchange);
    }
    head.body = (struct pyrs_slice){0};
    head.release = NULL;
    head.file = NULL;
    mail = mail_of_response(MAIL_BEGIN, exchange, &head);
    if (!mail) {
        atomic_store(&exchange->gone, true);
        return tell(exchange, PYRS_FLOW_GONE);
    }
    mail->body_bytes = body_bytes;
    post(exchange, mail);
    if (answer_has_no_body(exchange, response->status))
        return tell(exchange, PYRS_FLOW_GONE);
    return tell(exchange, mailed_flow(exchange));
}

static void release_lent(const struct lent *piece)
{
    if (piece->release)
        piece->release(piece->owner);
}

static void mail_piece(struct pyrs_exchange *exchange, const struct lent *piece)
{
    size_t length = piece->bytes.length;
    struct mail *mail = mail_of_piece(exchange, piece);

    if (mail) {
        atomic_fetch_add(&exchange->unsent, mail_piece_weight(length));
        post(exchange, mail);
        return;
    }
    atomic_store(&exchange->gone, true);
    release_lent(piece);
}

enum pyrs_flow pyrs_exchange_send(struct pyrs_exchange *exchange,
                                  struct pyrs_slice bytes, void (*release)(void *owner),
                                  void *owner)
{
    struct lent piece = {slice_of(bytes.bytes, bytes.length), release, owner};

    if (!exchange->answered || is_over(exchange)) {
        release_lent(&piece); /* not begun, perhaps with a status that is none */
        return tell(exchange, PYRS_FLOW_GONE);
    }
    if (!is_home(exchange)) {
        if (is_gone(exchange))
            release_lent(&piece);
        else
            mail_piece(exchange, &piece);
        return tell(exchange, mailed_flow(exchange));
    }
    answer_send(exchange, &piece);
    return tell_and_go_on(exchange);
}

enum pyrs_flow pyrs_exchange_flow(struct pyrs_exchange *exchange)
{
    if (!is_home(exchange))
        return tell(exchange, mailed_flow(exchange));
    return tell_and_go_on(exchange);
}

bool pyrs_exchange_holds_loop(struct pyrs_exchange *exchange)
{
    bool home = is_home(exchange);

    go_on(exchange, home);
    return home;
}

static bool drives(const struct runner *runner)
{
    return runner->role == RUNNER_DRIVES;
}

/* The watch takes the loop from a step that stands still. False if it does not: it has
 * no thread left, or does not run, and those that have one may wait for this loop. */
static bool lose_loop(const struct runner *runner, uint32_t handoff_after_us)
{
    uint32_t ms_max = WATCH_MS_MAX + handoff_after_us / 1000 * 4;

    for (uint32_t ms = 0; ms < ms_max; ms++) {
        if (atomic_load_explicit(&runner->challenged, memory_order_relaxed))
            return true;
        uv_sleep(1);
    }
    return false;
}

bool pyrs_exchange_wait(struct pyrs_exchange *exchange)
{
    const struct runner *runner = exchange->runner;
    uint32_t after_us = http1_settings(exchange->http1)->handoff_after_us;
    unsigned ms = 1;

    while (pyrs_exchange_flow(exchange) == PYRS_FLOW_PAUSE) {
        if (!drives(runner)) {
            uv_sleep(ms);
            ms = ms < WAIT_MS_MAX ? ms * 2 : ms;
        } else if (!runner->crew || !after_us || !lose_loop(runner, after_us)) {
            return false;
        }
    }
    return true;
}

void pyrs_exchange_end(struct pyrs_exchange *exchange, bool complete)
{
    bool home = is_home(exchange);

    if (is_over(exchange)) {
        go_on(exchange, home);
        return;
    }
    if (exchange->runner)
        exchange->runner->outcome = STEP_ENDED;
    if (!home) {
        mail_end(exchange, complete && exchange->answered);
        return;
    }
    steps_end_answer(exchange, complete && exchange->answered);
    runner_enter_again(exchange->runner);
}

void *pyrs_exchange_state(const struct pyrs_exchange *exchange)
{
    return exchange->state;
}

void pyrs_exchange_set_state(struct pyrs_exchange *exchange, void *state)
{
    exchange->state = state;
}

/* ---- the request's body, as it arrives ---- */

bool pyrs_exchange_body_streams(const struct pyrs_exchange *exchange)
{
    return exchange->stream != NULL;
}

bool pyrs_exchange_body_may_stream(const struct pyrs_exchange *exchange)
{
    const struct route *route = exchange->match.route;
    const struct request_head *head = &exchange->head;
    uint64_t length = head->framing == BODY_LENGTH ? (uint64_t)head->content_length : 0;

    return route && route->options.stream_body && head->framing != BODY_NONE &&
           length >= route->options.stream_bytes_min;
}

/* From its temporary file, if it lies in one: the pages of a mapping that were looked
 * at would count as the process's memory until the exchange ends. */
bool pyrs_exchange_copy_body(const struct pyrs_exchange *exchange, size_t offset,
                             char *bytes, size_t length)
{
    assert(offset + length <= exchange->body.length);
    if (exchange->has_incoming)
        return body_read(&exchange->incoming, offset, bytes, length);
    memcpy(bytes, exchange->body.bytes + offset, length);
    return true;
}

static int64_t read_whole(struct pyrs_exchange *exchange, char *bytes, size_t room)
{
    size_t left = exchange->body.length - exchange->body_read;

    if (left < room)
        room = left;
    if (room == 0)
        return PYRS_BODY_END;
    if (!pyrs_exchange_copy_body(exchange, exchange->body_read, bytes, room))
        return PYRS_BODY_GONE;
    exchange->body_read += room;
    return (int64_t)room;
}

int64_t pyrs_exchange_read(struct pyrs_exchange *exchange, char *bytes, size_t room,
                           bool wait)
{
    bool tell_loop;
    int64_t taken;

    if (!exchange->stream)
        return read_whole(exchange, bytes, room);
    do {
        taken = body_stream_take(exchange->stream, bytes, room, wait, &tell_loop);
        if (tell_loop)
            post(exchange, mail_new(MAIL_WANT_BODY, exchange));
    } while (taken == PYRS_BODY_WAIT && wait);
    return taken;
}
