/* streams.c - request bodies that arrive while their endpoint runs.
 *
 * The endpoint defers; the case reads in its place, or a thread of its own does. The
 * program runs the case that it is told; without one it lists them.
 */
#include "kit.h"
#include "serve/body_stream.h"

enum { BIG_BYTES = 1024 * 1024, RECEIVED_MAX = BODY_STREAM_BYTES_MAX + 64 * 1024 };

static char big[BIG_BYTES];

static void refuse(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = 403, .body = PYRS_TEXT("not this")});
}

static void look_and_refuse(struct pyrs_endpoint *endpoint,
                            struct pyrs_exchange *exchange)
{
    char byte;

    (void)pyrs_exchange_read(exchange, &byte, 1, false);
    refuse(endpoint, exchange);
}

/* What has come of the body, and how it goes on. */
static void say_all(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    char bytes[100];
    int64_t length = pyrs_exchange_read(exchange, bytes, sizeof bytes, false);

    (void)endpoint;
    CHECK(length >= 0 && !pyrs_exchange_body_streams(exchange));
    CHECK(pyrs_exchange_read(exchange, bytes, 1, true) == PYRS_BODY_END);
    pyrs_exchange_respond(
        exchange,
        &(struct pyrs_response){.status = 200, .body = {bytes, (size_t)length}});
}

static const struct endpoint_class REFUSE_CLASS = {
    .interpreter = &INTERPRETER, .answer = refuse, .free = keep_endpoint};
static const struct endpoint_class LOOK_CLASS = {
    .interpreter = &INTERPRETER, .answer = look_and_refuse, .free = keep_endpoint};
static const struct endpoint_class WHOLE_CLASS = {
    .interpreter = &INTERPRETER, .answer = say_all, .free = keep_endpoint};
static struct pyrs_endpoint refuse_endpoint = {&REFUSE_CLASS};
static struct pyrs_endpoint look_endpoint = {&LOOK_CLASS};
static struct pyrs_endpoint whole_endpoint = {&WHOLE_CLASS};

static void begin(void)
{
    start();
    add_stream_route("/stream", &later_endpoint);
    add_stream_route("/refuse", &refuse_endpoint);
    add_stream_route("/look", &look_endpoint);
    add_stream_route("/whole", &whole_endpoint);
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)('a' + i % 23);
}

static struct body_text {
    char bytes[2 * BIG_BYTES];
    size_t length;
} got;

/* Everything that is there; gives the outcome behind it. */
static int64_t read_on(struct later *later)
{
    int64_t n;

    while ((n = pyrs_exchange_read(later->exchange, got.bytes + got.length, 1000,
                                   false)) > 0)
        got.length += (size_t)n;
    return n;
}

static bool got_is(const char *text)
{
    return got.length == strlen(text) && memcmp(got.bytes, text, got.length) == 0;
}

/* ---- bytes as they arrive ---- */

static void a_body_is_read_as_it_arrives(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, POST("/stream", 10) "he");
    CHECK(later_count == 1 && pyrs_exchange_body_streams(laters[0].exchange));
    CHECK(pyrs_exchange_body(laters[0].exchange).length == 0);
    CHECK(read_on(&laters[0]) == PYRS_BODY_WAIT && got_is("he"));
    CHECK(laters[0].body == 0);
    say(client, "llo");
    CHECK(laters[0].body == 1);
    say(client, "123"); /* it is told once, until it has looked */
    CHECK(laters[0].body == 1);
    CHECK(read_on(&laters[0]) == PYRS_BODY_WAIT && got_is("hello123"));
    say(client, "45" GET("/nowhere"));
    CHECK(laters[0].body == 2);
    CHECK(read_on(&laters[0]) == PYRS_BODY_END && got_is("hello12345"));
    respond_later(&laters[0], PYRS_TEXT("all of it"));
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "\r\n\r\nall of itHTTP/1.1 404 ") == 1);
    CHECK(count_of(&answers, "Connection: close") == 0 && !answers.ended);
    CHECK(laters[0].gone == 0);
    close(client);
    finish();
}

