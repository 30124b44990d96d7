/* connections.c - the server's side of a connection, turn by turn, without a process.
 *
 * Each case holds a client's socket in its own hands and drives the loop itself, so
 * that what comes in which turn is decided here and not by the scheduler. The program
 * runs the case that it is told; without one it lists them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/connection.h"
#include "serve/http1.h"
#include "serve/site.h"

/* More and less than what stops the reading; both more than a socket takes. */
enum { BIG_BYTES = 400 * 1024, SMALL_BYTES = 200 * 1024 };

enum { TURNS_TO_READ_ALL = 2000, ANSWERS_BYTES_MAX = 16 * 1024 * 1024 };

#define CHECK(claim)                                                                \
    ((claim) ? (void)0                                                              \
             : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim), \
                exit(1)))

/* ---- a site whose endpoints stand on the ready list, as Python's do ---- */

static void *attach(void *context)
{
    return context;
}

static void detach(void *context, void *attached)
{
    (void)context;
    (void)attached;
}

static void nothing(void *context)
{
    (void)context;
}

static void keep(struct pyrs_endpoint *endpoint)
{
    (void)endpoint;
}

static uint32_t handler_ms;
static int released;

static void sleep_ms(uint32_t ms)
{
    nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static void release(void *owner)
{
    (void)owner;
    released++;
}

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

static const struct interpreter INTERPRETER = {attach, detach, nothing, NULL};
static const struct endpoint_class ECHO_CLASS = {
    .name = "echo", .interpreter = &INTERPRETER, .answer = echo, .free = keep};
static const struct endpoint_class BIG_CLASS = {
    .name = "big", .interpreter = &INTERPRETER, .answer = big, .free = keep};
static struct pyrs_endpoint echo_endpoint = {&ECHO_CLASS};
static struct pyrs_endpoint big_endpoint = {&BIG_CLASS};
static struct pyrs_endpoint small_endpoint = {&BIG_CLASS};

static struct site site;
static struct service service;
static struct connection_limit limit = {.max = 1000};

/* Settings may be changed between the two. */
static void prepare(void)
{
    pyrs_settings_init(&site.settings);
}

static void start(void)
{
    int code;

    site.head_limits = (struct head_limits){
        .request_line_bytes_max = site.settings.request_line_bytes_max,
        .head_bytes_max = site.settings.head_bytes_max,
        .headers_max = site.settings.headers_max,
    };
    site.log = log_open(NULL, PYRS_LOG_WARNING);
    site.router = router_new();
    site.interpreter = &INTERPRETER;
    CHECK(router_add(site.router, "/echo", NULL,
                     &(struct route_answer){&echo_endpoint, {0}}, NULL));
    CHECK(router_add(site.router, "/big", NULL,
                     &(struct route_answer){&big_endpoint, {0}}, NULL));
    CHECK(router_add(site.router, "/small", NULL,
                     &(struct route_answer){&small_endpoint, {0}}, NULL));
    CHECK(service_init(&service, &site, &code));
}

/* Ends the loop and looks for what was left behind. */
static void finish(void)
{
    loop_stop_at_once(&service.loop);
    loop_run(&service.loop);
    CHECK(counter_read(&service.loop.counters.connections_open) == 0);
    CHECK(counter_read(&service.counters.exchanges_open) == 0);
    CHECK(atomic_load(&limit.open) == 0);
    service_fini(&service);
    router_free(site.router);
    log_close(site.log);
}

/* ---- the client ---- */

static int connect_client(void)
{
    union socket_address peer = {.any.sa_family = AF_UNIX};
    int small = 4096;
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    atomic_fetch_add(&limit.open, 1);
    connection_open(&service.loop, pair[0], &peer, NULL, &limit);
    return pair[1];
}

static void turns(int count)
{
    for (int i = 0; i < count; i++)
        loop_turn(&service.loop, false);
}

static void say(int client, const char *text)
{
    size_t length = strlen(text);

    CHECK(send(client, text, length, MSG_NOSIGNAL) == (ssize_t)length);
    turns(4);
}

struct answers {
    char bytes[ANSWERS_BYTES_MAX];
    size_t length;
    bool ended; /* the server has closed */
    bool reset; /* though not all that was sent had been read */
};

/* Reads what comes in so many turns. */
static void listen_for(int client, struct answers *answers, int count)
{
    for (int i = 0; i < count; i++) {
        ssize_t n;

        turns(1);
        while ((n = recv(client, answers->bytes + answers->length,
                         ANSWERS_BYTES_MAX - answers->length, 0)) > 0)
            answers->length += (size_t)n;
        answers->ended |= n == 0;
        answers->reset |= n < 0 && errno == ECONNRESET;
    }
}

/* Reads, bit by bit, until there are so many bytes. */
static void listen_until(int client, struct answers *answers, size_t length)
{
    for (int i = 0; answers->length < length; i++) {
        ssize_t n = recv(client, answers->bytes + answers->length, 4096, 0);

        CHECK(i < 10000);
        if (n > 0)
            answers->length += (size_t)n;
        turns(1);
    }
}

static int count_of(const struct answers *answers, const char *text)
{
    const char *at = answers->bytes;
    const char *end = at + answers->length;
    int count = 0;

    while ((at = memmem(at, (size_t)(end - at), text, strlen(text)))) {
        at += strlen(text);
        count++;
    }
    return count;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST_CHUNKED \
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define POST_ECHO(length) \
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " #length "\r\n\r\n"

/* How often the loop wakes up in 400 ms; its tick alone makes it three or four times.
 */
static int wake_ups(void)
{
    uint64_t end_ns = uv_hrtime() + 400 * 1000000ull;
    int count = 0;

    for (; uv_hrtime() < end_ns && count < 1000; count++)
        loop_turn(&service.loop, true);
    return count;
}

/* ---- the cases ---- */

static void a_slow_reader_that_sends_more_does_not_keep_the_loop_busy(void)
{
    static struct answers answers;
    int client;

    prepare();
    start();
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
    start();
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
    start();
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
    start();
    client = connect_client();
    say(client, GET("/big") GET("/big") GET("/big") POST_ECHO(10) "hello");
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
    start();
    client = connect_client();
    say(client, POST_ECHO(1000));
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
    site.settings.body_timeout_ms = 300;
    start();
    client = connect_client();
    say(client, POST_ECHO(1000));
    for (int i = 0; i < 20; i++) {
        say(client, "12345678901234567890123456789012345678901234567890");
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
    site.settings.body_timeout_ms = 300;
    start();
    client = connect_client();
    say(client, GET("/big") POST_ECHO(5) "he");
    sleep_ms(600);
    turns(2);
    listen_until(client, &answers, BIG_BYTES);
    listen_for(client, &answers, 4);
    sleep_ms(150);
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
    start();
    for (int i = 0; i < 4; i++)
        clients[i] = connect_client();
    say(clients[0], POST_ECHO(5) "hello" POST_ECHO(5) "he");
    shutdown(clients[0], SHUT_WR); /* in a body */
    say(clients[1], POST_ECHO(5) "he");
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
    start();
    client = connect_client();
    other = connect_client();
    handler_ms = 800;
    CHECK(send(client, POST_ECHO(1) "x", sizeof POST_ECHO(1), 0) > 0);
    turns(1);
    handler_ms = 0;
    /* Meanwhile the other has sent its request, and the first one sends the next. */
    CHECK(send(other, POST_ECHO(1) "x", sizeof POST_ECHO(1), 0) > 0);
    turns(3);
    say(client, POST_ECHO(1) "x");
    listen_for(client, &answers, 4);
    listen_for(other, &others, 4);
    CHECK(count_of(&answers, "HTTP/1.1 200 ") == 2);
    CHECK(count_of(&others, "HTTP/1.1 200 ") == 1);
    close(client);
    close(other);
    finish();
}

struct test_case {
    const char *name;
    void (*run)(void);
};

#define CASE(name) {#name, name}

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
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        if (count == 1)
            puts(CASES[i].name);
        else if (strcmp(arguments[1], CASES[i].name) == 0)
            CASES[i].run();
    }
    return 0;
}
