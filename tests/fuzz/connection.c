/* A stream of requests gives the same answers however it is cut, and whether endpoints
 * answer on the spot, wait for an interpreter, or defer and answer some turns later, in
 * pieces or not; afterwards nothing is left open.
 *
 * Runs the whole server side of a connection (csrc/net, csrc/serve) over a socket pair,
 * with the fuzzer's bytes as the client. The first bytes of the input say where to cut.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/connection.h"
#include "serve/http1.h"
#include "serve/site.h"

enum { CUTS = 4, OUTPUT_BYTES_MAX = 4 * 1024 * 1024 };

struct answers {
    char *bytes;
    size_t length;
};

/* ---- endpoints ---- */

static void echo(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    struct pyrs_response response = {.status = 200};

    (void)endpoint;
    response.content_type = pyrs_exchange_header(exchange, PYRS_TEXT("x-probe"));
    response.body = pyrs_exchange_body(exchange);
    pyrs_exchange_respond(exchange, &response);
}

static void path(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = 200,
                                        .body = pyrs_exchange_path(exchange),
                                    });
}

static void *attach(void *context)
{
    return context;
}

static void detach(void *context, void *attached)
{
    assert(context == attached);
}

static void nothing(void *context)
{
    (void)context;
}

static void keep(struct pyrs_endpoint *endpoint)
{
    (void)endpoint;
}

/* Answers as `path` does, one byte in each step. */
static void go_on(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    struct pyrs_slice rest = pyrs_exchange_path(exchange);
    size_t sent = (uintptr_t)pyrs_exchange_state(exchange);

    (void)endpoint;
    if (sent == rest.length || pyrs_exchange_flow(exchange) == PYRS_FLOW_GONE) {
        pyrs_exchange_end(exchange, true);
        return;
    }
    pyrs_exchange_send(exchange, (struct pyrs_slice){rest.bytes + sent, 1}, NULL, NULL);
    pyrs_exchange_set_state(exchange, (void *)(uintptr_t)(sent + 1));
}

static void path_in_pieces(struct pyrs_endpoint *endpoint,
                           struct pyrs_exchange *exchange)
{
    (void)endpoint;
    pyrs_exchange_begin(exchange, &(struct pyrs_response){.status = 200},
                        (int64_t)pyrs_exchange_path(exchange).length);
}

/* ---- what is deferred, and answered between two turns ---- */

struct deferred {
    struct pyrs_exchange
        *exchange; /* one at a time: those of a connection have order */
    bool is_echo;
    int turns; /* until something is done about it */
    char body[100000 + 777];
    size_t length;
};

static struct deferred deferred;

static void defer(struct pyrs_exchange *exchange, bool is_echo)
{
    assert(!deferred.exchange);
    deferred.is_echo = is_echo;
    deferred.exchange = exchange;
    deferred.length = 0;
    deferred.turns = (int)(pyrs_exchange_path(exchange).length % 3);
    if (!pyrs_exchange_defer(exchange))
        abort();
}

static void defer_echo(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    defer(exchange, true);
}

static void defer_path(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    defer(exchange, false);
}

static void look_sooner(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange,
                        enum pyrs_event event)
{
    (void)endpoint;
    (void)event;
    assert(deferred.exchange == exchange);
    deferred.turns = 0;
}

static void answer_deferred(void)
{
    struct pyrs_exchange *exchange = deferred.exchange;
    struct pyrs_response response = {.status = 200};

    deferred.exchange = NULL;
    response.body = pyrs_exchange_path(exchange);
    if (deferred.is_echo) {
        response.content_type = pyrs_exchange_header(exchange, PYRS_TEXT("x-probe"));
        response.body = (struct pyrs_slice){deferred.body, deferred.length};
    }
    if (response.body.length % 2 == 0) {
        pyrs_exchange_respond(exchange, &response);
        return;
    }
    pyrs_exchange_begin(exchange, &response, (int64_t)response.body.length);
    pyrs_exchange_send(exchange, response.body, NULL, NULL);
    pyrs_exchange_end(exchange, true);
}

static void work_on_deferred(void)
{
    int64_t n;

    if (!deferred.exchange || deferred.turns-- > 0)
        return;
    deferred.turns = 2;
    n = pyrs_exchange_read(deferred.exchange, deferred.body + deferred.length, 777,
                           false);
    if (n > 0)
        deferred.length += (size_t)n;
    assert(deferred.length <= 100000);
    if (n == PYRS_BODY_END) {
        answer_deferred();
    } else if (n == PYRS_BODY_GONE) {
        pyrs_exchange_end(deferred.exchange, false);
        deferred.exchange = NULL;
    }
}

/* ---- a site in three versions ---- */

enum { VERSIONS = 3 };

static const struct interpreter INTERPRETER = {attach, detach, nothing, NULL};
static const struct endpoint_class CLASSES[VERSIONS][2] = {
    {{.answer = echo, .free = keep}, {.answer = path, .free = keep}},
    {{.interpreter = &INTERPRETER, .answer = echo, .free = keep},
     {.interpreter = &INTERPRETER,
      .answer = path_in_pieces,
      .proceed = go_on,
      .free = keep}},
    {{.interpreter = &INTERPRETER,
      .answer = defer_echo,
      .free = keep,
      .notify = look_sooner},
     {.interpreter = &INTERPRETER,
      .answer = defer_path,
      .free = keep,
      .notify = look_sooner}},
};

