/* beside.c - steps that lose their loop or run beside one: a whole server, with real
 * threads and clients. The program runs the case that it is told; without one it lists
 * them.
 */
#include "kit.h"

enum { PIECE_BYTES = 64 * 1024, PIECES = 64 };
/* A thread that the system keeps waiting must not look like a handler that blocks. */
enum { HANDLER_MS = 300, HANDOFF_AFTER_MS = 100 };

static char piece[PIECE_BYTES];

static struct pyrs_server *server;

static struct pyrs_counters counters(void)
{
    struct pyrs_counters counted;

    pyrs_server_counters(server, &counted);
    return counted;
}

#define UNTIL(claim) for (int i_ = 0; !(claim); sleep_ms(1), CHECK(++i_ < 10000))

/* Long enough to lose the loop, on a busy machine too. */
static void block(void)
{
    sleep_ms(HANDLER_MS);
    UNTIL(counters().hand_overs > 0);
}

/* ---- endpoints ---- */

static _Atomic(struct pyrs_exchange *) away;
static _Atomic bool looked;
static _Atomic int told_body, told_gone;
static _Atomic int64_t first_read;

static void block_and_defer(struct pyrs_endpoint *endpoint,
                            struct pyrs_exchange *exchange)
{
    char byte;

    (void)endpoint;
    first_read = pyrs_exchange_read(exchange, &byte, 1, false);
    looked = true;
    block();
    away = exchange; /* once it is told something, others may end it */
    CHECK(pyrs_exchange_defer(exchange));
}

static void note(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange,
                 enum pyrs_event event)
{
    (void)endpoint;
    (void)exchange;
    told_body += event == PYRS_EVENT_BODY;
    told_gone += event == PYRS_EVENT_GONE;
}

struct progress {
    int sent;
};

static void send_pieces(struct pyrs_exchange *exchange, enum pyrs_flow flow)
{
    struct progress *progress = pyrs_exchange_state(exchange);

    for (; flow == PYRS_FLOW_GO_ON && progress->sent < PIECES; progress->sent++)
        flow = pyrs_exchange_send(exchange, (struct pyrs_slice){piece, PIECE_BYTES},
                                  release, NULL);
    if (flow == PYRS_FLOW_PAUSE)
        return;
    free(progress);
    pyrs_exchange_end(exchange, true);
}

static void answer_in_pieces(struct pyrs_endpoint *endpoint,
                             struct pyrs_exchange *exchange)
{
    enum pyrs_flow flow;

    (void)endpoint;
    pyrs_exchange_set_state(exchange, calloc(1, sizeof(struct progress)));
    flow = pyrs_exchange_begin(exchange, &(struct pyrs_response){.status = 200}, -1);
    block(); /* between the head and the rest */
    send_pieces(exchange, flow);
}

static void go_on(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    send_pieces(exchange, pyrs_exchange_flow(exchange));
}

static void echo(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    char bytes[10000];
    int64_t n;

    (void)endpoint;
    (void)pyrs_exchange_begin(exchange, &(struct pyrs_response){.status = 200},
                              (int64_t)PIECES * PIECE_BYTES);
    while ((n = pyrs_exchange_read(exchange, bytes, sizeof bytes, true)) > 0)
        (void)pyrs_exchange_send(exchange, (struct pyrs_slice){bytes, (size_t)n}, NULL,
                                 NULL);
    pyrs_exchange_end(exchange, n == PYRS_BODY_END);
}

static void end_twice_and_block(struct pyrs_endpoint *endpoint,
                                struct pyrs_exchange *exchange)
{
    (void)endpoint;
    (void)pyrs_exchange_begin(exchange, &(struct pyrs_response){.status = 200}, 0);
    pyrs_exchange_end(exchange, true);
    pyrs_exchange_end(exchange, true);
    block();
}

static const struct endpoint_class DEFERS_CLASS = {
    .answer = block_and_defer, .free = keep_endpoint, .notify = note};
static const struct endpoint_class PIECES_CLASS = {
    .answer = answer_in_pieces, .proceed = go_on, .free = keep_endpoint};
static const struct endpoint_class ECHO_CLASS = {.answer = echo, .free = keep_endpoint};
static const struct endpoint_class TWICE_CLASS = {.answer = end_twice_and_block,
                                                  .free = keep_endpoint};
static struct pyrs_endpoint defers_endpoint = {&DEFERS_CLASS};
static struct pyrs_endpoint pieces_endpoint = {&PIECES_CLASS};
static struct pyrs_endpoint echo_endpoint = {&ECHO_CLASS};
static struct pyrs_endpoint twice_endpoint = {&TWICE_CLASS};

/* ---- the server ---- */

static uv_thread_t server_thread;

static void run(void *clean)
{
    *(bool *)clean = pyrs_server_run(server, PYRS_SIGNALS_NONE, NULL);
}

static bool clean;

static void route(const char *pattern, struct pyrs_endpoint *endpoint)
{
    CHECK(pyrs_server_add_route(server, pattern, NULL, endpoint,
                                &(struct pyrs_route_options){.stream_body = true},
                                NULL));
}

static void serve(void)
{
    struct pyrs_settings settings;

    pyrs_settings_init(&settings);
    settings.thread_count = 1;
    settings.connections_max = 10;
    settings.handoff_after_us = HANDOFF_AFTER_MS * 1000;
    server = pyrs_server_new(&settings, NULL);
    CHECK(server);
    memset(piece, 'p', sizeof piece);
    route("/defers", &defers_endpoint);
    route("/pieces", &pieces_endpoint);
    route("/echo", &echo_endpoint);
    route("/twice", &twice_endpoint);
    CHECK(pyrs_server_listen(server, "127.0.0.1", 0, NULL));
    CHECK(uv_thread_create(&server_thread, run, &clean) == 0);
}

