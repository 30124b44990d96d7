/* interpreter.c - handlers that need an interpreter, of which there is one: a whole
 * server, with real threads and clients. The case is another thread in it when it
 * wants. The program runs the case that it is told; without one it lists them.
 */
#include <poll.h>

#include "kit.h"

enum { CONNECTIONS = 32, DEPTH = 100, BIG_BYTES = 20 * 1024, WAIT_MS = 3000 };

/* ---- the interpreter ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local bool inside;

static void *enter(void *context)
{
    pthread_mutex_lock(&lock);
    inside = true;
    return context;
}

static void leave(void *context, void *given)
{
    CHECK(inside && context == given);
    inside = false;
    pthread_mutex_unlock(&lock);
}

static void nothing(void *context)
{
    (void)context;
}

static const struct interpreter ONE = {enter, leave, nothing, NULL};

/* As a handler that waits for something. */
static void wait_outside(void)
{
    leave(NULL, NULL);
    sleep_ms(1);
    enter(NULL);
}

static void spin_us(uint64_t us)
{
    uint64_t end_ns = uv_hrtime() + us * 1000;

    while (uv_hrtime() < end_ns)
        ;
}

/* ---- endpoints ---- */

static const struct pyrs_response SHORT = {.status = 200, .body = PYRS_TEXT("short")};
static _Atomic bool blocks, quick_ran, in_vain;

static void quick(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    quick_ran = true;
    pyrs_exchange_respond(exchange, &SHORT);
}

/* Until somebody else has run, which nobody can who waits for this one. */
static void block(void)
{
    blocks = true;
    for (int i = 0; i < WAIT_MS && !quick_ran; i++)
        wait_outside();
    in_vain = !quick_ran;
}

static void send_and_block(struct pyrs_endpoint *endpoint,
                           struct pyrs_exchange *exchange)
{
    (void)endpoint;
    (void)pyrs_exchange_begin(exchange, &(struct pyrs_response){.status = 200}, -1);
    (void)pyrs_exchange_send(exchange, PYRS_TEXT("a piece"), NULL, NULL);
    block();
    pyrs_exchange_end(exchange, true);
}

static void answer_and_block(struct pyrs_endpoint *endpoint,
                             struct pyrs_exchange *exchange)
{
    (void)endpoint;
    pyrs_exchange_respond(exchange, &SHORT);
    block();
}

static void do_without(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    CHECK(!inside);
    pyrs_exchange_respond(exchange, &SHORT);
}

static char big[BIG_BYTES];
static _Atomic int lent, lent_max;

static void give_back(void *owner)
{
    (void)owner;
    CHECK(inside);
    lent--;
}

static void lend(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    lent++;
    if (lent > lent_max)
        lent_max = lent;
    spin_us(200); /* longer than the loop takes for a request */
    pyrs_exchange_respond(exchange, &(struct pyrs_response){.status = 200,
                                                            .body = {big, sizeof big},
                                                            .release = give_back});
}

static void read_all(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    char bytes[100];
    int64_t n;

    (void)endpoint;
    leave(NULL, NULL);
    do
        n = pyrs_exchange_read(exchange, bytes, sizeof bytes, true);
    while (n > 0);
    enter(NULL);
    pyrs_exchange_respond(exchange, &SHORT);
}

#define ENDPOINT(function, language)                                             \
    static const struct endpoint_class function##_CLASS = {                      \
        .interpreter = (language), .answer = (function), .free = keep_endpoint}; \
    static struct pyrs_endpoint function##_endpoint = {&function##_CLASS}

ENDPOINT(quick, &ONE);
ENDPOINT(send_and_block, &ONE);
ENDPOINT(answer_and_block, &ONE);
ENDPOINT(do_without, NULL);
ENDPOINT(lend, &ONE);
ENDPOINT(read_all, &ONE);

/* ---- the server ---- */

static struct pyrs_settings settings;
static struct pyrs_server *server;
static uv_thread_t server_thread;
static bool clean;

static void run(void *unused)
{
    (void)unused;
    clean = pyrs_server_run(server, PYRS_SIGNALS_NONE, NULL);
}

