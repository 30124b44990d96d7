/* bridge_core.c - see bridge_core.h. */
#include "bridge/python.h"

#include "bridge_core.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { LENT_BYTES_MIN = 16 * 1024, ANSWERS_PER_ATTACH = 64 };

/* Bytes that were sent, and are looked at when the step is over. */
struct sent {
    struct sent *next;
    struct pyrs_slice bytes;
    void (*release)(void *owner); /* NULL: they are a copy */
    void *owner;
};

struct pyrs_exchange {
    struct made_request request;
    struct seen_answer *seen; /* NULL: nobody looks */
    uint32_t answers;
    bool is_copy;
    bool ended;
    void *state;
    struct sent *first, **last; /* in this step */
    size_t sent_in_step;
    int64_t sent_bytes;
    size_t body_read;
    bool has_waited;
};

/* ---- a request in memory of its own ---- */

/* malloc, so that a byte too many is seen by ASan; one for the empty slice. */
static struct pyrs_slice copy(struct pyrs_slice from)
{
    char *bytes = malloc(from.length ? from.length : 1);

    assert(bytes);
    if (from.length)
        memcpy(bytes, from.bytes, from.length);
    return (struct pyrs_slice){bytes, from.length};
}

static void drop(struct pyrs_slice slice)
{
    if (!slice.bytes)
        return;
    memset((char *)(uintptr_t)slice.bytes, 0xdd, slice.length);
    free((char *)(uintptr_t)slice.bytes);
}

static uint32_t pair_count(const struct made_request *request)
{
    return request->header_count + request->param_count;
}

static struct made_request request_copy(const struct made_request *from)
{
    struct made_request to = *from;

    to.method = copy(from->method);
    to.raw_path = copy(from->raw_path);
    to.path = copy(from->path);
    to.query = copy(from->query);
    to.body = copy(from->body);
    to.pairs = malloc((pair_count(from) + 1) * sizeof *to.pairs);
    assert(to.pairs);
    for (uint32_t i = 0; i < pair_count(from); i++)
        to.pairs[i] = (struct made_pair){
            copy(from->pairs[i].name), copy(from->pairs[i].value), from->pairs[i].kind};
    return to;
}

static void request_drop(struct made_request *request)
{
    drop(request->method);
    drop(request->raw_path);
    drop(request->path);
    drop(request->query);
    drop(request->body);
    for (uint32_t i = 0; i < pair_count(request); i++) {
        drop(request->pairs[i].name);
        drop(request->pairs[i].value);
    }
    free(request->pairs);
    memset(request, 0xdd, sizeof *request);
}

/* ---- pyrs.h ---- */

static void see(struct pyrs_exchange *exchange, const struct pyrs_response *response)
{
    struct seen_answer *seen = exchange->seen;

    seen->status = response->status;
    seen->content_type = copy(response->content_type);
    seen->fields = copy(response->fields);
}

static void keep_sent(struct pyrs_exchange *exchange, struct pyrs_slice bytes,
                      void (*release)(void *owner), void *owner)
{
    bool lent = release && bytes.length > LENT_BYTES_MIN;
    struct sent *sent;

    if (!lent && !exchange->seen) { /* nor is its cost measured */
        if (release)
            release(owner);
        return;
    }
    sent = malloc(sizeof *sent);
    assert(sent);
    *sent = (struct sent){NULL, lent ? bytes : copy(bytes), lent ? release : NULL,
                          lent ? owner : NULL};
    if (!exchange->first)
        exchange->last = &exchange->first;
    *exchange->last = sent;
    exchange->last = &sent->next;
    if (release && !lent)
        release(owner);
    if (exchange->seen)
        exchange->seen->lent |= lent;
}

/* Its first bytes are enough. */
static void keep_file(struct pyrs_exchange *exchange, int descriptor)
{
    char bytes[4096];
    ssize_t length = read(descriptor, bytes, sizeof bytes);

    assert(length >= 0);
    keep_sent(exchange, (struct pyrs_slice){bytes, (size_t)length}, NULL, NULL);
    close(descriptor);
}

