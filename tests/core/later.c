/* later.c - exchanges that are deferred and answered later, perhaps by another thread.
 *
 * Where the order matters the case itself is "another thread": between two turns it
 * says what that thread would. The program runs the case that it is told; without one
 * it lists them.
 */
#include "kit.h"
#include "serve/respond.h"

enum { BIG_BYTES = 100 * 1024, CLIENTS = 400 };

static char big[BIG_BYTES];

static void name(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = 200,
                                        .body = pyrs_exchange_query(exchange),
                                    });
}

static const struct endpoint_class NAME_CLASS = {
    .interpreter = &INTERPRETER, .answer = name, .free = keep_endpoint};
static struct pyrs_endpoint name_endpoint = {&NAME_CLASS};

static void begin(void)
{
    start();
    add_route("/later", &later_endpoint);
    add_route("/patient", &patient_endpoint);
    add_route("/name", &name_endpoint);
    memset(big, 'b', sizeof big);
}

static void respond_big(struct later *later)
{
    pyrs_exchange_respond(later->exchange, &(struct pyrs_response){
                                               .status = 200,
                                               .body = {big, sizeof big},
                                               .release = release,
                                           });
}

/* ---- answered ---- */

static void a_deferred_exchange_is_answered_later(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, GET("/later"));
    listen_for(client, &answers, 4);
    CHECK(answers.length == 0 && later_count == 1);
    respond_later(&laters[0], PYRS_TEXT("at last"));
    listen_for(client, &answers, 4);
    CHECK(ends_with(&answers, "\r\n\r\nat last"));
    say(client, GET("/name?next"));
    listen_for(client, &answers, 4);
    CHECK(ends_with(&answers, "\r\n\r\nnext"));
    CHECK(laters[0].gone == 0 && laters[0].sent == 0 && laters[0].body == 0);
    CHECK(response_count(2) == 2);
    close(client);
    finish();
}

static void its_request_stays_readable(void)
{
    static struct answers answers;
    struct pyrs_exchange *exchange;
    struct pyrs_slice body;
    int client, other;

    prepare();
    begin();
    client = connect_client();
    other = connect_client();
    say(client, "POST /./later?q HTTP/1.1\r\nHost: a\r\nX-Tag: mine\r\n"
                "Content-Length: 5\r\n\r\nhello");
    for (int i = 0; i < 10; i++) /* over the bytes that it came in */
        say(other, POST("/name", 40) "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    exchange = laters[0].exchange;
    body = pyrs_exchange_body(exchange);
    CHECK(body.length == 5 && memcmp(body.bytes, "hello", 5) == 0);
    CHECK(memcmp(pyrs_exchange_path(exchange).bytes, "/later", 6) == 0);
    respond_later(&laters[0], pyrs_exchange_header(exchange, PYRS_TEXT("x-tag")));
    listen_for(client, &answers, 4);
    CHECK(ends_with(&answers, "\r\n\r\nmine"));
    close(client);
    close(other);
    finish();
}

static void pipelined_requests_behind_it_wait_and_come_in_order(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, GET("/name?1") GET("/later") GET("/name?2"));
    say(client, GET("/nowhere") GET("/later") GET("/name?3"));
    listen_for(client, &answers, 4);
    CHECK(ends_with(&answers, "\r\n\r\n1") && later_count == 1);
    answers.length = 0;
    respond_later(&laters[0], PYRS_TEXT("first"));
    listen_for(client, &answers, 4);
    CHECK(strstr(answers.bytes, "\r\n\r\nfirstHTTP/1.1 200"));
    CHECK(strstr(answers.bytes, "\r\n\r\n2HTTP/1.1 404"));
    CHECK(ends_with(&answers, "404 Not Found\n") && later_count == 2);
    answers.length = 0;
    respond_later(&laters[1], PYRS_TEXT("second"));
    listen_for(client, &answers, 4);
    CHECK(strstr(answers.bytes, "\r\n\r\nsecondHTTP/1.1 200"));
    CHECK(ends_with(&answers, "\r\n\r\n3"));
    close(client);
    finish();
}

