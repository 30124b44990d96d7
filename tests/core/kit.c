/* kit.c - see kit.h. */
#include "kit.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <time.h>

/* More than any case needs; a case that never ends fails here. */
enum { TURNS_MAX = 20000 };

int run_cases(const struct test_case *cases, size_t case_count, char **arguments)
{
    for (size_t i = 0; i < case_count; i++) {
        if (!arguments[1])
            puts(cases[i].name);
        else if (strcmp(arguments[1], cases[i].name) == 0)
            cases[i].run();
    }
    return 0;
}

/* ---- a site ---- */

static _Thread_local bool attached;

static void *attach(void *context)
{
    CHECK(!attached);
    attached = true;
    return context;
}

static void detach(void *context, void *given)
{
    CHECK(attached && context == given);
    attached = false;
}

static void nothing(void *context)
{
    (void)context;
}

void keep_endpoint(struct pyrs_endpoint *endpoint)
{
    (void)endpoint;
}

const struct interpreter INTERPRETER = {attach, detach, nothing, NULL};

struct site site;
struct service service;

static struct connection_limit limit = {.max = 2000};
static char log_path[] = "/tmp/pyrs-case-XXXXXX";
static const char *expected_log;

void prepare(void)
{
    pyrs_settings_init(&site.settings);
}

void start(void)
{
    int log_file = mkstemp(log_path);
    int code;

    CHECK(log_file >= 0);
    close(log_file);
    site.head_limits = (struct head_limits){
        .request_line_bytes_max = site.settings.request_line_bytes_max,
        .head_bytes_max = site.settings.head_bytes_max,
        .headers_max = site.settings.headers_max,
    };
    site.log = log_open(log_path, PYRS_LOG_WARNING, LOG_DATED);
    site.router = router_new();
    site.interpreter = &INTERPRETER;
    CHECK(service_init(&service, &site, &code));
}

void add_route(const char *pattern, struct pyrs_endpoint *endpoint)
{
    CHECK(router_add(site.router, pattern, NULL,
                     &(struct route_answer){.endpoint = endpoint}, NULL));
}

void add_stream_route(const char *pattern, struct pyrs_endpoint *endpoint)
{
    CHECK(router_add(
        site.router, pattern, NULL,
        &(struct route_answer){.endpoint = endpoint, .options = {.stream_body = true}},
        NULL));
}

void expect_log(const char *text)
{
    expected_log = text;
}