void pyrs_exchange_respond(struct pyrs_exchange *exchange,
                           const struct pyrs_response *response)
{
    exchange->answers++;
    assert(exchange->answers == 1 || !exchange->is_copy);
    if (exchange->seen)
        see(exchange, response);
    if (response->file)
        keep_file(exchange, response->file->descriptor);
    keep_sent(exchange, response->body, response->release, response->owner);
    exchange->ended = true;
    if (exchange->is_copy)
        request_drop(&exchange->request);
}

/* ---- answers in pieces ---- */

static bool is_head(const struct pyrs_exchange *exchange)
{
    struct pyrs_slice method = exchange->request.method;

    return method.length == 4 && memcmp(method.bytes, "HEAD", 4) == 0;
}

enum pyrs_flow pyrs_exchange_flow(struct pyrs_exchange *exchange)
{
    const struct made_request *request = &exchange->request;

    if ((is_head(exchange) && exchange->answers > 0) ||
        (request->gone_after >= 0 && exchange->sent_bytes >= request->gone_after))
        return PYRS_FLOW_GONE;
    return request->room && exchange->sent_in_step >= request->room ? PYRS_FLOW_PAUSE
                                                                    : PYRS_FLOW_GO_ON;
}

bool pyrs_exchange_holds_loop(struct pyrs_exchange *exchange)
{
    (void)exchange;
    return true;
}

enum pyrs_flow pyrs_exchange_begin(struct pyrs_exchange *exchange,
                                   const struct pyrs_response *response,
                                   int64_t body_bytes)
{
    assert(body_bytes >= -1 && !response->release && !exchange->ended);
    exchange->answers++;
    assert(exchange->answers == 1);
    if (exchange->seen) {
        see(exchange, response);
        exchange->seen->begun = true;
    }
    return pyrs_exchange_flow(exchange);
}

enum pyrs_flow pyrs_exchange_send(struct pyrs_exchange *exchange,
                                  struct pyrs_slice bytes, void (*release)(void *owner),
                                  void *owner)
{
    assert(exchange->answers == 1 && !exchange->ended && bytes.length > 0);
    keep_sent(exchange, bytes, release, owner);
    exchange->sent_bytes += (int64_t)bytes.length;
    exchange->sent_in_step += bytes.length;
    if (exchange->seen)
        exchange->seen->pieces++;
    return pyrs_exchange_flow(exchange);
}

void pyrs_exchange_end(struct pyrs_exchange *exchange, bool complete)
{
    assert(!exchange->ended);
    assert(exchange->answers == 1 || pyrs_exchange_flow(exchange) == PYRS_FLOW_GONE);
    exchange->ended = true;
    if (exchange->seen)
        exchange->seen->complete = complete;
}

/* Nobody sends meanwhile: the WSGI endpoint is tested behind a real server. */
bool pyrs_exchange_wait(struct pyrs_exchange *exchange)
{
    (void)exchange;
    return false;
}

/* Nobody runs asyncio here: tests/http/test_async.py has the whole of it. */
bool pyrs_exchange_defer(struct pyrs_exchange *exchange)
{
    (void)exchange;
    return false;
}

void pyrs_batch_begin(void)
{
}

void pyrs_batch_end(void)
{
}

void *pyrs_exchange_state(const struct pyrs_exchange *exchange)
{
    return exchange->state;
}

void pyrs_exchange_set_state(struct pyrs_exchange *exchange, void *state)
{
    exchange->state = state;
}

/* ---- the request ---- */

bool pyrs_exchange_body_streams(const struct pyrs_exchange *exchange)
{
    return exchange->request.body_streams;
}

bool pyrs_exchange_body_may_stream(const struct pyrs_exchange *exchange)
{
    return exchange->request.body_streams;
}

bool pyrs_exchange_copy_body(const struct pyrs_exchange *exchange, size_t offset,
                             char *bytes, size_t length)
{
    memcpy(bytes, exchange->request.body.bytes + offset, length);
    return true;
}