static void a_chunked_body_is_read_as_it_arrives(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, POST_CHUNKED("/stream") "5\r\nhel");
    CHECK(read_on(&laters[0]) == PYRS_BODY_WAIT && got_is("hel"));
    say(client, "lo\r");
    say(client, "\n3;ext");
    say(client, "\r\n123\r\n0\r\nTrail");
    CHECK(read_on(&laters[0]) == PYRS_BODY_WAIT && got_is("hello123"));
    say(client, "er: x\r\n\r\n" GET("/nowhere"));
    CHECK(read_on(&laters[0]) == PYRS_BODY_END && got_is("hello123"));
    CHECK(read_on(&laters[0]) == PYRS_BODY_END);
    respond_later(&laters[0], PYRS_TEXT(""));
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "HTTP/1.1 200 ") == 1);
    CHECK(count_of(&answers, "HTTP/1.1 404 ") == 1 && !answers.ended);
    close(client);
    finish();
}

static void a_body_that_is_there_does_not_stream(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, POST("/whole", 5) "hello" POST("/whole", 0) GET("/whole"));
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "HTTP/1.1 200 ") == 3);
    CHECK(count_of(&answers, "\r\n\r\nhelloHTTP") == 1);
    close(client);
    finish();
}

static void a_body_waits_for_the_exchange_before_it(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, POST("/stream", 2) "1");
    say(client, "2" POST("/stream", 5) "he");
    say(client, "ll");
    CHECK(later_count == 1);
    CHECK(read_on(&laters[0]) == PYRS_BODY_END && got_is("12"));
    respond_later(&laters[0], PYRS_TEXT("first"));
    turns(4);
    got.length = 0;
    CHECK(later_count == 2);
    CHECK(read_on(&laters[1]) == PYRS_BODY_WAIT && got_is("hell"));
    say(client, "o");
    CHECK(read_on(&laters[1]) == PYRS_BODY_END && got_is("hello"));
    respond_later(&laters[1], PYRS_TEXT("second"));
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "\r\n\r\nfirstHTTP/1.1 200") == 1);
    CHECK(ends_with(&answers, "\r\n\r\nsecond") && !answers.ended);
    close(client);
    finish();
}

