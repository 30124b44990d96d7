/* connections.c - the server's side of a connection, turn by turn, without a process.
 *
 * The program runs the case that it is told; without one it lists them.
 */
#include "kit.h"

/* More and less than what stops the reading; both more than a socket takes. */
enum { BIG_BYTES = 400 * 1024, SMALL_BYTES = 200 * 1024 };

enum { TURNS_TO_READ_ALL = 2000 };

/* ---- endpoints ---- */

static uint32_t handler_ms;

static void echo(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    sleep_ms(handler_ms);
    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = 200,
                                        .body = pyrs_exchange_body(exchange),
                                    });
}

static struct pyrs_endpoint big_endpoint, small_endpoint;

static void big(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    static char bytes[BIG_BYTES];

    size_t length = endpoint == &big_endpoint ? BIG_BYTES : SMALL_BYTES;

    memset(bytes, 'b', sizeof bytes);
    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = 200,
                                        .body = {bytes, length},
                                        .release = release,
                                    });
}

static const struct endpoint_class ECHO_CLASS = {
    .interpreter = &INTERPRETER, .answer = echo, .free = keep_endpoint};
static const struct endpoint_class BIG_CLASS = {
    .interpreter = &INTERPRETER, .answer = big, .free = keep_endpoint};
static struct pyrs_endpoint echo_endpoint = {&ECHO_CLASS};
static struct pyrs_endpoint big_endpoint = {&BIG_CLASS};
static struct pyrs_endpoint small_endpoint = {&BIG_CLASS};

static void begin(void)
{
    start();
    add_route("/echo", &echo_endpoint);
    add_route("/big", &big_endpoint);
    add_route("/small", &small_endpoint);
}

/* ---- the cases ---- */

static void a_slow_reader_that_sends_more_does_not_keep_the_loop_busy(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, GET("/small")); /* too little waits to stop the reading */
    for (int i = 0; i < 4; i++)
        say(client, GET("/big"));
    CHECK(wake_ups() < 20);
    listen_for(client, &answers, TURNS_TO_READ_ALL);
    CHECK(count_of(&answers, "HTTP/1.1 200 OK\r\n") == 5);
    close(client);
    finish();
    CHECK(released == 5);
}

static void a_stop_lets_a_slow_reader_have_its_answers_and_then_closes(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, GET("/big") GET("/big") GET("/small"));
    loop_stop(&service.loop);
    say(client, GET("/big"));
    CHECK(wake_ups() < 20);
    listen_for(client, &answers, TURNS_TO_READ_ALL);
    CHECK(count_of(&answers, "HTTP/1.1 200 OK\r\n") == 4);
    CHECK(answers.ended);
    close(client);
    finish();
}

static void the_last_answer_before_a_stop_can_be_read(void)
{
    static struct answers answers;
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, "GET /small HTTP/1.1\r\nHo");
    loop_stop(&service.loop);
    turns(2);
    say(client, "st: a\r\n\r\n");
    say(client, GET("/small")); /* it does not know yet */
    listen_for(client, &answers, TURNS_TO_READ_ALL);
    CHECK(count_of(&answers, "HTTP/1.1 200 OK\r\n") == 1);
    CHECK(answers.ended && !answers.reset);
    close(client);
    finish();
}

static void a_stop_at_once_leaves_no_exchange_behind(void)
{
    int client;

    prepare();
    begin();
    client = connect_client();
    say(client, GET("/big") GET("/big") GET("/big") POST("/echo", 10) "hello");
    finish();
    close(client);
    CHECK(released == 1);
}

static void a_body_that_trickles_in_is_cut(void)
{
    static struct answers answers;
    int client;

    prepare();
    site.settings.body_timeout_ms = 500;
    begin();
    client = connect_client();
    say(client, POST("/echo", 1000));
    for (int i = 0; i < 30 && answers.length == 0; i++) {
        say(client, "x");
        sleep_ms(50);
        listen_for(client, &answers, 1);
    }
    CHECK(count_of(&answers, "HTTP/1.1 408 ") == 1);
    CHECK(counter_read(&service.loop.counters.timeouts) == 1);
    close(client);
    finish();
}