static struct service *make_service(int version)
{
    static struct site sites[VERSIONS];
    static struct pyrs_endpoint endpoints[VERSIONS][2];
    static struct service services[VERSIONS];
    struct site *site = &sites[version];
    int code;

    pyrs_settings_init(&site->settings);
    site->settings.body_bytes_max = 100000;
    site->settings.body_memory_bytes_max = 1000;
    site->head_limits = (struct head_limits){1024, 4096, 16};
    site->settings.head_bytes_max = 4096;
    site->settings.headers_max = 16;
    site->log = log_open("/dev/null", PYRS_LOG_ERROR, LOG_DATED);
    site->router = router_new();
    site->interpreter = version ? &INTERPRETER : NULL;
    for (int i = 0; i < 2; i++)
        endpoints[version][i].class = &CLASSES[version][i];
    if (!router_add(site->router, "/echo", "GET,POST",
                    &(struct route_answer){&endpoints[version][0],
                                           {.stream_body = version == 2}},
                    NULL) ||
        !router_add(site->router, "/*", NULL,
                    &(struct route_answer){&endpoints[version][1], {0}}, NULL) ||
        !service_init(&services[version], site, &code))
        abort();
    return &services[version];
}

/* ---- one conversation ---- */

static void collect(int client, struct answers *answers)
{
    ssize_t n;

    while ((n = recv(client, answers->bytes + answers->length,
                     OUTPUT_BYTES_MAX - answers->length, MSG_DONTWAIT)) > 0)
        answers->length += (size_t)n;
}

static void turns(struct service *service, int client, struct answers *answers)
{
    for (int i = 0; i < 6; i++) {
        loop_turn(&service->loop, false);
        work_on_deferred();
        collect(client, answers);
    }
}

/* All of it, however slowly the other side reads. */
static void send_all(struct service *service, int client, const uint8_t *bytes,
                     size_t length, struct answers *answers)
{
    while (length > 0) {
        ssize_t n = send(client, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            bytes += n;
            length -= (size_t)n;
        }
        turns(service, client, answers);
        if (n < 0 && counter_read(&service->loop.counters.connections_open) == 0)
            return;
    }
}

static struct answers converse(struct service *service, const uint8_t *bytes,
                               size_t length, const uint8_t *cuts, int cut_count)
{
    static struct connection_limit limit = {.max = 1000};
    struct answers answers = {.bytes = malloc(OUTPUT_BYTES_MAX)};
    union socket_address peer = {.any.sa_family = AF_UNIX};
    size_t sent = 0;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
        abort();
    limit.open++;
    connection_open(&service->loop, pair[0], &peer, NULL, &limit);
    for (int i = 0; i < cut_count; i++) {
        size_t end = sent + (length - sent) * cuts[i] / 256;

        send_all(service, pair[1], bytes + sent, end - sent, &answers);
        sent = end;
    }
    send_all(service, pair[1], bytes + sent, length - sent, &answers);
    shutdown(pair[1], SHUT_WR);
    for (int i = 0;
         i < 1000 && counter_read(&service->loop.counters.connections_open) > 0; i++)
        turns(service, pair[1], &answers);
    collect(pair[1], &answers);
    close(pair[1]);
    assert(counter_read(&service->loop.counters.connections_open) == 0);
    assert(counter_read(&service->counters.exchanges_open) == 0);
    return answers;
}

/* ---- comparing ---- */

/* Interim responses depend on what has arrived, dates on the clock. */
static void drop(struct answers *answers, const char *from, size_t length)
{
    char *found;

    while ((found = memmem(answers->bytes, answers->length, from, strlen(from)))) {
        size_t behind = answers->length - (size_t)(found - answers->bytes);
        size_t dropped = length < behind ? length : behind;

        memmove(found, found + dropped, behind - dropped);
        answers->length -= dropped;
    }
}

static void normalise(struct answers *answers)
{
    assert(answers->length == 0 || memcmp(answers->bytes, "HTTP/1.1 ", 9) == 0);
    drop(answers, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    drop(answers, "Date: ", 6 + HTTP_DATE_BYTES + 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

/* A body that the client's end cuts short gets no answer, except where its endpoint
 * runs already: there it is a 400. */
static void drop_last_400(struct answers *answers, size_t length)
{
    if (answers->length > length &&
        memcmp(answers->bytes + length, "HTTP/1.1 400 ", 13) == 0)
        answers->length = length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    static struct service *services[VERSIONS];
    struct answers answers[VERSIONS + 1];

    if (length < CUTS)
        return 0;
    for (int i = 0; i < VERSIONS && !services[VERSIONS - 1]; i++)
        services[i] = make_service(i);
    answers[0] = converse(services[0], data + CUTS, length - CUTS, data, 0);
    for (int i = 0; i < VERSIONS; i++)
        answers[i + 1] = converse(services[i], data + CUTS, length - CUTS, data, CUTS);
    for (int i = 0; i <= VERSIONS; i++)
        normalise(&answers[i]);
    drop_last_400(&answers[VERSIONS], answers[0].length);
    for (int i = 1; i <= VERSIONS; i++)
        if (answers[0].length != answers[i].length ||
            memcmp(answers[0].bytes, answers[i].bytes, answers[0].length) != 0) {
            fprintf(stderr, "--- 0\n%.*s\n--- %d\n%.*s\n", (int)answers[0].length,
                    answers[0].bytes, i, (int)answers[i].length, answers[i].bytes);
            abort();
        }
    for (int i = 0; i <= VERSIONS; i++)
        free(answers[i].bytes);
    return 0;
}
