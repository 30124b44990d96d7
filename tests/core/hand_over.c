/* hand_over.c - loops that change threads, under everything that can happen meanwhile.
 *
 * A whole server with a few loops; its endpoints sleep, spin, wait for each other's
 * interpreter (a mutex), defer, and send in pieces, at random, while clients pipeline,
 * leave in the middle and count: every answer must be the one to its request, in order.
 * The server is stopped at random moments, and served anew. Run under ThreadSanitizer
 * it says whether threads meet without a lock.
 *
 *     hand_over SECONDS [SEED]
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "serve/endpoint.h"

enum { LOOPS = 2, CLIENTS = 8, DEPTH_MAX = 12, DEFERRED_MAX = 4096 };

#define CHECK(claim)                                                                \
    ((claim) ? (void)0                                                              \
             : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim), \
                abort()))

static _Thread_local uint32_t seed = 1;

static uint32_t below(uint32_t limit)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % limit;
}

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void sleep_us(uint32_t us)
{
    nanosleep(&(struct timespec){us / 1000000, (long)(us % 1000000) * 1000}, NULL);
}

static void spin_us(uint32_t us)
{
    uint64_t until = now_us() + us;

    while (now_us() < until)
        ;
}

/* ---- an interpreter: one thread at a time, given up while a handler sleeps ---- */

static pthread_mutex_t interpreter_lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local bool is_attached;

static void *attach(void *context)
{
    pthread_mutex_lock(&interpreter_lock);
    is_attached = true;
    return context;
}

static void detach(void *context, void *attached)
{
    CHECK(is_attached && context == attached);
    is_attached = false;
    pthread_mutex_unlock(&interpreter_lock);
}

static void thread_end(void *context)
{
    (void)context;
}

static int context;
static const struct interpreter INTERPRETER = {attach, detach, thread_end, &context};

static void sleep_detached_us(uint32_t us)
{
    bool attached = is_attached;

    if (attached)
        detach(&context, &context);
    sleep_us(us);
    if (attached)
        attach(&context);
}

/* ---- endpoints ---- */

static atomic_long lent;

/* Where the endpoint ran: attached, if that needs the interpreter. */
static void give_back(void *owner)
{
    free(owner);
    atomic_fetch_sub(&lent, 1);
}

static void respond(struct pyrs_exchange *exchange)
{
    enum { BIG = 40 * 1024 };
    struct pyrs_slice path = pyrs_exchange_path(exchange);
    struct pyrs_response response = {.status = 200, .body = path};

    if (below(8) == 0) { /* large enough to be lent */
        char *body = malloc(BIG);

        memset(body, '.', BIG);
        memcpy(body, path.bytes, path.length);
        response.body = (struct pyrs_slice){body, BIG};
        response.release = give_back;
        response.owner = body;
        atomic_fetch_add(&lent, 1);
    }
    pyrs_exchange_respond(exchange, &response);
}

static atomic_bool hurry; /* the server stops at once */

static void dawdle(void)
{
    if (atomic_load(&hurry))
        return;
    switch (below(12)) {
    case 0:
        sleep_detached_us(below(9000));
        break;
    case 1:
        spin_us(below(5000));
        break;
    case 2:
        sleep_detached_us(below(300));
        break;
    default:
        break;
    }
}

static void slow_answer(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    CHECK(!endpoint->class->interpreter || is_attached);
    dawdle();
    respond(exchange);
    if (below(20) == 0)
        dawdle();
}