static void look_at_log(void)
{
    static char text[64 * 1024];
    FILE *file = fopen(log_path, "r");

    CHECK(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    unlink(log_path);
    if (expected_log ? !strstr(text, expected_log) : *text != '\0') {
        fprintf(stderr, "the log: %s\n", text);
        exit(1);
    }
}

void look_for_leftovers(void)
{
    CHECK(counter_read(&service.loop.counters.connections_open) == 0);
    CHECK(counter_read(&service.counters.exchanges_open) == 0);
    CHECK(atomic_load(&limit.open) == 0);
    service_fini(&service);
    router_free(site.router);
    log_close(site.log);
    look_at_log();
}

void finish(void)
{
    loop_stop_at_once(&service.loop);
    CHECK(loop_run(&service.loop));
    look_for_leftovers();
}

uint64_t response_count(int class)
{
    return counter_read(&service.counters.responses[class]);
}

uint64_t late_response_count(void)
{
    return counter_read(&service.counters.late_responses);
}

/* ---- time ---- */

void sleep_ms(uint32_t ms)
{
    nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

void turns(int count)
{
    for (int i = 0; i < count; i++)
        CHECK(loop_turn(&service.loop, false));
}

void turns_for_ms(uint32_t ms)
{
    uint64_t end_ns = uv_hrtime() + ms * 1000000ull;

    while (uv_hrtime() < end_ns) {
        turns(1);
        sleep_ms(5);
    }
    turns(1); /* what is due by now has been looked at, however long the sleeps took */
}

int wake_ups(void)
{
    uint64_t end_ns = uv_hrtime() + 400 * 1000000ull;
    int count = 0;

    for (; uv_hrtime() < end_ns && count < 1000; count++)
        CHECK(loop_turn(&service.loop, true));
    return count;
}

/* ---- clients ---- */

static void give_to_loop(int fd, const union socket_address *peer)
{
    atomic_fetch_add(&limit.open, 1);
    connection_open(&service.loop, fd, peer, NULL, &limit);
}

int connect_client(void)
{
    union socket_address peer = {.any.sa_family = AF_UNIX};
    int small = 4096;
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    give_to_loop(pair[0], &peer);
    return pair[1];
}

int connect_by_tcp(void)
{
    union socket_address address = {.ipv4 = {.sin_family = AF_INET}};
    socklen_t length = sizeof address.ipv4;
    int small = 4096;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int accepted;

    address.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listening, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    CHECK(listening >= 0 && client >= 0 && bind(listening, &address.any, length) == 0);
    CHECK(listen(listening, 1) == 0);
    CHECK(getsockname(listening, &address.any, &length) == 0);
    CHECK(connect(client, &address.any, length) == 0 || errno == EINPROGRESS);
    accepted = accept4(listening, &address.any, &length, SOCK_NONBLOCK);
    CHECK(accepted >= 0);
    close(listening);
    give_to_loop(accepted, &address);
    return client;
}

int connect_to_port(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int client = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(client >= 0);
    CHECK(connect(client, (struct sockaddr *)&address, sizeof address) == 0);
    return client;
}

void reset_client(int client)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    uint32_t open = atomic_load(&limit.open);

    setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(client);
    for (int i = 0; atomic_load(&limit.open) == open; i++) {
        CHECK(i < TURNS_MAX);
        turns(1);
    }
    turns(2);
}

void say(int client, const char *text)
{
    size_t length = strlen(text);

    CHECK(send(client, text, length, MSG_NOSIGNAL) == (ssize_t)length);
    turns(4);
}

size_t push(int client, const char *bytes, size_t length)
{
    size_t sent = 0;
    int refusals = 0;

    while (sent < length && refusals < 8) {
        ssize_t n = send(client, bytes + sent, length - sent, MSG_NOSIGNAL);

        if (n > 0)
            sent += (size_t)n;
        refusals = n > 0 ? 0 : refusals + 1;
        turns(2);
    }
    return sent;
}

/* False: nothing is there, nor will be. */
static bool hear(int client, struct answers *answers, size_t room)
{
    ssize_t n = recv(client, answers->bytes + answers->length, room, 0);

    if (n > 0)
        answers->length += (size_t)n;
    answers->ended |= n == 0;
    answers->reset |= n < 0 && errno == ECONNRESET;
    return n > 0;
}

void listen_for_rest(int client, struct answers *answers)
{
    while (hear(client, answers, ANSWERS_BYTES_MAX - answers->length))
        ;
}

void listen_for(int client, struct answers *answers, int count)
{
    for (int i = 0; i < count; i++) {
        turns(1);
        listen_for_rest(client, answers);
    }
}

void listen_in_bits(int client, struct answers *answers, int count)
{
    for (int i = 0; i < count; i++) {
        hear(client, answers, 4096);
        turns(1);
    }
}

void listen_until(int client, struct answers *answers, size_t length)
{
    for (int i = 0; answers->length < length; i++) {
        CHECK(i < TURNS_MAX && !answers->ended && !answers->reset);
        listen_in_bits(client, answers, 1);
    }
}

void listen_until_end(int client, struct answers *answers)
{
    for (int i = 0; !answers->ended && !answers->reset; i++) {
        struct pollfd readable = {.fd = client, .events = POLLIN};

        CHECK(i < TURNS_MAX);
        turns(1);
        if (poll(&readable, 1, 1) > 0)
            hear(client, answers, ANSWERS_BYTES_MAX - answers->length);
    }
}

int count_of(const struct answers *answers, const char *text)
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

bool ends_with(const struct answers *answers, const char *text)
{
    size_t length = strlen(text);

    return answers->length >= length &&
           memcmp(answers->bytes + answers->length - length, text, length) == 0;
}

/* ---- an endpoint that defers ---- */

struct later laters[LATER_MAX];
_Atomic int later_count;

static void defer(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    struct later *later = &laters[atomic_load(&later_count)];

    (void)endpoint;
    CHECK(attached && later < laters + LATER_MAX);
    later->exchange = exchange;
    pyrs_exchange_set_state(exchange, later);
    CHECK(pyrs_exchange_defer(exchange));
    atomic_fetch_add(&later_count, 1);
}

static void note(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange,
                 enum pyrs_event event)
{
    struct later *later = pyrs_exchange_state(exchange);

    (void)endpoint;
    CHECK(later->exchange == exchange);
    atomic_fetch_add(event == PYRS_EVENT_SENT   ? &later->sent
                     : event == PYRS_EVENT_BODY ? &later->body
                     : event == PYRS_EVENT_GONE ? &later->gone
                                                : &later->finished,
                     1);
}

static const struct endpoint_class LATER_CLASS = {.interpreter = &INTERPRETER,
                                                  .answer = defer,
                                                  .free = keep_endpoint,
                                                  .notify = note};
static const struct endpoint_class PATIENT_CLASS = {.patient = true,
                                                    .interpreter = &INTERPRETER,
                                                    .answer = defer,
                                                    .free = keep_endpoint,
                                                    .notify = note};
struct pyrs_endpoint later_endpoint = {&LATER_CLASS};
struct pyrs_endpoint patient_endpoint = {&PATIENT_CLASS};

void respond_later(struct later *later, struct pyrs_slice body)
{
    pyrs_exchange_respond(later->exchange,
                          &(struct pyrs_response){.status = 200, .body = body});
}

_Atomic int released;

void release(void *owner)
{
    (void)owner;
    atomic_fetch_add(&released, 1);
}
