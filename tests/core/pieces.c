/* pieces.c - bodies that are sent in pieces: on the loop, step by step, and by other
 * threads. The program runs the case that it is told; without one it lists them.
 */
#include <sched.h>

#include "kit.h"
#include "serve/exchange.h"

enum { PIECE_BYTES = 100 * 1024, PIECES = 40, TURNS_TO_READ_ALL = 2000 };

static char piece[PIECE_BYTES];

/* ---- an endpoint that follows a plan ---- */

struct plan {
    int64_t body_bytes;    /* announced; -1: not known */
    uint32_t status;       /* 0: 200 */
    const char *pieces[8]; /* up to a NULL; none: `piece`, so many times */
    int piece_count;
    bool lent;  /* `piece` is */
    bool cut;   /* ended as not complete */
    bool wordy; /* does not stop when told that nobody listens */
};

static struct plan plan;
static int steps, sent_count, gone_count, ended_count;

static enum pyrs_flow begin_body(struct pyrs_exchange *exchange)
{
    return pyrs_exchange_begin(
        exchange, &(struct pyrs_response){.status = plan.status ? plan.status : 200},
        plan.body_bytes);
}

static enum pyrs_flow send_next(struct pyrs_exchange *exchange)
{
    const char *text = plan.piece_count ? NULL : plan.pieces[sent_count];
    struct pyrs_slice bytes = {piece, sizeof piece};

    if (text)
        bytes = (struct pyrs_slice){text, strlen(text)};
    sent_count++;
    return pyrs_exchange_send(exchange, bytes, plan.lent ? release : NULL, NULL);
}

static bool has_more(void)
{
    return sent_count < plan.piece_count ||
           (!plan.piece_count && plan.pieces[sent_count]);
}

static void go_on(struct pyrs_exchange *exchange, enum pyrs_flow flow)
{
    while (flow == PYRS_FLOW_GO_ON && has_more())
        flow = send_next(exchange);
    if (flow == PYRS_FLOW_GONE && plan.wordy && has_more())
        (void)send_next(exchange);
    gone_count += flow == PYRS_FLOW_GONE;
    if (flow == PYRS_FLOW_PAUSE)
        return;
    ended_count++;
    pyrs_exchange_end(exchange, !plan.cut);
}

static void answer(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    steps++;
    sent_count = 0;
    go_on(exchange, begin_body(exchange));
}

static void proceed(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    steps++;
    go_on(exchange, pyrs_exchange_flow(exchange));
}

static const struct endpoint_class PIECES_CLASS = {.interpreter = &INTERPRETER,
                                                   .answer = answer,
                                                   .proceed = proceed,
                                                   .free = keep_endpoint};
static struct pyrs_endpoint pieces_endpoint = {&PIECES_CLASS};

/* ---- one that sends for another exchange ---- */

static const struct pyrs_slice PIECE = {piece, PIECE_BYTES};

static void fill(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    while (pyrs_exchange_send(laters[0].exchange, PIECE, NULL, NULL) == PYRS_FLOW_GO_ON)
        ;
    pyrs_exchange_respond(exchange, &(struct pyrs_response){.status = 204});
}

static const struct endpoint_class FILL_CLASS = {
    .interpreter = &INTERPRETER, .answer = fill, .free = keep_endpoint};
static struct pyrs_endpoint fill_endpoint = {&FILL_CLASS};

/* ---- one that sends a byte in each step ---- */

static bool drips;

static void drip(struct pyrs_exchange *exchange)
{
    if (!drips || pyrs_exchange_flow(exchange) == PYRS_FLOW_GONE)
        pyrs_exchange_end(exchange, true);
    else
        (void)pyrs_exchange_send(exchange, PYRS_TEXT("."), NULL, NULL);
}

static void begin_to_drip(struct pyrs_endpoint *endpoint,
                          struct pyrs_exchange *exchange)
{
    (void)endpoint;
    (void)pyrs_exchange_begin(exchange, &(struct pyrs_response){.status = 200}, -1);
    drip(exchange);
}