static void piece(struct pyrs_exchange *exchange, bool first, bool is_step)
{
    struct pyrs_slice path = pyrs_exchange_path(exchange);
    uintptr_t left = first ? 1 + below(5) : (uintptr_t)pyrs_exchange_state(exchange);

    dawdle();
    if (first && pyrs_exchange_begin(exchange, &(struct pyrs_response){.status = 200},
                                     -1) == PYRS_FLOW_GONE)
        left = 0;
    if (!first && pyrs_exchange_flow(exchange) == PYRS_FLOW_GONE)
        left = 0;
    if (first && left > 0)
        pyrs_exchange_send(exchange, path, NULL, NULL);
    while (left > 0) {
        enum pyrs_flow flow;

        left--;
        dawdle();
        flow = pyrs_exchange_send(exchange, PYRS_TEXT("."), NULL, NULL);
        if (flow == PYRS_FLOW_GONE)
            break;
        if (is_step && below(3) == 0 && left > 0) { /* goes on in another one */
            pyrs_exchange_set_state(exchange, (void *)left);
            return;
        }
    }
    pyrs_exchange_end(exchange, below(50) != 0);
}

static void pieces_answer(struct pyrs_endpoint *endpoint,
                          struct pyrs_exchange *exchange)
{
    (void)endpoint;
    piece(exchange, true, true);
}

static void pieces_proceed(struct pyrs_endpoint *endpoint,
                           struct pyrs_exchange *exchange)
{
    (void)endpoint;
    piece(exchange, false, true);
}

/* Deferred exchanges, answered by a thread of their own. */
static pthread_mutex_t deferred_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t deferred_changed = PTHREAD_COND_INITIALIZER;
static struct pyrs_exchange *deferred[DEFERRED_MAX];
static int deferred_count;
static bool deferred_over;

static void defer_answer(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    if (below(30) == 0)
        dawdle();
    if (!pyrs_exchange_defer(exchange)) {
        respond(exchange);
        return;
    }
    pthread_mutex_lock(&deferred_lock);
    CHECK(deferred_count < DEFERRED_MAX);
    deferred[deferred_count++] = exchange;
    pthread_cond_signal(&deferred_changed);
    pthread_mutex_unlock(&deferred_lock);
}

static void defer_notify(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange,
                         enum pyrs_event event)
{
    (void)endpoint;
    (void)exchange;
    (void)event;
}

static void *answer_deferred(void *argument)
{
    seed = (uint32_t)(uintptr_t)argument;
    pthread_mutex_lock(&deferred_lock);
    while (!deferred_over || deferred_count > 0) {
        struct pyrs_exchange *exchange;

        if (deferred_count == 0) {
            pthread_cond_wait(&deferred_changed, &deferred_lock);
            continue;
        }
        exchange = deferred[--deferred_count];
        pthread_mutex_unlock(&deferred_lock);
        dawdle();
        if (below(4) == 0)
            piece(exchange, true, false);
        else
            respond(exchange);
        pthread_mutex_lock(&deferred_lock);
    }
    pthread_mutex_unlock(&deferred_lock);
    return NULL;
}

static void keep(struct pyrs_endpoint *endpoint)
{
    (void)endpoint;
}

static const struct endpoint_class PLAIN = {.answer = slow_answer, .free = keep};
static const struct endpoint_class ATTACHED = {
    .interpreter = &INTERPRETER, .answer = slow_answer, .free = keep};
static const struct endpoint_class PIECES = {.interpreter = &INTERPRETER,
                                             .answer = pieces_answer,
                                             .proceed = pieces_proceed,
                                             .free = keep};
static const struct endpoint_class DEFERS = {
    .answer = defer_answer, .notify = defer_notify, .free = keep};

static struct pyrs_endpoint endpoints[] = {{&PLAIN}, {&ATTACHED}, {&PIECES}, {&DEFERS}};
static const char *const PATTERNS[] = {"/plain/*", "/attached/*", "/pieces/*",
                                       "/defers/*"};
enum { ENDPOINTS = 4 };

/* ---- clients ---- */

static uint16_t port;
static atomic_bool clients_over;
static atomic_ulong answers_seen;

struct client {
    int socket;
    char bytes[256 * 1024];
    size_t length;
    unsigned long asked;
};

/* False: the connection is over. */
static bool receive(struct client *client)
{
    ssize_t n = recv(client->socket, client->bytes + client->length,
                     sizeof client->bytes - client->length - 1, 0);

    if (n <= 0)
        return false;
    client->length += (size_t)n;
    client->bytes[client->length] = '\0';
    return true;
}

