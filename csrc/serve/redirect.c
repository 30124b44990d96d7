/* redirect.c - see redirect.h. */
#include "redirect.h"

#include <assert.h>
#include <stdlib.h>

#include "body_stream.h"
#include "http1.h"
#include "mail.h"
#include "status_page.h"
#include "steps.h"

/* More than sites have, few enough to end a circle soon. */
enum { REDIRECTS_MAX = 10 };

static struct pyrs_endpoint *page_of(const struct pyrs_exchange *exchange,
                                     uint16_t status)
{
    assert(status >= ERROR_STATUS_MIN && status <= ERROR_STATUS_MAX);
    return http1_service(exchange->http1)->site->error_pages[status - ERROR_STATUS_MIN];
}

void redirect_post(struct pyrs_exchange *exchange, slice target)
{
    struct mail *mail = mail_of_redirect(exchange, target);

    if (mail)
        mail_post(http1_service(exchange->http1), mail);
    else
        pyrs_exchange_end(exchange, false);
}

bool redirect_post_page(struct pyrs_exchange *exchange, uint16_t status)
{
    struct mail *mail;

    if (!page_of(exchange, status) ||
        (exchange->runner && !pyrs_exchange_defer(exchange)))
        return false;
    mail = mail_new(MAIL_ERROR_PAGE, exchange);
    mail->status = status;
    mail_post(http1_service(exchange->http1), mail);
    return true;
}

/* ---- the request that the client could have sent ---- */

/* What told of the body, or asked for a condition that was meant for another method. */
static bool is_left_out(const struct pyrs_exchange *exchange, slice name)
{
    static const slice ALWAYS[] = {{"content-length", 14},
                                   {"content-type", 12},
                                   {"content-encoding", 16},
                                   {"transfer-encoding", 17},
                                   {"expect", 6}};
    static const slice OF_OTHERS[] = {
        {"if-match", 8},           {"if-none-match", 13},
        {"if-modified-since", 17}, {"if-unmodified-since", 19},
        {"if-range", 8},           {"range", 5}};
    bool reads =
        exchange->head.method == METHOD_GET || exchange->head.method == METHOD_HEAD;

    for (size_t i = 0; i < sizeof ALWAYS / sizeof *ALWAYS; i++)
        if (slice_equal_ignoring_case(name, ALWAYS[i]))
            return true;
    for (size_t i = 0; !reads && i < sizeof OF_OTHERS / sizeof *OF_OTHERS; i++)
        if (slice_equal_ignoring_case(name, OF_OTHERS[i]))
            return true;
    return false;
}

static char *put(char *out, slice text)
{
    memcpy(out, text.bytes, text.length);
    return out + text.length;
}

static size_t room_for_head(const struct pyrs_exchange *exchange, slice target)
{
    size_t room = target.length + sizeof "HEAD  HTTP/1.1\r\n\r\n";

    for (uint32_t i = 0; i < exchange->head.header_count; i++)
        room +=
            exchange->headers[i].name.length + exchange->headers[i].value.length + 4;
    return room;
}

static char *write_head(char *out, const struct pyrs_exchange *exchange, slice target)
{
    bool is_head = exchange->head.method == METHOD_HEAD;

    out = put(out, is_head ? SLICE("HEAD ") : SLICE("GET "));
    out = put(out, target);
    out = put(out, exchange->head.version_minor > 0 ? SLICE(" HTTP/1.1\r\n")
                                                    : SLICE(" HTTP/1.0\r\n"));
    for (uint32_t i = 0; i < exchange->head.header_count; i++) {
        slice name = span_in(exchange->bytes, exchange->headers[i].name);

        if (is_left_out(exchange, name))
            continue;
        out = put(out, name);
        out = put(out, SLICE(": "));
        out = put(out, span_in(exchange->bytes, exchange->headers[i].value));
        out = put(out, SLICE("\r\n"));
    }
    return put(out, SLICE("\r\n"));
}

/* ---- the exchange ---- */