static void what_follows_the_last_request_is_not_read(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_by_tcp();
    say(client, "POST /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                "Content-Length: 5\r\n\r\nhe");
    while (later_count == 0)
        turns(1);
    say(client, "llo" GET("/nowhere"));
    turns_for_ms(20);
    CHECK(read_on(&laters[0]) == PYRS_BODY_END && got_is("hello"));
    CHECK(counter_read(&service.counters.requests) == 1);
    say(client, GET("/nowhere"));
    respond_later(&laters[0], PYRS_TEXT("ok"));
    listen_until_end(client, &answers);
    CHECK(ends_with(&answers, "\r\n\r\nok") && !answers.reset);
    close(client);
    turns_for_ms(20);
    finish();
}

/* ---- a thread that waits ---- */

static void echo_waiting(void *unused)
{
    char bytes[3000];
    struct pyrs_exchange *exchange;
    int64_t n;

    (void)unused;
    while (later_count == 0)
        sleep_ms(1);
    exchange = laters[0].exchange;
    (void)pyrs_exchange_begin(exchange, &(struct pyrs_response){.status = 200}, -1);
    while ((n = pyrs_exchange_read(exchange, bytes, sizeof bytes, true)) > 0)
        (void)pyrs_exchange_send(exchange, (struct pyrs_slice){bytes, (size_t)n}, NULL,
                                 NULL);
    got.length = n == PYRS_BODY_END ? 1 : 0;
    pyrs_exchange_end(exchange, n == PYRS_BODY_END);
}

static int connect_with_head(size_t body_bytes)
{
    int client = connect_client();
    char head[100];

    snprintf(head, sizeof head,
             "POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
             body_bytes);
    say(client, head);
    return client;
}

/* The data of a chunked body, moved together. */
static size_t unchunk(struct answers *answers)
{
    char *in = strstr(answers->bytes, "\r\n\r\n") + 4;
    char *end = answers->bytes + answers->length;
    size_t length = 0;

    for (size_t size = 1; in < end && size > 0; in += size + 2) {
        size = strtoul(in, &in, 16);
        in += 2;
        CHECK(size <= (size_t)(end - in));
        memmove(answers->bytes + length, in, size);
        length += size;
    }
    return length;
}

static void a_thread_echoes_a_body_larger_than_what_is_kept(void)
{
    static struct answers answers;
    uv_thread_t thread;
    size_t sent = 0;
    int client;

    prepare();
    begin();
    CHECK(uv_thread_create(&thread, echo_waiting, NULL) == 0);
    client = connect_with_head(sizeof big);
    while (!ends_with(&answers, "\r\n0\r\n\r\n")) {
        if (sent < sizeof big)
            sent += push(client, big + sent, sizeof big - sent);
        listen_for(client, &answers, 1);
    }
    uv_thread_join(&thread);
    CHECK(unchunk(&answers) == sizeof big);
    CHECK(memcmp(answers.bytes, big, sizeof big) == 0);
    close(client);
    finish();
}

static void under_http_1_0_too(void)
{
    static struct answers answers;
    uv_thread_t thread;
    int client;

    prepare();
    begin();
    CHECK(uv_thread_create(&thread, echo_waiting, NULL) == 0);
    client = connect_client();
    say(client, "POST /stream HTTP/1.0\r\nConnection: keep-alive\r\n"
                "Content-Length: 10\r\n\r\nhello");
    while (!ends_with(&answers, "hello"))
        listen_for(client, &answers, 1);
    say(client, "12345");
    listen_until_end(client, &answers);
    uv_thread_join(&thread);
    CHECK(ends_with(&answers, "\r\n\r\nhello12345"));
    close(client);
    finish();
}

static void a_thread_that_waits_is_told_when_the_client_leaves(void)
{
    uv_thread_t thread;
    int client;

    prepare();
    begin();
    CHECK(uv_thread_create(&thread, echo_waiting, NULL) == 0);
    client = connect_by_tcp();
    say(client, POST("/stream", 10) "hello");
    turns_for_ms(20);
    reset_client(client);
    uv_thread_join(&thread);
    CHECK(got.length == 0 && laters[0].gone == 1);
    finish();
}

static void a_thread_that_waits_is_told_when_all_stops(void)
{
    uv_thread_t thread;
    int client;

    prepare();
    begin();
    CHECK(uv_thread_create(&thread, echo_waiting, NULL) == 0);
    client = connect_client();
    say(client, POST("/stream", 10) "hello");
    turns_for_ms(20);
    finish();
    uv_thread_join(&thread);
    CHECK(got.length == 0 && laters[0].gone == 1);
    close(client);
}

/* ---- back-pressure ---- */

/* Reads and sends by turns what is left of `big`. */
static void exchange_the_rest(int client, size_t sent)
{
    while (read_on(&laters[0]) == PYRS_BODY_WAIT) {
        turns(2);
        sent += push(client, big + sent, sizeof big - sent);
    }
    CHECK(read_on(&laters[0]) == PYRS_BODY_END);
    CHECK(got.length == sizeof big && memcmp(got.bytes, big, sizeof big) == 0);
}

static void a_body_that_nobody_reads_stays_with_its_client(void)
{
    uint64_t before, received;
    size_t sent;
    int client;

    prepare();
    begin();
    client = connect_with_head(sizeof big);
    before = counter_read(&service.loop.counters.bytes_received);
    sent = push(client, big, 60000); /* so that it is not full at a receive's end */
    sent += push(client, big + sent, sizeof big - sent);
    received = counter_read(&service.loop.counters.bytes_received) - before;
    CHECK(sent < sizeof big && received < RECEIVED_MAX);
    CHECK(received >= BODY_STREAM_BYTES_MAX);
    turns_for_ms(50);
    CHECK(counter_read(&service.loop.counters.bytes_received) == before + received);
    exchange_the_rest(client, sent);
    respond_later(&laters[0], PYRS_TEXT("ok"));
    turns(2);
    close(client);
    finish();
}

static void reading_one_body_makes_no_room_for_the_next(void)
{
    uint64_t received;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, POST("/stream", 2) "1");
    say(client, "2" POST("/stream", 1048576));
    push(client, big, sizeof big);
    received = counter_read(&service.loop.counters.bytes_received);
    CHECK(read_on(&laters[0]) == PYRS_BODY_END && got_is("12"));
    turns(8);
    CHECK(counter_read(&service.loop.counters.bytes_received) == received);
    close(client);
    pyrs_exchange_end(laters[0].exchange, false);
    finish();
}

/* Its endpoint is slow, not its client. */
static void a_body_that_is_not_read_does_not_time_out(void)
{
    static struct answers answers;
    size_t sent;
    int client;

    prepare();
    site.settings.body_timeout_ms = 200;
    begin();
    client = connect_with_head(sizeof big);
    sent = push(client, big, sizeof big);
    turns_for_ms(600);
    exchange_the_rest(client, sent);
    respond_later(&laters[0], PYRS_TEXT("ok"));
    listen_for(client, &answers, 4);
    CHECK(ends_with(&answers, "\r\n\r\nok"));
    close(client);
    finish();
}