static void consume(struct client *client, size_t length)
{
    CHECK(length <= client->length);
    client->length -= length;
    memmove(client->bytes, client->bytes + length, client->length + 1);
}

static bool receive_at_least(struct client *client, size_t length)
{
    while (client->length < length)
        if (!receive(client))
            return false;
    return true;
}

static void check_path(const char *body, const char *path)
{
    if (strncmp(body, path, strlen(path)) == 0)
        return;
    fprintf(stderr, "asked for %s, was answered %.40s\n", path, body);
    abort();
}

static bool read_chunks(struct client *client, const char *path)
{
    bool first = true;

    for (;;) {
        char *line_end;
        size_t size;

        while (!(line_end = strstr(client->bytes, "\r\n")))
            if (!receive(client))
                return false;
        size = strtoul(client->bytes, NULL, 16);
        consume(client, (size_t)(line_end - client->bytes) + 2);
        if (!receive_at_least(client, size + 2))
            return false;
        CHECK(memcmp(client->bytes + size, "\r\n", 2) == 0);
        if (first && size > 0) {
            check_path(client->bytes, path);
            first = false;
        }
        consume(client, size + 2);
        if (size == 0)
            return true;
    }
}

/* Whether the next answer is the one to this path; false: the connection is over. */
static bool read_answer(struct client *client, const char *path)
{
    char *head_end, *field;
    size_t head, body;

    while (!(head_end = strstr(client->bytes, "\r\n\r\n")))
        if (!receive(client))
            return false;
    head = (size_t)(head_end - client->bytes) + 4;
    if (strncmp(client->bytes, "HTTP/1.1 200 ", 13) != 0) {
        fprintf(stderr, "asked for %s, was answered %.200s\n", path, client->bytes);
        abort();
    }
    field = strstr(client->bytes, "Content-Length: ");
    if (!field || field > head_end) {
        consume(client, head);
        return read_chunks(client, path);
    }
    body = strtoul(field + 16, NULL, 10);
    consume(client, head);
    if (!receive_at_least(client, body))
        return false;
    check_path(client->bytes, path);
    consume(client, body);
    return true;
}

static bool connect_client(struct client *client)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->length = 0;
    client->bytes[0] = '\0';
    client->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(client->socket >= 0);
    return connect(client->socket, (struct sockaddr *)&address, sizeof address) == 0;
}