/* Who does not wait finds nothing at first. */
int64_t pyrs_exchange_read(struct pyrs_exchange *exchange, char *bytes, size_t room,
                           bool wait)
{
    struct pyrs_slice body = exchange->request.body;
    size_t left = body.length - exchange->body_read;
    size_t piece = exchange->request.body_piece;

    assert(!exchange->ended && wait != (PyGILState_Check() == 1));
    exchange->has_waited ^= !wait;
    if (!wait && exchange->has_waited)
        return PYRS_BODY_WAIT;
    if (left == 0)
        return exchange->request.body_is_cut ? PYRS_BODY_GONE : PYRS_BODY_END;
    piece = piece && piece < left ? piece : left;
    piece = piece < room ? piece : room;
    memcpy(bytes, body.bytes + exchange->body_read, piece);
    exchange->body_read += piece;
    return (int64_t)piece;
}

struct pyrs_slice pyrs_exchange_method(const struct pyrs_exchange *exchange)
{
    return exchange->request.method;
}

struct pyrs_slice pyrs_exchange_raw_target(const struct pyrs_exchange *exchange)
{
    return exchange->request.raw_path;
}

struct pyrs_slice pyrs_exchange_raw_path(const struct pyrs_exchange *exchange)
{
    return exchange->request.raw_path;
}

struct pyrs_slice pyrs_exchange_path(const struct pyrs_exchange *exchange)
{
    return exchange->request.path;
}

struct pyrs_slice pyrs_exchange_rest(const struct pyrs_exchange *exchange)
{
    struct pyrs_slice path = exchange->request.path;

    return (struct pyrs_slice){path.bytes + path.length, 0};
}

struct pyrs_slice pyrs_exchange_query(const struct pyrs_exchange *exchange)
{
    return exchange->request.query;
}

struct pyrs_slice pyrs_exchange_body(const struct pyrs_exchange *exchange)
{
    if (exchange->request.body_streams)
        return (struct pyrs_slice){NULL, 0};
    return exchange->request.body;
}

uint32_t pyrs_exchange_version_minor(const struct pyrs_exchange *exchange)
{
    return exchange->request.version_minor;
}

uint32_t pyrs_exchange_header_count(const struct pyrs_exchange *exchange)
{
    return exchange->request.header_count;
}

void pyrs_exchange_header_at(const struct pyrs_exchange *exchange, uint32_t index,
                             struct pyrs_slice *name, struct pyrs_slice *value)
{
    assert(index < exchange->request.header_count);
    *name = exchange->request.pairs[index].name;
    *value = exchange->request.pairs[index].value;
}

static bool equal_ignoring_case(struct pyrs_slice a, struct pyrs_slice b)
{
    return a.length == b.length && strncasecmp(a.bytes, b.bytes, a.length) == 0;
}

struct pyrs_slice pyrs_exchange_header(const struct pyrs_exchange *exchange,
                                       struct pyrs_slice name)
{
    for (uint32_t i = 0; i < exchange->request.header_count; i++)
        if (equal_ignoring_case(exchange->request.pairs[i].name, name))
            return exchange->request.pairs[i].value;
    return (struct pyrs_slice){NULL, 0};
}

uint32_t pyrs_exchange_param_count(const struct pyrs_exchange *exchange)
{
    return exchange->request.param_count;
}

enum pyrs_param_kind pyrs_exchange_param_at(const struct pyrs_exchange *exchange,
                                            uint32_t index, struct pyrs_slice *name,
                                            struct pyrs_slice *value)
{
    const struct made_pair *pair;

    assert(index < exchange->request.param_count);
    pair = &exchange->request.pairs[exchange->request.header_count + index];
    *name = pair->name;
    *value = pair->value;
    return (enum pyrs_param_kind)pair->kind;
}

struct pyrs_slice pyrs_exchange_ends(const struct pyrs_exchange *exchange)
{
    static uint64_t asked; /* no two requests here have the same */