/* More than are made ready at once, and than a receive brings. */
static void a_long_pipeline_waits_for_the_deferred_one_before_it(void)
{
    static struct answers answers;
    static char wire[CLIENTS * sizeof GET("/name?1")];
    int client;

    prepare();
    site.settings.handler_timeout_ms = 60000; /* a clock, which wakes it now and then */
    begin();
    for (int i = 0; i < CLIENTS; i++)
        strcat(wire, GET("/name?1"));
    client = connect_client();
    say(client, GET("/later"));
    push(client, wire, strlen(wire));
    CHECK(wake_ups() < 20);
    respond_later(&laters[0], PYRS_TEXT(""));
    listen_for(client, &answers, 100);
    CHECK(count_of(&answers, "HTTP/1.1 200 OK\r\n") == CLIENTS + 1);
    close(client);
    finish();
}

static void an_exchange_that_is_ended_without_an_answer_is_a_500(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, GET("/later") GET("/later") GET("/name?3"));
    pyrs_exchange_end(laters[0].exchange, false);
    turns(4);
    pyrs_exchange_end(laters[1].exchange, true);
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "HTTP/1.1 500 ") == 2 && ends_with(&answers, "\r\n\r\n3"));
    close(client);
    finish();
}

static void an_error_page_may_come_later_too(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    CHECK(router_add(site.router, "/reading", "GET",
                     &(struct route_answer){.endpoint = &name_endpoint}, NULL));
    site.not_found = site.method_not_allowed = &later_endpoint;
    client = connect_client();
    say(client, GET("/nowhere") POST("/reading", 2) "ab");
    pyrs_exchange_respond(laters[0].exchange, &(struct pyrs_response){.status = 404});
    turns(4);
    pyrs_exchange_respond(laters[1].exchange, &(struct pyrs_response){.status = 405});
    say(client, "OPTIONS /reading HTTP/1.1\r\nHost: a\r\n\r\n");
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "HTTP/1.1 404 ") == 1);
    CHECK(count_of(&answers, "HTTP/1.1 405 ") == 1);
    CHECK(count_of(&answers, "HTTP/1.1 204 ") == 1);
    CHECK(count_of(&answers, "\r\nAllow: GET, HEAD, OPTIONS\r\n") == 2);
    close(client);
    finish();
}

/* ---- from another thread ---- */

/* Answers all that are deferred, the last ones first, each with its own query. */
static void answer_backwards(void *count)
{
    while (later_count < *(int *)count)
        sleep_ms(1);
    for (int i = later_count; i-- > 0;)
        respond_later(&laters[i], pyrs_exchange_query(laters[i].exchange));
}