#define POST_EXPECTING(path)                                 \
    "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: 5" \
    "\r\nExpect: 100-continue\r\n\r\n"

static void a_client_is_asked_for_its_body_when_it_is_read(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, POST_EXPECTING("/stream"));
    listen_for(client, &answers, 4);
    CHECK(answers.length == 0 && later_count == 1);
    CHECK(read_on(&laters[0]) == PYRS_BODY_WAIT);
    listen_for(client, &answers, 4);
    CHECK(ends_with(&answers, "HTTP/1.1 100 Continue\r\n\r\n"));
    CHECK(read_on(&laters[0]) == PYRS_BODY_WAIT);
    say(client, "hello");
    CHECK(laters[0].body == 1);
    CHECK(read_on(&laters[0]) == PYRS_BODY_END && got_is("hello"));
    respond_later(&laters[0], PYRS_TEXT("ok"));
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, " 100 Continue") == 1 && ends_with(&answers, "ok"));
    close(client);
    finish();
}

/* It would stand in the middle of the answer. */
static void a_client_whose_answer_has_begun_is_not_asked_for_its_body(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, POST_EXPECTING("/stream"));
    (void)pyrs_exchange_begin(laters[0].exchange,
                              &(struct pyrs_response){.status = 200}, 10);
    (void)pyrs_exchange_send(laters[0].exchange, PYRS_TEXT("first"), NULL, NULL);
    turns(2);
    CHECK(read_on(&laters[0]) == PYRS_BODY_WAIT);
    turns(2);
    say(client, "hello"); /* all the same */
    CHECK(read_on(&laters[0]) == PYRS_BODY_END && got_is("hello"));
    (void)pyrs_exchange_send(laters[0].exchange, PYRS_TEXT("-last"), NULL, NULL);
    pyrs_exchange_end(laters[0].exchange, true);
    listen_for(client, &answers, 4);
    CHECK(ends_with(&answers, "\r\n\r\nfirst-last"));
    close(client);
    finish();
}

static void a_client_whose_body_is_not_wanted_is_not_asked_for_it(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, POST_EXPECTING("/refuse"));
    listen_until_end(client, &answers);
    CHECK(count_of(&answers, "HTTP/1.1 ") == 1 && ends_with(&answers, "not this"));
    CHECK(count_of(&answers, "\r\nConnection: close\r\n") == 1);
    close(client);
    finish();
}

static void a_client_that_does_not_wait_to_be_asked_is_read(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, POST_EXPECTING("/stream"));
    say(client, "hello" GET("/nowhere"));
    CHECK(read_on(&laters[0]) == PYRS_BODY_WAIT);
    turns(4);
    CHECK(read_on(&laters[0]) == PYRS_BODY_END && got_is("hello"));
    respond_later(&laters[0], PYRS_TEXT("ok"));
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "\r\n\r\nokHTTP/1.1 404 ") == 1);
    close(client);
    finish();
}

/* ---- bodies that never become whole ---- */

static void a_client_that_leaves_midway_is_told(void)
{
    int client;

    prepare();
    begin();
    client = connect_by_tcp();
    say(client, POST("/stream", 10) "hello");
    turns_for_ms(20);
    CHECK(read_on(&laters[0]) == PYRS_BODY_WAIT && got_is("hello"));
    reset_client(client);
    CHECK(laters[0].body == 1 && laters[0].gone == 1);
    CHECK(read_on(&laters[0]) == PYRS_BODY_GONE);
    respond_later(&laters[0], PYRS_TEXT("late"));
    turns(4);
    CHECK(response_count(0) == 1 && late_response_count() == 1);
    finish();
}

static void a_client_that_finishes_midway_is_a_400(void)
{
    static struct answers answers;
    int clients[2];

    prepare();
    begin();
    clients[0] = connect_client();
    clients[1] = connect_client();
    say(clients[0], POST("/stream", 10) "hello");
    say(clients[1], POST_CHUNKED("/stream") "5\r\nhello\r\n");
    for (int i = 0; i < 2; i++) {
        shutdown(clients[i], SHUT_WR);
        turns(4);
        answers.length = 0;
        answers.ended = false;
        listen_until_end(clients[i], &answers);
        CHECK(count_of(&answers, "HTTP/1.1 400 ") == 1);
        CHECK(laters[i].gone == 1);
        got.length = 0;
        CHECK(read_on(&laters[i]) == PYRS_BODY_GONE && got_is("hello"));
        pyrs_exchange_end(laters[i].exchange, false);
        turns(4);
        CHECK(laters[i].gone == 1);
        close(clients[i]);
    }
    CHECK(late_response_count() == 0 && response_count(4) == 2);
    finish();
}