    (void)exchange;
    asked++;
    return (struct pyrs_slice){(const char *)&asked, sizeof asked};
}

uint16_t pyrs_exchange_client(const struct pyrs_exchange *exchange,
                              char address[PYRS_ADDRESS_BYTES])
{
    snprintf(address, PYRS_ADDRESS_BYTES, "%s", exchange->request.client);
    return exchange->request.client_port;
}

uint16_t pyrs_exchange_server(const struct pyrs_exchange *exchange,
                              char address[PYRS_ADDRESS_BYTES])
{
    snprintf(address, PYRS_ADDRESS_BYTES, "%s", exchange->request.server);
    return exchange->request.server_port;
}

void pyrs_exchange_log(struct pyrs_exchange *exchange, int level,
                       struct pyrs_slice message)
{
    struct seen_answer *seen = exchange->seen;

    if (!seen) /* may be after the answer, but in its step */
        return;
    seen->records++;
    seen->level = level;
    drop(seen->log);
    seen->log = copy(message);
}

/* Near enough to the core's: tokens are letters, digits and hyphens here. */
enum pyrs_field pyrs_field_of(struct pyrs_slice name)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-";

    for (size_t i = 0; i < name.length; i++)
        if (!name.bytes[i] || !strchr(token, name.bytes[i]))
            return PYRS_FIELD_MALFORMED;
    if (name.length == 0)
        return PYRS_FIELD_MALFORMED;
    if (equal_ignoring_case(name, PYRS_TEXT("Content-Type")))
        return PYRS_FIELD_CONTENT_TYPE;
    if (equal_ignoring_case(name, PYRS_TEXT("Content-Length")))
        return PYRS_FIELD_CONTENT_LENGTH;
    return PYRS_FIELD_OTHER;
}

bool pyrs_field_value_is_valid(struct pyrs_slice value)
{
    for (size_t i = 0; i < value.length; i++)
        if (((unsigned char)value.bytes[i] < 0x20 && value.bytes[i] != '\t') ||
            value.bytes[i] == 0x7f)
            return false;
    return true;
}

bool pyrs_field_is_valid(struct pyrs_slice name, struct pyrs_slice value)
{
    enum pyrs_field field = pyrs_field_of(name);

    return (field == PYRS_FIELD_OTHER || field == PYRS_FIELD_CONTENT_TYPE) &&
           pyrs_field_value_is_valid(value);
}

/* ---- asking ---- */

static void append(struct pyrs_slice *to, struct pyrs_slice more)
{
    char *grown = realloc((char *)(uintptr_t)to->bytes, to->length + more.length + 1);

    assert(grown);
    if (more.length)
        memcpy(grown + to->length, more.bytes, more.length);
    *to = (struct pyrs_slice){grown, to->length + more.length};
}

/* What was lent is looked at as late as the core would. */
static void drain(struct pyrs_exchange *exchange)
{
    while (exchange->first) {
        struct sent *sent = exchange->first;

        exchange->first = sent->next;
        if (exchange->seen)
            append(&exchange->seen->body, sent->bytes);
        if (sent->release)
            sent->release(sent->owner);
        else
            drop(sent->bytes);
        free(sent);
    }
    exchange->sent_in_step = 0;
}

struct step {
    struct pyrs_endpoint *endpoint;
    struct pyrs_exchange *exchange;
};

static void *run_step(void *argument)
{
    struct step *step = argument;
    struct pyrs_exchange *exchange = step->exchange;
    const struct endpoint_class *class = step->endpoint->class;
    const struct interpreter *interpreter = class->interpreter;
    void *attached = interpreter->attach(interpreter->context);
    bool is_first = exchange->answers == 0;
    bool on_threads = exchange->request.on_threads; /* gone with the answer */

    (is_first ? class->answer : class->proceed)(step->endpoint, exchange);
    interpreter->detach(interpreter->context, attached);
    attached = interpreter->attach(interpreter->context);
    drain(exchange);
    interpreter->detach(interpreter->context, attached);
    if (on_threads)
        interpreter->thread_end(interpreter->context);
    return NULL;
}