static void many_are_answered_by_another_thread(void)
{
    static struct answers answers;
    static int clients[CLIENTS];
    int count = CLIENTS;
    uv_thread_t thread;

    prepare();
    begin();
    CHECK(uv_thread_create(&thread, answer_backwards, &count) == 0);
    for (int i = 0; i < count; i++) {
        char request[80];

        clients[i] = connect_client();
        snprintf(request, sizeof request,
                 "GET /later?the-%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        say(clients[i], request);
    }
    for (int i = 0; i < count; i++) {
        char own[40];

        answers.length = 0;
        while (answers.length == 0)
            listen_for(clients[i], &answers, 1);
        snprintf(own, sizeof own, "\r\n\r\nthe-%d", i);
        CHECK(ends_with(&answers, own));
        close(clients[i]);
    }
    uv_thread_join(&thread);
    CHECK(response_count(2) == CLIENTS);
    finish();
}

/* Wakes a loop that sleeps. */
static void an_answer_wakes_the_loop(void)
{
    static struct answers answers;
    uv_thread_t thread;
    int client, count = 1;

    prepare();
    site.settings.idle_timeout_ms = 0; /* so that no clock wakes it */
    begin();
    client = connect_client();
    say(client, GET("/later?woken"));
    CHECK(uv_thread_create(&thread, answer_backwards, &count) == 0);
    while (answers.length == 0) {
        CHECK(loop_turn(&service.loop, true));
        listen_for(client, &answers, 1);
    }
    CHECK(ends_with(&answers, "\r\n\r\nwoken"));
    uv_thread_join(&thread);
    close(client);
    finish();
}

/* ---- the client leaves ---- */

static void a_client_that_leaves_is_told_once(void)
{
    int client;

    prepare();
    begin();
    client = connect_by_tcp();
    say(client, GET("/later") GET("/later") GET("/name"));
    reset_client(client);
    CHECK(laters[0].gone == 1);
    CHECK(pyrs_exchange_flow(laters[0].exchange) == PYRS_FLOW_GONE);
    CHECK(counter_read(&service.loop.counters.connections_open) == 1);
    pyrs_exchange_end(laters[0].exchange, false);
    turns(4);
    CHECK(laters[0].gone == 1 && later_count == 1); /* the others never ran */
    CHECK(counter_read(&service.loop.counters.connections_open) == 0);
    CHECK(response_count(0) == 3);
    finish();
}

static void a_client_that_closes_is_told_once(void)
{
    int clients[2];

    prepare();
    begin();
    clients[0] = connect_client();
    clients[1] = connect_client();
    say(clients[0], GET("/later"));
    say(clients[1], GET_CLOSE("/later"));
    close(clients[0]);
    close(clients[1]);
    turns(4);
    CHECK(laters[0].gone == 1 && laters[1].gone == 1);
    loop_stop_at_once(&service.loop);
    turns(4);
    CHECK(laters[0].gone == 1 && laters[1].gone == 1);
    pyrs_exchange_end(laters[0].exchange, false);
    pyrs_exchange_end(laters[1].exchange, false);
    finish();
}

/* Not gone, but finished: also if the second was deferred after that. */
static void a_patient_endpoint_is_told_what_is_known(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, GET("/patient") GET("/patient"));
    CHECK(laters[0].finished == 0);
    shutdown(client, SHUT_WR);
    turns(4);
    CHECK(laters[0].finished > 0 && laters[0].gone == 0 && later_count == 1);
    respond_later(&laters[0], PYRS_TEXT("first"));
    turns(4);
    CHECK(later_count == 2 && laters[1].finished > 0 && laters[1].gone == 0);
    respond_later(&laters[1], PYRS_TEXT("second"));
    listen_until_end(client, &answers);
    CHECK(strstr(answers.bytes, "\r\n\r\nfirstHTTP/1.1 200"));
    CHECK(ends_with(&answers, "\r\n\r\nsecond") && response_count(2) == 2);
    close(client);
    finish();
}

static void a_client_that_finished_and_then_left_is_told_both(void)
{
    struct pyrs_exchange *exchange;
    int client;

    prepare();
    begin();
    client = connect_by_tcp();
    say(client, GET("/patient"));
    exchange = laters[0].exchange;
    close(client);
    turns(4);
    CHECK(laters[0].finished > 0 && laters[0].gone == 0);
    pyrs_exchange_begin(exchange, &(struct pyrs_response){.status = 200}, -1);
    while (laters[0].gone == 0) { /* the first piece is answered with a reset */
        pyrs_exchange_send(exchange, (struct pyrs_slice){"x", 1}, NULL, NULL);
        turns(1);
    }
    CHECK(pyrs_exchange_flow(exchange) == PYRS_FLOW_GONE);
    pyrs_exchange_end(exchange, false);
    turns(4);
    CHECK(laters[0].gone == 1);
    CHECK(counter_read(&service.loop.counters.connections_open) == 0);
    finish();
}

static void who_is_taken_to_be_gone_is_sent_nothing_more(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, GET("/name?before") GET("/patient") GET("/name?behind"));
    shutdown(client, SHUT_WR);
    turns(4);
    respond_abandon(laters[0].exchange);
    listen_until_end(client, &answers);
    CHECK(ends_with(&answers, "\r\n\r\nbefore") && !answers.reset);
    CHECK(response_count(2) == 1 && response_count(0) == 2 && response_count(5) == 0);
    CHECK(counter_read(&service.loop.counters.connections_open) == 0);
    close(client);
    finish();
}