static void a_body_that_is_too_slow_is_a_408(void)
{
    static struct answers answers;
    int client;

    prepare();
    site.settings.body_timeout_ms = 200;
    begin();
    client = connect_client();
    say(client, POST("/stream", 10) "hello");
    turns_for_ms(600);
    listen_until_end(client, &answers);
    CHECK(count_of(&answers, "HTTP/1.1 408 ") == 1 && laters[0].gone == 1);
    CHECK(read_on(&laters[0]) == PYRS_BODY_GONE && got_is("hello"));
    respond_later(&laters[0], PYRS_TEXT("late"));
    turns(4);
    CHECK(late_response_count() == 1);
    close(client);
    finish();
}

static void a_malformed_chunk_is_a_400(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, POST_CHUNKED("/stream") "5\r\nhello\r\n");
    say(client, "five\r\n");
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "HTTP/1.1 400 ") == 1 && laters[0].gone == 1);
    CHECK(read_on(&laters[0]) == PYRS_BODY_GONE && got_is("hello"));
    respond_later(&laters[0], PYRS_TEXT("late"));
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "HTTP/1.1 ") == 1 && answers.ended);
    close(client);
    finish();
}

static void a_malformed_chunk_behind_the_head_of_the_answer_cuts_it(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_by_tcp();
    say(client, POST_CHUNKED("/stream") "5\r\nhello\r\n");
    turns_for_ms(20);
    (void)pyrs_exchange_begin(laters[0].exchange,
                              &(struct pyrs_response){.status = 200}, -1);
    pyrs_exchange_send(laters[0].exchange, PYRS_TEXT("so far"), NULL, NULL);
    turns(4);
    say(client, "five\r\n");
    listen_until_end(client, &answers);
    CHECK(count_of(&answers, "HTTP/1.1 ") == 1 && laters[0].gone == 1);
    CHECK(count_of(&answers, "0\r\n\r\n") == 0);
    CHECK(read_on(&laters[0]) == PYRS_BODY_GONE && got_is("hello"));
    pyrs_exchange_end(laters[0].exchange, false);
    turns(4);
    close(client);
    finish();
}

static void a_body_that_grows_too_large_is_a_413(void)
{
    static struct answers answers;
    int client;

    prepare();
    site.settings.body_bytes_max = 8;
    begin();
    client = connect_client();
    say(client, POST_CHUNKED("/stream") "5\r\nhello\r\n");
    CHECK(read_on(&laters[0]) == PYRS_BODY_WAIT);
    say(client, "5\r\nworld\r\n");
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "HTTP/1.1 413 ") == 1 && laters[0].gone == 1);
    CHECK(read_on(&laters[0]) == PYRS_BODY_GONE && got_is("hello"));
    pyrs_exchange_end(laters[0].exchange, false);
    turns(4);
    close(client);
    finish();
}

/* It never runs then. */
static void a_fault_before_its_turn_is_answered_in_its_turn(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, POST("/stream", 2) "1");
    say(client, "2" POST_CHUNKED("/stream") "5\r\nhello\r\n");
    say(client, "five\r\n");
    listen_for(client, &answers, 4);
    CHECK(answers.length == 0 && laters[0].gone == 0);
    CHECK(read_on(&laters[0]) == PYRS_BODY_END && got_is("12"));
    respond_later(&laters[0], PYRS_TEXT("first"));
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "\r\n\r\nfirstHTTP/1.1 400 ") == 1 && later_count == 1);
    close(client);
    turns(4);
    finish();
}

static void a_body_whose_endpoint_takes_too_long_is_a_504(void)
{
    static struct answers answers;
    int client;

    prepare();
    site.settings.handler_timeout_ms = 200;
    begin();
    client = connect_client();
    say(client, POST("/stream", 10) "hello");
    turns_for_ms(600);
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "HTTP/1.1 504 ") == 1 && laters[0].gone == 1);
    CHECK(read_on(&laters[0]) == PYRS_BODY_GONE && got_is("hello"));
    close(client);
    turns(4);
    pyrs_exchange_end(laters[0].exchange, false);
    finish();
    CHECK(laters[0].gone == 1);
}

/* ---- answers before the end of the body ---- */