static void a_body_that_comes_fast_enough_is_not_cut(void)
{
    static struct answers answers;
    int client;

    prepare();
    site.settings.body_timeout_ms = 2000;
    begin();
    client = connect_client();
    say(client, POST("/echo", 1000));
    for (int i = 0; i < 50; i++) {
        say(client, "12345678901234567890");
        sleep_ms(50);
        listen_for(client, &answers, 1);
    }
    CHECK(count_of(&answers, "HTTP/1.1 200 ") == 1);
    CHECK(counter_read(&service.loop.counters.timeouts) == 0);
    close(client);
    finish();
}

static void a_body_that_waited_behind_a_slow_reader_has_its_time(void)
{
    static struct answers answers;
    int client;

    prepare();
    site.settings.body_timeout_ms = 2000;
    begin();
    client = connect_client();
    say(client, GET("/big") POST("/echo", 5) "he");
    sleep_ms(2500);
    turns(2);
    listen_until(client, &answers, BIG_BYTES);
    listen_for(client, &answers, 4);
    sleep_ms(300);
    turns(2);
    say(client, "llo");
    listen_for(client, &answers, 4);
    CHECK(count_of(&answers, "HTTP/1.1 200 ") == 2);
    CHECK(count_of(&answers, "\r\n\r\nhello") == 1);
    close(client);
    finish();
}

static void every_request_is_answered_or_cut_off(void)
{
    const struct service_counters *counters = &service.counters;
    int clients[4];

    prepare();
    begin();
    for (int i = 0; i < 4; i++)
        clients[i] = connect_client();
    say(clients[0], POST("/echo", 5) "hello" POST("/echo", 5) "he");
    shutdown(clients[0], SHUT_WR); /* in a body */
    say(clients[1], POST("/echo", 5) "he");
    close(clients[1]); /* likewise */
    say(clients[2], "GET /echo HT");
    close(clients[2]); /* in a head: that is no request yet */
    say(clients[3], GET("/small") GET("/big") GET("/big"));
    close(clients[3]);
    turns(4);
    CHECK(counter_read(&counters->requests) == 6);
    CHECK(counter_read(&counters->responses[2]) +
              counter_read(&counters->responses[0]) ==
          6);
    CHECK(counter_read(&counters->responses[0]) >= 2);
    close(clients[0]);
    finish();
}

static void a_slow_handler_does_not_use_up_the_time_of_clients(void)
{
    static struct answers answers, others;
    int client, other;

    prepare();
    site.settings.idle_timeout_ms = 400;
    begin();
    client = connect_client();
    other = connect_client();
    handler_ms = 800;
    CHECK(send(client, POST("/echo", 1) "x", sizeof POST("/echo", 1), 0) > 0);
    turns(1);
    handler_ms = 0;
    /* Meanwhile the other has sent its request, and the first one sends the next. */
    CHECK(send(other, POST("/echo", 1) "x", sizeof POST("/echo", 1), 0) > 0);
    turns(3);
    say(client, POST("/echo", 1) "x");
    listen_for(client, &answers, 4);
    listen_for(other, &others, 4);
    CHECK(count_of(&answers, "HTTP/1.1 200 ") == 2);
    CHECK(count_of(&others, "HTTP/1.1 200 ") == 1);
    close(client);
    close(other);
    finish();
}

static const struct test_case CASES[] = {
    CASE(a_slow_reader_that_sends_more_does_not_keep_the_loop_busy),
    CASE(a_stop_lets_a_slow_reader_have_its_answers_and_then_closes),
    CASE(the_last_answer_before_a_stop_can_be_read),
    CASE(a_stop_at_once_leaves_no_exchange_behind),
    CASE(a_body_that_trickles_in_is_cut),
    CASE(a_body_that_comes_fast_enough_is_not_cut),
    CASE(a_body_that_waited_behind_a_slow_reader_has_its_time),
    CASE(every_request_is_answered_or_cut_off),
    CASE(a_slow_handler_does_not_use_up_the_time_of_clients),
};

int main(int count, char **arguments)
{
    (void)count;
    return RUN_CASES(CASES, arguments);
}