static void drip_on(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    drip(exchange);
}

static const struct endpoint_class DRIP_CLASS = {.interpreter = &INTERPRETER,
                                                 .answer = begin_to_drip,
                                                 .proceed = drip_on,
                                                 .free = keep_endpoint};
static struct pyrs_endpoint drip_endpoint = {&DRIP_CLASS};

/* ---- endpoints with faults ---- */

static void end_and_go_on(struct pyrs_endpoint *endpoint,
                          struct pyrs_exchange *exchange)
{
    (void)endpoint;
    (void)begin_body(exchange);
    pyrs_exchange_end(exchange, true);
    CHECK(pyrs_exchange_send(exchange, PYRS_TEXT("too late"), release, NULL) ==
          PYRS_FLOW_GONE);
    pyrs_exchange_end(exchange, true);
}

static void say_nothing(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    (void)exchange;
}

static void only_begin(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    (void)begin_body(exchange);
}

static void only_end(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    pyrs_exchange_end(exchange, false);
}

static const struct endpoint_class SILENT_CLASS = {
    .interpreter = &INTERPRETER, .answer = say_nothing, .free = keep_endpoint};
static const struct endpoint_class BEGIN_CLASS = {
    .interpreter = &INTERPRETER, .answer = only_begin, .free = keep_endpoint};
static const struct endpoint_class END_CLASS = {
    .interpreter = &INTERPRETER, .answer = only_end, .free = keep_endpoint};
static const struct endpoint_class TALKATIVE_CLASS = {
    .interpreter = &INTERPRETER, .answer = end_and_go_on, .free = keep_endpoint};
static struct pyrs_endpoint talkative_endpoint = {&TALKATIVE_CLASS};
static struct pyrs_endpoint silent_endpoint = {&SILENT_CLASS};
static struct pyrs_endpoint begin_endpoint = {&BEGIN_CLASS};
static struct pyrs_endpoint end_endpoint = {&END_CLASS};

static void begin(struct plan new_plan)
{
    start();
    plan = new_plan;
    memset(piece, 'p', sizeof piece);
    add_route("/pieces", &pieces_endpoint);
    add_route("/later", &later_endpoint);
    add_route("/silent", &silent_endpoint);
    add_route("/begin", &begin_endpoint);
    add_route("/end", &end_endpoint);
    add_route("/fill", &fill_endpoint);
    add_route("/talkative", &talkative_endpoint);
    add_route("/drip", &drip_endpoint);
}

/* The plan, by a deferred exchange, with turns in between. */
static void send_later(struct later *later)
{
    struct pyrs_exchange *exchange = later->exchange;

    (void)begin_body(exchange);
    for (sent_count = 0; has_more();) {
        turns(2);
        (void)send_next(exchange);
    }
    turns(2);
    pyrs_exchange_end(exchange, !plan.cut);
    turns(4);
}

static const char *body_of(struct answers *answers)
{
    const char *end = strstr(answers->bytes, "\r\n\r\n");

    CHECK(end);
    return end + 4;
}

/* ---- framing ---- */

static void a_body_of_unknown_length_is_chunked(void)
{
    static struct answers here, there;
    static const char WIRE[] = "5\r\nhello\r\n10\r\n, sixteen bytes.\r\n0\r\n\r\n";
    int clients[2];

    prepare();
    begin((struct plan){.body_bytes = -1, .pieces = {"hello", "", ", sixteen bytes."}});
    clients[0] = connect_client();
    clients[1] = connect_client();
    say(clients[0], GET("/pieces"));
    listen_for(clients[0], &here, 4);
    CHECK(strcmp(body_of(&here), WIRE) == 0);
    CHECK(count_of(&here, "\r\nTransfer-Encoding: chunked\r\n") == 1);
    CHECK(count_of(&here, "Content-Length") == 0);
    say(clients[1], GET("/later"));
    send_later(&laters[0]);
    listen_for(clients[1], &there, 4);
    CHECK(strcmp(body_of(&there), WIRE) == 0);
    say(clients[0], GET("/pieces")); /* the connection goes on */
    listen_for(clients[0], &here, 4);
    CHECK(count_of(&here, WIRE) == 2 && !here.ended);
    close(clients[0]);
    close(clients[1]);
    finish();
}