static void an_answer_that_is_abandoned_is_cut(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_by_tcp();
    say(client, GET("/patient"));
    shutdown(client, SHUT_WR);
    turns(4);
    pyrs_exchange_begin(laters[0].exchange, &(struct pyrs_response){.status = 200}, -1);
    respond_abandon(laters[0].exchange);
    listen_until_end(client, &answers);
    CHECK(answers.reset && count_of(&answers, "\r\n0\r\n\r\n") == 0);
    close(client);
    finish();
}

static void one_that_is_abandoned_may_have_left_before(void)
{
    int client;

    prepare();
    begin();
    client = connect_by_tcp();
    say(client, GET("/patient"));
    reset_client(client);
    CHECK(laters[0].gone == 1 && laters[0].finished == 0);
    respond_abandon(laters[0].exchange);
    turns(4);
    CHECK(response_count(0) == 1);
    CHECK(counter_read(&service.loop.counters.connections_open) == 0);
    finish();
}

static void a_client_that_only_finished_sending_gets_its_answer(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, GET("/later") GET("/name?next"));
    shutdown(client, SHUT_WR);
    turns(4);
    CHECK(laters[0].gone == 1);
    CHECK(pyrs_exchange_flow(laters[0].exchange) == PYRS_FLOW_GO_ON);
    respond_later(&laters[0], PYRS_TEXT("late"));
    listen_until_end(client, &answers);
    CHECK(strstr(answers.bytes, "\r\n\r\nlateHTTP/1.1 200"));
    CHECK(ends_with(&answers, "\r\n\r\nnext"));
    CHECK(laters[0].gone == 1);
    close(client);
    finish();
}

static void the_answer_to_a_client_that_left_is_dropped(void)
{
    int client;

    prepare();
    begin();
    client = connect_by_tcp();
    say(client, GET("/later"));
    reset_client(client);
    respond_later(&laters[0], PYRS_TEXT("nobody hears it"));
    turns(4);
    CHECK(response_count(2) == 0 && response_count(0) == 1 &&
          late_response_count() == 1);
    CHECK(counter_read(&service.loop.counters.connections_open) == 0);
    finish();
}

/* More connections than are kept for reuse wait for their exchanges. */
static void many_clients_leave_before_their_answers(void)
{
    static int clients[CLIENTS];

    prepare();
    begin();
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = connect_by_tcp();
        say(clients[i], GET("/later"));
    }
    for (int i = 0; i < CLIENTS; i++)
        reset_client(clients[i]);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK(laters[i].gone == 1);
        respond_later(&laters[i], PYRS_TEXT("late"));
    }
    turns(4);
    CHECK(response_count(0) == CLIENTS);
    finish();
}

/* ---- what is lent comes back once ---- */

static void a_lent_body_comes_back_when_it_was_sent(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, GET("/later"));
    respond_big(&laters[0]);
    turns(4);
    CHECK(released == 0); /* the client has taken only some of it */
    listen_until(client, &answers, BIG_BYTES);
    listen_for(client, &answers, 4);
    CHECK(released == 1 && ends_with(&answers, "bbbb"));
    close(client);
    finish();
    CHECK(released == 1);
}

static void a_lent_body_comes_back_from_a_client_that_left(void)
{
    int clients[3];

    prepare();
    begin();
    for (int i = 0; i < 3; i++) {
        clients[i] = connect_by_tcp();
        say(clients[i], GET("/later"));
    }
    reset_client(clients[0]);
    respond_big(&laters[0]); /* it had left before */
    respond_big(&laters[1]);
    reset_client(clients[1]); /* it leaves while that is on its way */
    CHECK(released == 2);
    respond_big(&laters[2]);
    turns(4); /* it has a part of it */
    reset_client(clients[2]);
    CHECK(released == 3);
    finish();
    CHECK(released == 3);
}

static void a_lent_body_comes_back_when_the_server_stops(void)
{
    int clients[2];

    prepare();
    begin();
    for (int i = 0; i < 2; i++) {
        clients[i] = connect_client();
        say(clients[i], GET("/later"));
    }
    respond_big(&laters[0]);
    turns(4);
    respond_big(&laters[1]); /* not read yet when all ends */
    finish();
    CHECK(released == 2);
    close(clients[0]);
    close(clients[1]);
}