/* If it is still coming, the connection cannot be read on behind it. */
static void forget_body(struct pyrs_exchange *exchange)
{
    struct http1 *http1 = exchange->http1;

    if (http1->reading == exchange) {
        http1->reading = NULL;
        http1->reading_body = false;
        http1->no_more = http1->linger = exchange->last = true;
    }
    if (exchange->has_incoming)
        body_fini(&exchange->incoming);
    exchange->has_incoming = false;
    body_stream_free(exchange->stream);
    exchange->stream = NULL;
    exchange->body = slice_of(NULL, 0);
    exchange->body_read = 0;
}

/* As one that no endpoint has seen; its number, its time and its client stay. */
static void begin_anew(struct pyrs_exchange *exchange)
{
    steps_come_home(exchange);
    exchange->started = exchange->notified_gone = exchange->body_untold = false;
    exchange->answered = exchange->told_gone = exchange->on_trial = false;
    exchange->runner = NULL;
    exchange->state = NULL;
    exchange->allow = slice_of(NULL, 0);
    exchange->match.route = NULL;
    exchange->match.param_count = 0;
}

/* To `end`, in the block that will be kept: what the access log names. */
static void keep_asked(struct pyrs_exchange *exchange, char *end)
{
    slice asked = exchange_request_line(exchange);

    (void)put(end, asked);
    exchange->asked = slice_of(end, asked.length);
}

/* The head at `block`, and the path behind it: both, and what else it has, are the
 * exchange's from now on. */
static bool take_head(struct pyrs_exchange *exchange, char *block, size_t head_bytes)
{
    const struct site *site = http1_service(exchange->http1)->site;
    struct reject why;
    size_t length;

    free(exchange->kept);
    if (exchange->slab)
        loop_give_back_input(exchange->slab);
    exchange->slab = NULL;
    exchange->kept = block;
    exchange->bytes = block;
    exchange->path = slice_of(block, 0);
    exchange->progress = (struct head_progress){0};
    if (request_head_parse(slice_of(block, head_bytes), &site->head_limits,
                           &exchange->progress, &exchange->head, &why) != HEAD_DONE ||
        exchange->head.bytes != head_bytes)
        return false;
    if (exchange->head.target.form != TARGET_ORIGIN ||
        !target_resolve_path(span_in(block, exchange->head.target.path),
                             block + head_bytes, &length, &why))
        return false;
    exchange->path = slice_of(block + head_bytes, length);
    return true;
}

static void answer_with_page(struct pyrs_exchange *exchange, uint16_t status)
{
    exchange->endpoint = status_page();
    exchange->status = status;
}

void redirect(struct pyrs_exchange *exchange, slice target)
{
    size_t room = room_for_head(exchange, target) + target.length + 1;
    char *block = malloc(room + exchange_request_line(exchange).length);
    size_t head_bytes;

    forget_body(exchange);
    begin_anew(exchange);
    if (!block || ++exchange->redirects > REDIRECTS_MAX) {
        pyrs_exchange_log(exchange, PYRS_LOG_ERROR,
                          PYRS_TEXT("redirected too often within the server"));
        free(block);
        answer_with_page(exchange, 500);
        return;
    }
    head_bytes = (size_t)(write_head(block, exchange, target) - block);
    keep_asked(exchange, block + room);
    if (take_head(exchange, block, head_bytes)) {
        http1_find_endpoint(exchange, http1_service(exchange->http1)->site);
        return;
    }
    exchange->bytes = "";
    exchange->head = (struct request_head){.headers = exchange->headers,
                                           .method = exchange->head.method,
                                           .version_minor = 1};
    pyrs_exchange_log(exchange, PYRS_LOG_ERROR,
                      PYRS_TEXT("redirected within the server to what is no target"));
    answer_with_page(exchange, 502);
}

void redirect_to_page(struct pyrs_exchange *exchange, uint16_t status)
{
    forget_body(exchange);
    begin_anew(exchange);
    exchange->endpoint = page_of(exchange, status);
    exchange->status = status;
}