static void large_pieces_are_framed_alike(void)
{
    static struct answers answers;
    static char wire[PIECE_BYTES * 2 + 100];
    int client;

    prepare();
    begin((struct plan){.body_bytes = -1, .piece_count = 2, .lent = true});
    snprintf(wire, sizeof wire, "%x\r\n%.*s\r\n%x\r\n%.*s\r\n0\r\n\r\n", PIECE_BYTES,
             PIECE_BYTES, piece, PIECE_BYTES, PIECE_BYTES, piece);
    client = connect_client();
    say(client, GET("/pieces") GET("/later"));
    listen_until(client, &answers, strlen(wire));
    listen_for(client, &answers, 4);
    CHECK(strcmp(body_of(&answers), wire) == 0 && released == 2);
    memset(&answers, 0, sizeof answers);
    send_later(&laters[0]);
    listen_until(client, &answers, strlen(wire));
    listen_for(client, &answers, 4);
    CHECK(strcmp(body_of(&answers), wire) == 0 && released == 4);
    close(client);
    finish();
}

static void under_http_1_0_the_connection_ends_the_body(void)
{
    static struct answers answers[2];
    int clients[2];

    prepare();
    begin((struct plan){.body_bytes = -1, .pieces = {"hello", ", world"}});
    for (int i = 0; i < 2; i++) {
        clients[i] = connect_by_tcp();
        say(clients[i], i == 0 ? GET_1_0("/pieces") GET_1_0("/silent")
                               : GET_1_0("/later") GET_1_0("/silent"));
    }
    send_later(&laters[0]);
    for (int i = 0; i < 2; i++) {
        listen_until_end(clients[i], &answers[i]);
        CHECK(strcmp(body_of(&answers[i]), "hello, world") == 0 && !answers[i].reset);
        CHECK(count_of(&answers[i], "\r\nConnection: close\r\n") == 1);
        CHECK(count_of(&answers[i], "Content-Length") == 0);
        CHECK(count_of(&answers[i], "Transfer-Encoding") == 0);
        close(clients[i]);
    }
    turns_for_ms(20);
    finish();
}

/* What it has sent too much would reset the connection if it was just closed. */
static void an_http_1_0_client_that_pipelines_gets_the_whole_body(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin((struct plan){.body_bytes = -1, .piece_count = 2});
    client = connect_by_tcp();
    say(client, GET_1_0("/pieces"));
    turns_for_ms(20);
    CHECK(ended_count == 1);
    say(client, GET_1_0("/pieces") GET_1_0("/pieces"));
    listen_until_end(client, &answers);
    CHECK(!answers.reset && strlen(body_of(&answers)) == PIECE_BYTES * 2);
    close(client);
    turns_for_ms(20);
    finish();
}

static void a_body_of_known_length_is_sent_as_it_is(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin((struct plan){.body_bytes = 12, .pieces = {"hello", ", world"}});
    client = connect_client();
    say(client, GET("/pieces") GET("/later") GET_1_0("/pieces"));
    send_later(&laters[0]);
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "\r\nContent-Length: 12\r\n") == 3);
    CHECK(count_of(&answers, "\r\n\r\nhello, world") == 3 && !answers.ended);
    CHECK(count_of(&answers, "Transfer-Encoding") == 0);
    close(client);
    finish();
}