/* The client is still sending: it has to be able to read it nevertheless. */
/* It has asked for more of its body, which comes to the loop by mail. */
static void what_an_exchange_wanted_is_forgotten_with_it(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    CHECK(send(client, POST("/look", 5) "he", strlen(POST("/look", 5) "he"), 0) > 0);
    for (int i = 0; i < 4 && answers.length == 0; i++)
        listen_for(client, &answers, 1);
    CHECK(ends_with(&answers, "not this"));
    CHECK(!service.mailbox.first);
    close(client);
    finish();
}

static void an_answer_before_the_whole_body_can_be_read(void)
{
    static struct answers answers[2];
    int clients[2];

    prepare();
    begin();
    for (int i = 0; i < 2; i++) {
        clients[i] = connect_by_tcp();
        say(clients[i],
            i == 0 ? POST("/refuse", 1000000) "x" : POST("/stream", 1000000) "x");
        turns_for_ms(20);
    }
    respond_later(&laters[0], PYRS_TEXT("not this"));
    for (int i = 0; i < 2; i++) {
        turns(4);
        push(clients[i], big, 100000);
        listen_until_end(clients[i], &answers[i]);
        CHECK(ends_with(&answers[i], "\r\n\r\nnot this") && !answers[i].reset);
        CHECK(count_of(&answers[i], "\r\nConnection: close\r\n") == 1);
        close(clients[i]);
    }
    turns_for_ms(20);
    finish();
}

/* Its head has said that the connection closes, but the client may not know yet. */
static void an_answer_begun_before_the_whole_body_can_be_read_too(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_by_tcp();
    say(client, POST("/stream", 10) "hello");
    turns_for_ms(20);
    (void)pyrs_exchange_begin(laters[0].exchange,
                              &(struct pyrs_response){.status = 200}, 2);
    turns(4);
    say(client, "12345");
    turns_for_ms(20);
    CHECK(read_on(&laters[0]) == PYRS_BODY_END && got_is("hello12345"));
    pyrs_exchange_send(laters[0].exchange, PYRS_TEXT("ok"), NULL, NULL);
    pyrs_exchange_end(laters[0].exchange, true);
    CHECK(send(client, GET("/nowhere"), strlen(GET("/nowhere")), 0) > 0);
    turns_for_ms(20);
    listen_until_end(client, &answers);
    CHECK(ends_with(&answers, "\r\n\r\nok") && !answers.reset);
    CHECK(count_of(&answers, "\r\nConnection: close\r\n") == 1);
    close(client);
    turns_for_ms(20);
    finish();
}

static const struct test_case CASES[] = {
    CASE(a_body_is_read_as_it_arrives),
    CASE(a_chunked_body_is_read_as_it_arrives),
    CASE(a_body_that_is_there_does_not_stream),
    CASE(a_body_waits_for_the_exchange_before_it),
    CASE(what_follows_the_last_request_is_not_read),
    CASE(a_thread_echoes_a_body_larger_than_what_is_kept),
    CASE(under_http_1_0_too),
    CASE(a_thread_that_waits_is_told_when_the_client_leaves),
    CASE(a_thread_that_waits_is_told_when_all_stops),
    CASE(a_body_that_nobody_reads_stays_with_its_client),
    CASE(reading_one_body_makes_no_room_for_the_next),
    CASE(a_body_that_is_not_read_does_not_time_out),
    CASE(a_client_is_asked_for_its_body_when_it_is_read),
    CASE(a_client_whose_answer_has_begun_is_not_asked_for_its_body),
    CASE(a_client_whose_body_is_not_wanted_is_not_asked_for_it),
    CASE(a_client_that_does_not_wait_to_be_asked_is_read),
    CASE(a_client_that_leaves_midway_is_told),
    CASE(a_client_that_finishes_midway_is_a_400),
    CASE(a_body_that_is_too_slow_is_a_408),
    CASE(a_malformed_chunk_is_a_400),
    CASE(a_malformed_chunk_behind_the_head_of_the_answer_cuts_it),
    CASE(a_body_that_grows_too_large_is_a_413),
    CASE(a_fault_before_its_turn_is_answered_in_its_turn),
    CASE(a_body_whose_endpoint_takes_too_long_is_a_504),
    CASE(what_an_exchange_wanted_is_forgotten_with_it),
    CASE(an_answer_before_the_whole_body_can_be_read),
    CASE(an_answer_begun_before_the_whole_body_can_be_read_too),
};

int main(int count, char **arguments)
{
    (void)count;
    return RUN_CASES(CASES, arguments);
}