static void run_step_on_thread(struct step *step)
{
    pthread_t thread;
    int code = pthread_create(&thread, NULL, run_step, step);

    assert(code == 0);
    (void)code;
    pthread_join(thread, NULL);
}

struct seen_answer *ask(struct pyrs_endpoint *endpoint,
                        const struct made_request *request)
{
    struct seen_answer *seen = calloc(1, sizeof *seen);
    struct pyrs_exchange exchange = {
        .request = request_copy(request), .seen = seen, .is_copy = true};
    struct step step = {endpoint, &exchange};

    assert(seen);
    do {
        seen->steps++;
        if (request->on_threads)
            run_step_on_thread(&step);
        else
            run_step(&step);
    } while (!exchange.ended);
    seen->answers = exchange.answers;
    if (seen->begun)
        request_drop(&exchange.request);
    return seen;
}

void seen_answer_free(struct seen_answer *seen)
{
    drop(seen->content_type);
    drop(seen->fields);
    drop(seen->body);
    drop(seen->log);
    free(seen);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Gives how many were answered once. */
static uint32_t ask_attached(struct pyrs_endpoint *endpoint,
                             const struct made_request *request, uint32_t count)
{
    struct pyrs_exchange exchange;
    uint32_t answered = 0;

    exchange.request = *request;
    for (uint32_t i = 0; i < count; i++) {
        memset(&exchange.seen, 0,
               sizeof exchange - offsetof(struct pyrs_exchange, seen));
        endpoint->class->answer(endpoint, &exchange);
        drain(&exchange);
        while (!exchange.ended) {
            endpoint->class->proceed(endpoint, &exchange);
            drain(&exchange);
        }
        answered += exchange.answers == 1;
    }
    return answered;
}

static uint32_t ask_in_turns(struct pyrs_endpoint *endpoint,
                             const struct made_request *request, uint32_t count)
{
    const struct interpreter *interpreter = endpoint->class->interpreter;
    uint32_t answered = 0;

    for (uint32_t left = count; left > 0;) {
        uint32_t turn = left < ANSWERS_PER_ATTACH ? left : ANSWERS_PER_ATTACH;
        void *attached = interpreter->attach(interpreter->context);

        answered += ask_attached(endpoint, request, turn);
        interpreter->detach(interpreter->context, attached);
        left -= turn;
    }
    return answered;
}

uint64_t ask_often(struct pyrs_endpoint *endpoint, const struct made_request *request,
                   uint32_t count)
{
    uint64_t start_ns = now_ns();

    (void)ask_in_turns(endpoint, request, count);
    return now_ns() - start_ns;
}

struct asking {
    struct pyrs_endpoint *endpoint;
    const struct made_request *request;
    uint32_t count;
    pthread_t thread;
    uint32_t answered;
};

static void *run_asking(void *argument)
{
    struct asking *asking = argument;
    const struct interpreter *interpreter = asking->endpoint->class->interpreter;

    asking->answered = ask_in_turns(asking->endpoint, asking->request, asking->count);
    interpreter->thread_end(interpreter->context);
    return NULL;
}

bool ask_on_threads(struct pyrs_endpoint *endpoint, const struct made_request *request,
                    uint32_t threads, uint32_t count)
{
    struct asking *all = calloc(threads, sizeof *all);
    bool right = true;
    uint32_t started = 0;

    assert(all);
    for (; started < threads && right; started++) {
        all[started] = (struct asking){endpoint, request, count, 0, 0};
        right =
            pthread_create(&all[started].thread, NULL, run_asking, &all[started]) == 0;
    }
    for (uint32_t i = 0; i < started; i++) {
        pthread_join(all[i].thread, NULL);
        right = right && all[i].answered == count;
    }
    free(all);
    return right;
}

void endpoint_free(struct pyrs_endpoint *endpoint)
{
    endpoint->class->free(endpoint);
}