static void a_body_that_is_longer_than_announced_is_cut_there(void)
{
    static struct answers answers;
    int client;

    prepare();
    expect_log("longer than announced");
    begin((struct plan){
        .body_bytes = 7, .pieces = {"hello", ", world", "!"}, .lent = true});
    client = connect_client();
    say(client, GET("/pieces") GET("/later"));
    send_later(&laters[0]);
    say(client, GET("/end"));
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "\r\n\r\nhello, HTTP/1.1 ") == 2 && released == 6);
    CHECK(count_of(&answers, "HTTP/1.1 500 ") == 1);
    close(client);
    finish();
}

static void a_body_that_is_shorter_than_announced_ends_in_a_reset(void)
{
    static struct answers answers[2];
    int clients[2];

    prepare();
    expect_log("shorter than announced");
    begin((struct plan){.body_bytes = 100, .pieces = {"hello"}});
    for (int i = 0; i < 2; i++) {
        clients[i] = connect_by_tcp();
        say(clients[i], i == 0 ? GET("/pieces") GET("/silent") : GET("/later"));
    }
    send_later(&laters[0]);
    for (int i = 0; i < 2; i++) {
        listen_until_end(clients[i], &answers[i]);
        CHECK(answers[i].reset && count_of(&answers[i], "HTTP/1.1 ") <= 1);
        close(clients[i]);
    }
    finish();
}

static void a_body_that_is_not_complete_ends_in_a_reset(void)
{
    static struct answers answers[2];
    int clients[2];

    prepare();
    begin((struct plan){.body_bytes = -1, .pieces = {"hello"}, .cut = true});
    for (int i = 0; i < 2; i++) {
        clients[i] = connect_by_tcp();
        say(clients[i], i == 0 ? GET("/pieces") : GET("/later"));
    }
    send_later(&laters[0]);
    for (int i = 0; i < 2; i++) {
        listen_until_end(clients[i], &answers[i]);
        CHECK(answers[i].reset && count_of(&answers[i], "0\r\n\r\n") == 0);
        close(clients[i]);
    }
    finish();
}

/* Nothing is missing: the client wanted no body. */
static void an_answer_without_a_body_needs_no_complete_end(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin((struct plan){.body_bytes = -1, .pieces = {"hello"}, .cut = true});
    client = connect_by_tcp();
    say(client, HEAD("/pieces") HEAD("/later"));
    turns_for_ms(20);
    CHECK(later_count == 1);
    send_later(&laters[0]);
    plan.cut = false;
    say(client, GET("/pieces"));
    turns_for_ms(20);
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "HTTP/1.1 200 OK\r\n") == 3);
    CHECK(ends_with(&answers, "5\r\nhello\r\n0\r\n\r\n") && !answers.reset);
    close(client);
    turns_for_ms(20);
    finish();
}

static void what_has_no_body_is_told_so(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin((struct plan){.body_bytes = 5, .pieces = {"hello"}, .wordy = true});
    client = connect_client();
    say(client, HEAD("/pieces"));
    plan.status = 204;
    say(client, GET("/pieces"));
    plan.status = 304;
    plan.body_bytes = -1;
    say(client, GET("/pieces"));
    CHECK(gone_count == 3 && sent_count == 1);
    say(client, GET("/later"));
    CHECK(begin_body(laters[0].exchange) == PYRS_FLOW_GONE);
    CHECK(pyrs_exchange_flow(laters[0].exchange) == PYRS_FLOW_GONE);
    turns(2);
    CHECK(pyrs_exchange_send(laters[0].exchange, PYRS_TEXT("x"), NULL, NULL) ==
          PYRS_FLOW_GONE);
    pyrs_exchange_end(laters[0].exchange, true);
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "HTTP/1.1 ") == 4 && count_of(&answers, "hello") == 0);
    CHECK(count_of(&answers, "\r\n\r\nHTTP/1.1 ") == 3); /* no byte in between */
    CHECK(ends_with(&answers, "\r\n\r\n") && !answers.ended);
    CHECK(count_of(&answers, "\r\nContent-Length: 5\r\n") == 1);
    CHECK(count_of(&answers, "Transfer-Encoding") == 0);
    close(client);
    finish();
}