static void a_small_lent_body_comes_back_at_once(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, GET("/later"));
    pyrs_exchange_respond(laters[0].exchange, &(struct pyrs_response){
                                                  .status = 200,
                                                  .body = PYRS_TEXT("small"),
                                                  .release = release,
                                              });
    CHECK(released == 1);
    listen_for(client, &answers, 4);
    CHECK(ends_with(&answers, "\r\n\r\nsmall"));
    close(client);
    finish();
    CHECK(released == 1);
}

/* ---- stopping ---- */

static void a_graceful_stop_waits_for_it(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, GET("/later"));
    loop_stop(&service.loop);
    turns(4);
    CHECK(laters[0].gone == 0);
    respond_later(&laters[0], PYRS_TEXT("the last one"));
    CHECK(loop_run(&service.loop));
    CHECK(!service.loop.has_cut_off);
    listen_for_rest(client, &answers);
    CHECK(ends_with(&answers, "\r\n\r\nthe last one") && answers.ended);
    close(client);
    look_for_leftovers();
}

static _Atomic bool has_ended;

static void end_when_told(void *unused)
{
    (void)unused;
    while (laters[0].gone == 0)
        sleep_ms(1);
    sleep_ms(50); /* while the loop waits */
    has_ended = true;
    pyrs_exchange_end(laters[0].exchange, false);
}

static void a_stop_at_once_tells_it_and_waits_for_its_end(void)
{
    uv_thread_t thread;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, GET("/later") GET("/later"));
    CHECK(uv_thread_create(&thread, end_when_told, NULL) == 0);
    loop_stop_at_once(&service.loop);
    CHECK(loop_run(&service.loop));
    CHECK(has_ended && laters[0].gone == 1 && later_count == 1);
    uv_thread_join(&thread);
    close(client);
    look_for_leftovers();
}

/* ---- time ---- */

/* Times are such that a test which the system keeps waiting for a while is not taken
 * for a client or an endpoint that is slow. */

static void await_answer(int client, struct answers *answers)
{
    for (int i = 0; i < 1000 && answers->length == 0; i++) {
        turns_for_ms(10);
        listen_for(client, answers, 1);
    }
}

static void an_exchange_that_takes_too_long_is_a_504(void)
{
    static struct answers answers;
    int client;

    prepare();
    site.settings.handler_timeout_ms = 1000;
    begin();
    client = connect_client();
    say(client, GET("/later") GET("/name?behind"));
    turns_for_ms(100);
    listen_for(client, &answers, 1);
    CHECK(answers.length == 0 && laters[0].gone == 0);
    await_answer(client, &answers);
    turns(4);
    listen_for(client, &answers, 1);
    CHECK(count_of(&answers, "HTTP/1.1 504 Gateway Timeout\r\n") == 1);
    CHECK(count_of(&answers, "\r\nConnection: close\r\n") == 1);
    CHECK(answers.ended && laters[0].gone == 1);
    CHECK(pyrs_exchange_flow(laters[0].exchange) == PYRS_FLOW_GONE);
    close(client);
    turns(4);
    respond_big(&laters[0]);
    turns(4);
    CHECK(released == 1 && late_response_count() == 1 && laters[0].gone == 1);
    CHECK(response_count(5) == 1 && response_count(0) == 1); /* the one behind it */
    CHECK(counter_read(&service.counters.requests) == 2);
    finish();
}

static void an_answer_in_time_is_no_504(void)
{
    static struct answers answers;
    int client;

    prepare();
    site.settings.handler_timeout_ms = 2000;
    begin();
    client = connect_client();
    for (int i = 0; i < 3; i++) {
        say(client, GET("/later"));
        turns_for_ms(800);
        respond_later(&laters[i], PYRS_TEXT("ok"));
        turns(4);
    }
    turns_for_ms(2500);
    listen_for(client, &answers, 1);
    CHECK(count_of(&answers, "HTTP/1.1 200 ") == 3 && !answers.ended);
    close(client);
    finish();
}