static void route(const char *pattern, struct pyrs_endpoint *endpoint,
                  struct pyrs_route_options options)
{
    CHECK(pyrs_server_add_route(server, pattern, NULL, endpoint, &options, NULL));
}

static void serve(void)
{
    settings.thread_count = 1;
    settings.connections_max = 100;
    server = pyrs_server_new(&settings, NULL);
    CHECK(server);
    route("/quick", &quick_endpoint, (struct pyrs_route_options){0});
    route("/sends", &send_and_block_endpoint, (struct pyrs_route_options){0});
    route("/answers", &answer_and_block_endpoint, (struct pyrs_route_options){0});
    route("/without", &do_without_endpoint, (struct pyrs_route_options){0});
    route("/thread", &quick_endpoint,
          (struct pyrs_route_options){.run = PYRS_RUN_THREAD});
    route("/without/thread", &do_without_endpoint,
          (struct pyrs_route_options){.run = PYRS_RUN_THREAD});
    route("/sends/thread", &send_and_block_endpoint,
          (struct pyrs_route_options){.run = PYRS_RUN_THREAD});
    route("/lends", &lend_endpoint, (struct pyrs_route_options){0});
    route("/reads", &read_all_endpoint,
          (struct pyrs_route_options){.run = PYRS_RUN_LOOP, .stream_body = true});
    CHECK(pyrs_server_listen(server, "127.0.0.1", 0, NULL));
    CHECK(uv_thread_create(&server_thread, run, NULL) == 0);
}

static struct pyrs_counters counters(void)
{
    struct pyrs_counters counted;

    pyrs_server_counters(server, &counted);
    return counted;
}

static void stop(void)
{
    pyrs_server_stop(server);
    uv_thread_join(&server_thread);
    CHECK(clean && counters().exchanges_open == 0);
    CHECK(counters().handler_runs == counters().requests);
    pyrs_server_free(server);
}

#define UNTIL(claim) for (int i_ = 0; !(claim); sleep_ms(1), CHECK(++i_ < 10000))

/* The loop is handed on while this thread is in the interpreter: what is ready then is
 * left to a visitor. */
static void lose_loop(void)
{
    UNTIL(counters().hand_overs > 0);
    sleep_ms(10);
    leave(NULL, NULL);
}

#define SAY(client, text) \
    CHECK(send(client, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text))

/* Gives how many bytes. */
static size_t hear(int client, char *bytes, size_t room)
{
    struct pollfd readable = {.fd = client, .events = POLLIN};
    ssize_t n;

    CHECK(poll(&readable, 1, 10 * WAIT_MS) == 1);
    n = recv(client, bytes, room, 0);
    CHECK(n > 0);
    return (size_t)n;
}

static void hear_times(int client, const char *text, int times)
{
    static struct answers answers;

    answers.length = 0;
    while (count_of(&answers, text) < times)
        answers.length += hear(client, answers.bytes + answers.length,
                               ANSWERS_BYTES_MAX - answers.length);
}

/* ---- the cases ---- */

/* The first one waits for the interpreter, and blocks when it is there. */
static void block_as_visitor(const char *request)
{
    int client, other;

    pyrs_settings_init(&settings);
    serve();
    client = connect_to_port(pyrs_server_port(server, 0));
    other = connect_to_port(pyrs_server_port(server, 0));
    enter(NULL);
    SAY(client, request);
    lose_loop();
    UNTIL(blocks);
    SAY(other, GET("/quick"));
    hear_times(other, "short", 1);
    CHECK(!in_vain);
    close(client);
    close(other);
    stop();
}

static void a_visitor_that_sends_and_blocks_is_relieved(void)
{
    block_as_visitor(GET("/sends"));
}

static void a_visitor_that_answers_and_blocks_is_relieved(void)
{
    block_as_visitor(GET("/answers"));
}

static void a_loop_is_handed_on_from_one_that_has_answered(void)
{
    int client, other;

    pyrs_settings_init(&settings);
    serve();
    client = connect_to_port(pyrs_server_port(server, 0));
    other = connect_to_port(pyrs_server_port(server, 0));
    SAY(client, GET("/answers") GET("/quick"));
    UNTIL(blocks);
    SAY(other, GET("/quick"));
    hear_times(other, "short", 1);
    CHECK(!in_vain);
    hear_times(client, "short", 2);
    CHECK(counters().responses[2] == 3);
    close(client);
    close(other);
    stop();
}