/* ---- faults ---- */

static void an_endpoint_that_says_nothing_is_a_500(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin((struct plan){0});
    client = connect_client();
    say(client, GET("/silent") GET("/end") GET("/silent"));
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "HTTP/1.1 500 ") == 3 && !answers.ended);
    close(client);
    finish();
}

static void an_endpoint_that_never_goes_on_is_cut(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin((struct plan){.body_bytes = -1});
    client = connect_by_tcp();
    say(client, GET("/begin"));
    listen_until_end(client, &answers);
    CHECK(answers.reset && count_of(&answers, "0\r\n\r\n") == 0);
    close(client);
    finish();
}

static void a_status_that_is_none_is_a_500(void)
{
    static struct answers answers;
    int client;

    prepare();
    expect_log("outside 200 to 599");
    begin((struct plan){
        .body_bytes = -1, .status = 700, .pieces = {"hello"}, .wordy = true});
    client = connect_client();
    say(client, GET("/pieces") GET("/later"));
    send_later(&laters[0]);
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "HTTP/1.1 500 ") == 2 && count_of(&answers, "hello") == 0);
    close(client);
    finish();
}

static void nothing_follows_the_end_of_an_answer(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin((struct plan){.body_bytes = -1});
    client = connect_client();
    say(client, GET("/talkative") GET("/silent"));
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "\r\n\r\n0\r\n\r\nHTTP/1.1 500 ") == 1);
    CHECK(released == 1 && response_count(2) == 1);
    close(client);
    finish();
}

/* ---- back-pressure on the loop ---- */

static void a_client_that_does_not_read_makes_it_pause(void)
{
    static struct answers answers;
    int client, before;

    prepare();
    begin((struct plan){.body_bytes = -1, .piece_count = PIECES, .lent = true});
    client = connect_client();
    say(client, GET("/pieces"));
    CHECK(sent_count < 10); /* 256 KiB, and what the socket takes */
    before = steps;
    CHECK(wake_ups() < 20);
    CHECK(steps == before);
    listen_for(client, &answers, TURNS_TO_READ_ALL);
    CHECK(sent_count == PIECES && ended_count == 1 && released == PIECES);
    CHECK(count_of(&answers, "19000\r\n") == PIECES);
    CHECK(ends_with(&answers, "\r\n0\r\n\r\n"));
    close(client);
    finish();
}

static void a_paused_body_whose_client_leaves_is_ended(void)
{
    int clients[2];

    prepare();
    begin((struct plan){
        .body_bytes = -1, .piece_count = PIECES, .lent = true, .wordy = true});
    clients[0] = connect_by_tcp();
    say(clients[0], GET("/pieces"));
    turns_for_ms(20);
    CHECK(ended_count == 0);
    reset_client(clients[0]);
    CHECK(ended_count == 1 && gone_count == 1);
    CHECK(released == sent_count && response_count(0) == 1);
    clients[1] = connect_client();
    say(clients[1], GET("/pieces") GET("/pieces"));
    finish(); /* stops at once */
    CHECK(ended_count == 2);
    close(clients[1]);
}

static void a_paused_body_that_nobody_takes_is_cut(void)
{
    static struct answers answers;
    int clients[2];

    prepare();
    site.settings.send_timeout_ms = 200;
    begin((struct plan){.body_bytes = -1, .piece_count = PIECES, .lent = true});
    clients[0] = connect_client();
    clients[1] = connect_client();
    say(clients[0], GET("/pieces"));
    say(clients[1], GET("/later"));
    (void)begin_body(laters[0].exchange);
    while (pyrs_exchange_send(laters[0].exchange,
                              (struct pyrs_slice){piece, sizeof piece}, NULL,
                              NULL) == PYRS_FLOW_GO_ON)
        ;
    turns_for_ms(600);
    CHECK(ended_count == 1 && gone_count == 1);
    CHECK(laters[0].gone == 1 && laters[0].sent == 0);
    pyrs_exchange_end(laters[0].exchange, false);
    turns(4);
    listen_until_end(clients[0], &answers);
    CHECK(!ends_with(&answers, "\r\n0\r\n\r\n"));
    close(clients[0]);
    close(clients[1]);
    finish();
}