/* What follows on the connection has deadlines of its own, which must not take the
 * place of this one. */
static void a_504_comes_whatever_else_was_too_slow(void)
{
    static struct answers answers;
    int client;

    prepare();
    site.settings.handler_timeout_ms = 4000;
    site.settings.body_timeout_ms = 200;
    begin();
    client = connect_client();
    say(client, GET("/later") POST("/name", 10) "too sl");
    turns_for_ms(600);
    CHECK(counter_read(&service.loop.counters.timeouts) == 1); /* that body */
    await_answer(client, &answers);
    CHECK(count_of(&answers, "HTTP/1.1 504 ") == 1);
    pyrs_exchange_end(laters[0].exchange, false);
    turns(4);
    close(client);
    finish();
}

static void a_connection_is_not_idle_while_its_exchange_is_away(void)
{
    static struct answers answers;
    int client;

    prepare();
    site.settings.idle_timeout_ms = site.settings.head_timeout_ms = 700;
    begin();
    client = connect_client();
    say(client, GET("/later") "GET /na");
    turns_for_ms(1200);
    respond_later(&laters[0], PYRS_TEXT("ok"));
    turns(4);
    say(client, "me?next HTTP/1.1\r\nHost: a\r\n\r\n");
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "HTTP/1.1 200 ") == 2 && ends_with(&answers, "next"));
    turns_for_ms(1200); /* now it is */
    listen_for(client, &answers, 1);
    CHECK(answers.ended);
    close(client);
    finish();
}

static void the_next_head_has_its_time_when_the_answer_is_out(void)
{
    static struct answers answers;
    int client;

    prepare();
    site.settings.head_timeout_ms = 200;
    begin();
    client = connect_client();
    say(client, GET("/later") "GET /na");
    respond_later(&laters[0], PYRS_TEXT("ok"));
    turns_for_ms(600);
    listen_for(client, &answers, 1);
    CHECK(count_of(&answers, "HTTP/1.1 200 ") == 1);
    CHECK(count_of(&answers, "HTTP/1.1 408 ") == 1 && answers.ended);
    close(client);
    finish();
}

static const struct test_case CASES[] = {
    CASE(a_deferred_exchange_is_answered_later),
    CASE(its_request_stays_readable),
    CASE(pipelined_requests_behind_it_wait_and_come_in_order),
    CASE(a_long_pipeline_waits_for_the_deferred_one_before_it),
    CASE(an_exchange_that_is_ended_without_an_answer_is_a_500),
    CASE(an_error_page_may_come_later_too),
    CASE(many_are_answered_by_another_thread),
    CASE(an_answer_wakes_the_loop),
    CASE(a_client_that_leaves_is_told_once),
    CASE(a_client_that_closes_is_told_once),
    CASE(a_patient_endpoint_is_told_what_is_known),
    CASE(a_client_that_finished_and_then_left_is_told_both),
    CASE(who_is_taken_to_be_gone_is_sent_nothing_more),
    CASE(an_answer_that_is_abandoned_is_cut),
    CASE(one_that_is_abandoned_may_have_left_before),
    CASE(a_client_that_only_finished_sending_gets_its_answer),
    CASE(the_answer_to_a_client_that_left_is_dropped),
    CASE(many_clients_leave_before_their_answers),
    CASE(a_lent_body_comes_back_when_it_was_sent),
    CASE(a_lent_body_comes_back_from_a_client_that_left),
    CASE(a_lent_body_comes_back_when_the_server_stops),
    CASE(a_small_lent_body_comes_back_at_once),
    CASE(a_graceful_stop_waits_for_it),
    CASE(a_stop_at_once_tells_it_and_waits_for_its_end),
    CASE(an_exchange_that_takes_too_long_is_a_504),
    CASE(an_answer_in_time_is_no_504),
    CASE(a_504_comes_whatever_else_was_too_slow),
    CASE(a_connection_is_not_idle_while_its_exchange_is_away),
    CASE(the_next_head_has_its_time_when_the_answer_is_out),
};

int main(int count, char **arguments)
{
    (void)count;
    return RUN_CASES(CASES, arguments);
}