static void what_needs_no_interpreter_is_run_without(void)
{
    int client, other;

    pyrs_settings_init(&settings);
    settings.handler_threads = 1; /* which runs one behind the other */
    serve();
    client = connect_to_port(pyrs_server_port(server, 0));
    other = connect_to_port(pyrs_server_port(server, 0));
    SAY(client, GET("/quick") GET("/without") GET("/quick"));
    hear_times(client, "short", 3);
    enter(NULL);
    SAY(client, GET("/thread"));
    UNTIL(counters().threads_busy == 1);
    SAY(other, GET("/without/thread"));
    UNTIL(counters().thread_waits == 1);
    leave(NULL, NULL);
    hear_times(client, "short", 1);
    hear_times(other, "short", 1);
    close(client);
    close(other);
    stop();
}

/* It waits for the loop, which therefore has to run. */
static void a_body_that_arrives_is_read_beside_the_loop(void)
{
    int client;

    pyrs_settings_init(&settings);
    settings.handoff_after_us = 0;
    serve();
    client = connect_to_port(pyrs_server_port(server, 0));
    SAY(client, POST("/reads", 10) "hello");
    UNTIL(counters().threads_busy == 1);
    SAY(client, "world");
    hear_times(client, "short", 1);
    close(client);
    stop();
}

/* Nor are bodies that were lent kept for as long as it is busy. */
static void a_visitor_gives_way_to_the_loop(void)
{
    enum { ALL = CONNECTIONS * DEPTH };
    static char bytes[256 * 1024];
    struct pollfd clients[CONNECTIONS];

    pyrs_settings_init(&settings);
    serve();
    enter(NULL);
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] =
            (struct pollfd){connect_to_port(pyrs_server_port(server, 0)), POLLIN, 0};
        for (int k = 0; k < DEPTH; k++)
            SAY(clients[i].fd, GET("/lends"));
    }
    lose_loop();
    while (counters().responses[2] < ALL)
        if (poll(clients, CONNECTIONS, 1) > 0)
            for (int i = 0; i < CONNECTIONS; i++)
                if (clients[i].revents)
                    (void)hear(clients[i].fd, bytes, sizeof bytes);
    for (int i = 0; i < CONNECTIONS; i++)
        close(clients[i].fd);
    stop();
    CHECK(lent == 0 && lent_max < ALL / 4);
}

/* Which would keep the visitor from the others. */
static void what_is_known_to_block_is_not_left_to_a_visitor(void)
{
    int client, other;

    pyrs_settings_init(&settings);
    settings.handoff_after_us = 100 * 1000; /* no thread is kept waiting that long */
    serve();
    client = connect_to_port(pyrs_server_port(server, 0));
    other = connect_to_port(pyrs_server_port(server, 0));
    enter(NULL);
    SAY(client, GET("/quick"));
    UNTIL(counters().hand_overs > 0);
    SAY(other, GET("/sends/thread"));
    UNTIL(counters().requests == 2);
    UNTIL(counters().threads_busy == 1); /* it waits for the interpreter as well */
    leave(NULL, NULL);
    hear_times(client, "short", 1);
    hear_times(other, "a piece", 1);
    SAY(client, GET("/quick"));
    hear_times(client, "short", 1);
    CHECK(counters().hand_overs == 1);
    close(client);
    close(other);
    stop();
}

static const struct test_case CASES[] = {
    CASE(a_visitor_that_sends_and_blocks_is_relieved),
    CASE(a_visitor_that_answers_and_blocks_is_relieved),
    CASE(a_loop_is_handed_on_from_one_that_has_answered),
    CASE(what_needs_no_interpreter_is_run_without),
    CASE(a_body_that_arrives_is_read_beside_the_loop),
    CASE(a_visitor_gives_way_to_the_loop),
    CASE(what_is_known_to_block_is_not_left_to_a_visitor),
};

int main(int count, char **arguments)
{
    (void)count;
    return RUN_CASES(CASES, arguments);
}