static void pipelined_requests_wait_behind_a_paused_body(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin((struct plan){.body_bytes = -1, .piece_count = PIECES});
    client = connect_client();
    say(client, GET("/pieces") GET("/silent") GET("/pieces"));
    CHECK(ended_count == 0 && steps == 1);
    listen_for(client, &answers, TURNS_TO_READ_ALL);
    CHECK(ended_count == 2 && count_of(&answers, "\r\n0\r\n\r\nHTTP/1.1 500 ") == 1);
    CHECK(ends_with(&answers, "\r\n0\r\n\r\n"));
    close(client);
    finish();
}

static void read_and_forget(const int *clients, int count)
{
    char bytes[4096];

    for (int i = 0; i < count; i++)
        while (recv(clients[i], bytes, sizeof bytes, 0) > 0)
            ;
}

/* More of them than a batch holds. */
static void others_are_answered_beside_many_bodies_in_pieces(void)
{
    enum { BODIES = BATCH_READY_MAX + 10 };
    static struct answers answers;
    int clients[BODIES];
    int other;

    prepare();
    begin((struct plan){0});
    drips = true;
    for (int i = 0; i < BODIES; i++) {
        clients[i] = connect_client();
        CHECK(send(clients[i], GET("/drip"), strlen(GET("/drip")), 0) > 0);
    }
    other = connect_client();
    CHECK(send(other, GET("/nowhere") GET("/silent"),
               strlen(GET("/nowhere") GET("/silent")), 0) > 0);
    for (int i = 0; i < 10; i++) {
        turns(1);
        read_and_forget(clients, BODIES);
    }
    drips = false;
    listen_for(other, &answers, 10);
    CHECK(count_of(&answers, "HTTP/1.1 404 ") == 1);
    CHECK(count_of(&answers, "HTTP/1.1 500 ") == 1);
    for (int i = 0; i < BODIES; i++)
        close(clients[i]);
    close(other);
    finish();
}

static void a_graceful_stop_lets_a_body_end(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin((struct plan){.body_bytes = -1, .piece_count = PIECES});
    client = connect_client();
    say(client, GET("/pieces"));
    loop_stop(&service.loop);
    listen_until_end(client, &answers);
    CHECK(ends_with(&answers, "\r\n0\r\n\r\n") && ended_count == 1);
    close(client);
    finish();
}

/* ---- back-pressure on other threads ---- */

static void a_deferred_body_pauses_until_it_is_told(void)
{
    static struct answers answers;
    enum pyrs_flow flow;
    int client, count = 0;

    prepare();
    begin((struct plan){.body_bytes = -1});
    client = connect_client();
    say(client, GET("/later"));
    flow = begin_body(laters[0].exchange);
    for (; flow == PYRS_FLOW_GO_ON; count++)
        flow = pyrs_exchange_send(laters[0].exchange, PIECE, release, NULL);
    CHECK(flow == PYRS_FLOW_PAUSE && count == 3);
    turns(4);
    CHECK(laters[0].sent == 0);
    CHECK(pyrs_exchange_flow(laters[0].exchange) == PYRS_FLOW_PAUSE);
    listen_until(client, &answers, PIECE_BYTES * 3);
    listen_for(client, &answers, 4);
    CHECK(laters[0].sent == 1 && released == 3);
    CHECK(pyrs_exchange_flow(laters[0].exchange) == PYRS_FLOW_GO_ON);
    pyrs_exchange_end(laters[0].exchange, true);
    listen_for(client, &answers, 4);
    CHECK(ends_with(&answers, "\r\n0\r\n\r\n") && laters[0].sent == 1);
    close(client);
    finish();
}