static void stop(void)
{
    pyrs_server_stop(server);
    uv_thread_join(&server_thread);
    CHECK(clean && counters().exchanges_open == 0);
    pyrs_server_free(server);
}

static void tell(int client, const char *bytes, size_t length)
{
    CHECK(send(client, bytes, length, MSG_NOSIGNAL) == (ssize_t)length);
}

#define SAY(client, text) tell(client, text, strlen(text))

static void hear_more(int client, struct answers *answers)
{
    ssize_t n = recv(client, answers->bytes + answers->length,
                     ANSWERS_BYTES_MAX - answers->length, 0);

    CHECK(n > 0);
    answers->length += (size_t)n;
}

static void hear_until(int client, struct answers *answers, const char *end)
{
    while (!ends_with(answers, end))
        hear_more(client, answers);
}

/* ---- the cases ---- */

static void one_that_blocks_and_then_defers_is_told_when_its_client_leaves(void)
{
    int client;

    serve();
    client = connect_to_port(pyrs_server_port(server, 0));
    SAY(client, GET("/defers"));
    UNTIL(away);
    CHECK(told_gone == 0);
    close(client);
    UNTIL(told_gone > 0);
    pyrs_exchange_end(away, false);
    stop();
    CHECK(told_gone == 1);
}

static void one_whose_client_leaves_before_it_defers_is_told_too(void)
{
    int client;

    serve();
    client = connect_to_port(pyrs_server_port(server, 0));
    SAY(client, GET("/defers"));
    UNTIL(looked);
    close(client);
    UNTIL(away && told_gone > 0);
    pyrs_exchange_end(away, false);
    stop();
    CHECK(told_gone == 1);
}

/* What arrives between its look and its deferring is not lost. */
static void one_that_blocks_and_then_defers_is_told_of_its_body(void)
{
    static struct answers answers;
    char bytes[10];
    int client;

    serve();
    client = connect_to_port(pyrs_server_port(server, 0));
    SAY(client, POST("/defers", 5));
    UNTIL(looked);
    CHECK(first_read == PYRS_BODY_WAIT);
    SAY(client, "hello");
    UNTIL(away && told_body > 0);
    CHECK(pyrs_exchange_read(away, bytes, sizeof bytes, false) == 5);
    CHECK(pyrs_exchange_read(away, bytes, sizeof bytes, false) == PYRS_BODY_END);
    pyrs_exchange_respond(away,
                          &(struct pyrs_response){.status = 200, .body = {bytes, 5}});
    hear_until(client, &answers, "\r\n\r\nhello");
    close(client);
    stop();
    CHECK(told_body == 1);
}

/* First it loses the loop, then it is known to block and runs beside it. */
static void one_that_blocks_in_its_body_sends_it_all_the_same(void)
{
    static struct answers answers;
    int client;

    serve();
    client = connect_to_port(pyrs_server_port(server, 0));
    for (int i = 0; i < 3; i++) {
        answers.length = 0;
        SAY(client, GET("/pieces"));
        sleep_ms(2 * HANDLER_MS); /* so that it has to pause for its client */
        hear_until(client, &answers, "\r\n0\r\n\r\n");
        CHECK(count_of(&answers, "10000\r\np") == PIECES);
    }
    CHECK(counters().hand_overs < 3 && counters().marks == 1);
    close(client);
    stop();
    CHECK(released == 3 * PIECES);
}

static void one_that_ends_twice_may_block_afterwards(void)
{
    static struct answers answers;
    int client;

    serve();
    client = connect_to_port(pyrs_server_port(server, 0));
    SAY(client, GET("/twice")); /* it returns when the loop was taken from it */
    hear_until(client, &answers, "\r\n\r\n");
    SAY(client, GET("/nowhere"));
    hear_until(client, &answers, "404 Not Found\n");
    close(client);
    stop();
}

static void a_step_beside_the_loop_waits_for_its_body(void)
{
    static struct answers answers;
    const char *body;
    char head[100];
    int client;

    serve();
    client = connect_to_port(pyrs_server_port(server, 0));
    snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d",
             PIECES * PIECE_BYTES);
    SAY(client, head);
    SAY(client, "\r\n\r\n");
    for (size_t i = 1; i <= PIECES; i++) {
        tell(client, piece, PIECE_BYTES);
        while (answers.length < i * PIECE_BYTES)
            hear_more(client, &answers);
    }
    body = strstr(answers.bytes, "\r\n\r\n") + 4;
    while (answers.bytes + answers.length < body + PIECES * PIECE_BYTES)
        hear_more(client, &answers);
    SAY(client, GET("/nowhere")); /* it was begun before its body was whole */
    CHECK(recv(client, head, 1, 0) == 0);
    close(client);
    stop();
}

static const struct test_case CASES[] = {
    CASE(one_that_blocks_and_then_defers_is_told_when_its_client_leaves),
    CASE(one_whose_client_leaves_before_it_defers_is_told_too),
    CASE(one_that_blocks_and_then_defers_is_told_of_its_body),
    CASE(one_that_blocks_in_its_body_sends_it_all_the_same),
    CASE(one_that_ends_twice_may_block_afterwards),
    CASE(a_step_beside_the_loop_waits_for_its_body),
};

int main(int count, char **arguments)
{
    (void)count;
    return RUN_CASES(CASES, arguments);
}