/* False: the connection is over, or is to be left. */
static bool ask(struct client *client)
{
    static const char *const NAMES[] = {"plain", "attached", "pieces", "defers"};
    char paths[DEPTH_MAX][40], requests[DEPTH_MAX * 96];
    uint32_t depth = 1 + below(DEPTH_MAX);
    size_t length = 0;

    for (uint32_t i = 0; i < depth; i++) {
        snprintf(paths[i], sizeof paths[i], "/%s/%d/%lu", NAMES[below(ENDPOINTS)],
                 client->socket, ++client->asked);
        length += (size_t)sprintf(requests + length,
                                  "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
    }
    if (send(client->socket, requests, length, MSG_NOSIGNAL) != (ssize_t)length)
        return false;
    for (uint32_t i = 0; i < depth; i++) {
        if (below(60) == 0 || !read_answer(client, paths[i]))
            return false;
        atomic_fetch_add(&answers_seen, 1);
    }
    return true;
}

static void *run_client(void *argument)
{
    struct client *client = calloc(1, sizeof *client);

    seed = (uint32_t)(uintptr_t)argument;
    while (!atomic_load(&clients_over)) {
        if (connect_client(client))
            for (uint32_t i = below(6); i > 0 && ask(client); i--)
                ;
        if (below(4) == 0) {
            struct linger none = {1, 0};

            setsockopt(client->socket, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        }
        close(client->socket);
    }
    free(client);
    return NULL;
}

/* ---- the server ---- */

static void *run_server(void *server)
{
    struct pyrs_error error = {0};

    pyrs_server_run(server, PYRS_SIGNALS_NONE, &error);
    if (*error.message)
        fprintf(stderr, "%s\n", error.message);
    return NULL;
}

static struct pyrs_server *make_server(void)
{
    struct pyrs_error error = {0};
    struct pyrs_settings settings;
    struct pyrs_server *server;

    pyrs_settings_init(&settings);
    settings.thread_count = LOOPS;
    settings.handoff_after_us = 500 + below(1500);
    settings.handler_threads = 1 + below(12);
    settings.handler_timeout_ms = 0;
    settings.log_level = PYRS_LOG_ERROR;
    server = pyrs_server_new(&settings, &error);
    CHECK(server);
    for (int i = 0; i < ENDPOINTS; i++) {
        struct pyrs_route_options options = {.run = (int)below(3)};

        CHECK(pyrs_server_add_route(server, PATTERNS[i], "GET", &endpoints[i], &options,
                                    &error));
    }
    CHECK(pyrs_server_listen(server, "127.0.0.1", 0, &error));
    port = pyrs_server_port(server, 0);
    return server;
}

static unsigned long hand_overs, waits;

static void serve_a_while(void)
{
    struct pyrs_server *server = make_server();
    pthread_t thread, answerer, clients[CLIENTS];
    struct pyrs_counters counters;

    deferred_over = false;
    atomic_store(&clients_over, false);
    atomic_store(&hurry, false);
    pthread_create(&answerer, NULL, answer_deferred,
                   (void *)(uintptr_t)below(1u << 20));
    pthread_create(&thread, NULL, run_server, server);
    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&clients[i], NULL, run_client,
                       (void *)(uintptr_t)below(1u << 20));
    sleep_us(100000 + below(900000));
    if (below(2)) /* while they go on */
        pyrs_server_stop(server);
    if (below(3) == 0) {
        atomic_store(&hurry, true);
        pyrs_server_stop(server);
    }
    atomic_store(&clients_over, true);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    atomic_store(&hurry, true); /* the second wish of several means at once */
    pyrs_server_stop(server);
    pthread_join(thread, NULL);
    pthread_mutex_lock(&deferred_lock);
    CHECK(deferred_count == 0); /* the server waits for what is away */
    deferred_over = true;
    pthread_cond_signal(&deferred_changed);
    pthread_mutex_unlock(&deferred_lock);
    pthread_join(answerer, NULL);
    pyrs_server_counters(server, &counters);
    if (counters.exchanges_open > 0 || counters.connections_open > 0)
        fprintf(stderr, "%lu exchanges, %lu connections are left\n",
                (unsigned long)counters.exchanges_open,
                (unsigned long)counters.connections_open);
    CHECK(counters.exchanges_open == 0 && counters.connections_open == 0);
    CHECK(counters.threads == 0 && counters.threads_busy == 0);
    hand_overs += counters.hand_overs;
    waits += counters.thread_waits;
    pyrs_server_free(server);
    CHECK(atomic_load(&lent) == 0);
}

static bool is_too_little(void)
{
    return atomic_load(&answers_seen) <= 500 || hand_overs <= 20;
}

int main(int count, char **arguments)
{
    uint64_t until =
        now_us() + (uint64_t)(count > 1 ? atoi(arguments[1]) : 5) * 1000000;
    uint64_t until_at_most = until + 60 * 1000000;

    seed = count > 2 ? (uint32_t)atoi(arguments[2]) : (uint32_t)now_us();
    fprintf(stdout, "seed %u\n", seed);
    fflush(stdout);
    while (now_us() < until || (is_too_little() && now_us() < until_at_most))
        serve_a_while();
    printf("%lu answers, %lu hand-overs, %lu waits\n", atomic_load(&answers_seen),
           hand_overs, waits);
    CHECK(!is_too_little());
    return 0;
}