/* It is told when there is room, not whenever something was sent. */
static void what_is_still_in_the_mail_counts_as_unsent(void)
{
    static struct answers answers;
    int client, other;

    prepare();
    begin((struct plan){.body_bytes = -1});
    client = connect_client();
    other = connect_client();
    say(client, GET("/later"));
    (void)begin_body(laters[0].exchange);
    /* In this turn the head is sent, and before that more comes than there is room for.
     */
    CHECK(send(other, GET("/fill"), strlen(GET("/fill")), 0) > 0);
    turns(1);
    CHECK(laters[0].sent == 0);
    listen_until(client, &answers, PIECE_BYTES * 3);
    listen_for(client, &answers, 4);
    CHECK(laters[0].sent == 1);
    pyrs_exchange_end(laters[0].exchange, true);
    turns(2);
    close(client);
    close(other);
    finish();
}

static void what_is_dropped_counts_as_sent(void)
{
    static struct answers answers;
    int client, count = 0;

    prepare();
    expect_log("longer than announced");
    begin((struct plan){.body_bytes = 5});
    client = connect_client();
    say(client, GET("/later"));
    (void)begin_body(laters[0].exchange);
    pyrs_exchange_send(laters[0].exchange, PYRS_TEXT("hello"), NULL, NULL);
    listen_for(client, &answers, 4);
    while (pyrs_exchange_send(laters[0].exchange, PIECE, release, NULL) ==
           PYRS_FLOW_GO_ON)
        count++;
    turns(4);
    CHECK(count > 0 && laters[0].sent == 1 && released == count + 1);
    pyrs_exchange_end(laters[0].exchange, true);
    listen_for(client, &answers, 4);
    CHECK(ends_with(&answers, "\r\n\r\nhello"));
    close(client);
    finish();
}

/* How far the sender may be ahead of the client. */
enum { UNSENT_MAX = OUTPUT_HIGH_WATER_BYTES + PIECE_BYTES };

struct sender {
    struct later *later;
    int pieces;
    int told;  /* how often, when it looked */
    int waits; /* how often it paused */
    size_t unsent_max;
    _Atomic bool over;
};

static void await_room(struct sender *sender)
{
    uint64_t end_ns = uv_hrtime() + 20ull * 1000 * 1000 * 1000;

    while (sender->later->sent == sender->told && sender->later->gone == 0) {
        CHECK(uv_hrtime() < end_ns); /* else that was lost */
        sched_yield();
    }
    sender->told = sender->later->sent;
    sender->waits++;
}

static void send_many(void *argument)
{
    struct sender *sender = argument;
    struct pyrs_exchange *exchange;
    enum pyrs_flow flow;

    while (later_count <= sender->later - laters)
        sleep_ms(1);
    exchange = sender->later->exchange;
    flow = begin_body(exchange);
    for (int i = 0; i < sender->pieces && flow != PYRS_FLOW_GONE; i++) {
        size_t length = 1 + (size_t)(i * 7919) % PIECE_BYTES, unsent;

        while (flow == PYRS_FLOW_PAUSE) {
            await_room(sender);
            flow = pyrs_exchange_flow(exchange);
        }
        flow = pyrs_exchange_send(exchange, (struct pyrs_slice){piece, length},
                                  length % 2 ? release : NULL, NULL);
        unsent = atomic_load(&exchange->unsent);
        if (unsent > sender->unsent_max)
            sender->unsent_max = unsent;
    }
    pyrs_exchange_end(exchange, true);
    sender->over = true;
}

/* Two at a time, to a client that reads as it can and one that reads in bits. */
static void a_thread_that_sends_is_always_told_when_to_go_on(void)
{
    static struct answers answers[2];
    struct sender senders[2] = {{&laters[0], .pieces = 300},
                                {&laters[1], .pieces = 60}};
    uv_thread_t threads[2];
    int clients[2];

    prepare();
    begin((struct plan){.body_bytes = -1});
    for (int i = 0; i < 2; i++) {
        CHECK(uv_thread_create(&threads[i], send_many, &senders[i]) == 0);
        clients[i] = connect_client();
        say(clients[i], GET("/later"));
    }
    while (!senders[0].over || !senders[1].over) {
        listen_for(clients[0], &answers[0], 1);
        listen_in_bits(clients[1], &answers[1], 1);
    }
    listen_for(clients[0], &answers[0], TURNS_TO_READ_ALL);
    listen_for(clients[1], &answers[1], TURNS_TO_READ_ALL);
    for (int i = 0; i < 2; i++) {
        uv_thread_join(&threads[i]);
        CHECK(senders[i].unsent_max <= UNSENT_MAX && senders[i].waits > 0);
        CHECK(ends_with(&answers[i], "\r\n0\r\n\r\n"));
        close(clients[i]);
    }
    finish();
}

static void a_thread_that_sends_is_told_when_its_client_leaves(void)
{
    struct sender senders[2] = {{&laters[0], .pieces = INT32_MAX},
                                {&laters[1], .pieces = INT32_MAX}};
    uv_thread_t threads[2];
    int clients[2];

    prepare();
    begin((struct plan){.body_bytes = -1});
    for (int i = 0; i < 2; i++) {
        CHECK(uv_thread_create(&threads[i], send_many, &senders[i]) == 0);
        clients[i] = connect_by_tcp();
        say(clients[i], GET("/later"));
    }
    while (counter_read(&service.loop.counters.bytes_sent) < 1000000) {
        static struct answers answers;

        answers.length = 0;
        listen_for(clients[0], &answers, 1);
        listen_for(clients[1], &answers, 1);
    }
    reset_client(clients[0]);
    CHECK(laters[0].gone == 1);
    finish();
    for (int i = 0; i < 2; i++)
        uv_thread_join(&threads[i]);
    CHECK(laters[0].gone == 1 && laters[1].gone == 1);
    close(clients[1]);
}

static const struct test_case CASES[] = {
    CASE(a_body_of_unknown_length_is_chunked),
    CASE(large_pieces_are_framed_alike),
    CASE(under_http_1_0_the_connection_ends_the_body),
    CASE(an_http_1_0_client_that_pipelines_gets_the_whole_body),
    CASE(a_body_of_known_length_is_sent_as_it_is),
    CASE(a_body_that_is_longer_than_announced_is_cut_there),
    CASE(a_body_that_is_shorter_than_announced_ends_in_a_reset),
    CASE(a_body_that_is_not_complete_ends_in_a_reset),
    CASE(an_answer_without_a_body_needs_no_complete_end),
    CASE(what_has_no_body_is_told_so),
    CASE(an_endpoint_that_says_nothing_is_a_500),
    CASE(an_endpoint_that_never_goes_on_is_cut),
    CASE(a_status_that_is_none_is_a_500),
    CASE(nothing_follows_the_end_of_an_answer),
    CASE(a_client_that_does_not_read_makes_it_pause),
    CASE(a_paused_body_whose_client_leaves_is_ended),
    CASE(a_paused_body_that_nobody_takes_is_cut),
    CASE(pipelined_requests_wait_behind_a_paused_body),
    CASE(others_are_answered_beside_many_bodies_in_pieces),
    CASE(a_graceful_stop_lets_a_body_end),
    CASE(a_deferred_body_pauses_until_it_is_told),
    CASE(what_is_still_in_the_mail_counts_as_unsent),
    CASE(what_is_dropped_counts_as_sent),
    CASE(a_thread_that_sends_is_always_told_when_to_go_on),
    CASE(a_thread_that_sends_is_told_when_its_client_leaves),
};

int main(int count, char **arguments)
{
    (void)count;
    return RUN_CASES(CASES, arguments);
}
