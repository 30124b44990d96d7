/* A head means the same to every scanner and wherever it is cut; an accepted one ends
 * at its first empty line, has its parts where they belong, and does not depend on what
 * follows.
 */
#include "fuzz.h"

#include <http/request_head.h>
#include <http/scan.h>

enum { HEADERS_MAX = 12 };

struct outcome {
    enum head_result result;
    struct reject reject;     /* if rejected */
    struct request_head head; /* if done; headers point to the array below */
    struct header headers[HEADERS_MAX];
};

static const struct head_limits limits = {
    .request_line_bytes_max = 100,
    .head_bytes_max = 400,
    .headers_max = HEADERS_MAX,
};

/* `given` bytes at first, then up to `step` more each time. */
static struct outcome parse(slice bytes, size_t given, size_t step)
{
    struct outcome outcome = {.result = HEAD_MORE};
    struct head_progress progress = {0};

    outcome.head.headers = outcome.headers;
    for (;;) {
        slice piece = exact_copy(bytes.bytes, given);
        outcome.result = request_head_parse(piece, &limits, &progress, &outcome.head,
                                            &outcome.reject);
        free_copy(piece);
        if (outcome.result != HEAD_MORE || given == bytes.length)
            return outcome;
        given = bytes.length - given < step ? bytes.length : given + step;
    }
}

static bool spans_equal(span a, span b)
{
    return a.offset == b.offset && a.length == b.length;
}

static void check_same_target(const struct target *a, const struct target *b)
{
    CHECK(a->form == b->form);
    CHECK(spans_equal(a->path, b->path));
    CHECK(spans_equal(a->query, b->query));
    CHECK(spans_equal(a->authority, b->authority));
    CHECK(a->path_is_resolved == b->path_is_resolved);
}

static void check_same_head(const struct request_head *a, const struct request_head *b)
{
    CHECK(a->bytes == b->bytes);
    CHECK(a->method == b->method);
    CHECK(spans_equal(a->method_name, b->method_name));
    CHECK(spans_equal(a->raw_target, b->raw_target));
    check_same_target(&a->target, &b->target);
    CHECK(a->version_minor == b->version_minor);
    CHECK(a->keep_alive == b->keep_alive);
    CHECK(a->expect_continue == b->expect_continue);
    CHECK(a->framing == b->framing);
    CHECK(a->content_length == b->content_length);
    CHECK(spans_equal(a->host, b->host));
    CHECK(a->header_count == b->header_count);
    for (uint32_t i = 0; i < a->header_count; i++) {
        CHECK(spans_equal(a->headers[i].name, b->headers[i].name));
        CHECK(spans_equal(a->headers[i].value, b->headers[i].value));
    }
}

static void check_same(struct outcome *a, struct outcome *b)
{
    a->head.headers = a->headers; /* the outcomes have moved */
    b->head.headers = b->headers;
    CHECK(a->result == b->result);
    if (a->result == HEAD_REJECTED) {
        CHECK(a->reject.reason == b->reject.reason);
        CHECK(a->reject.offset == b->reject.offset);
    }
    if (a->result == HEAD_DONE)
        check_same_head(&a->head, &b->head);
}

/* ---- an accepted head ---- */

static void check_header(slice bytes, const struct header *header, const char *line)
{
    slice name = span_in(bytes.bytes, header->name);
    slice value = span_in(bytes.bytes, header->value);

    CHECK(name.bytes == line && name.length > 0);
    CHECK(name.bytes[name.length] == ':');
    CHECK(value.bytes > name.bytes + name.length);
    CHECK(memchr(value.bytes, '\n', value.length) == NULL);
    CHECK(memchr(value.bytes, '\r', value.length) == NULL);
    CHECK(memchr(value.bytes, '\0', value.length) == NULL);
}

static void check_lines(slice bytes, const struct request_head *head)
{
    const char *line = bytes.bytes + head->method_name.offset;

    CHECK(head->method_name.offset == 0 || head->method_name.offset == 2);
    for (uint32_t i = 0; i < head->header_count; i++) {
        const char *line_end = memchr(line, '\n', head->bytes);

        line = line_end + 1;
        check_header(bytes, &head->headers[i], line);
    }
}

static void check_target(slice bytes, const struct request_head *head)
{
    slice path = span_in(bytes.bytes, head->target.path);
    char *resolved = malloc(path.length + 1);
    struct reject reject;
    size_t length;

    CHECK(target_resolve_path(path, resolved, &length, &reject));
    CHECK(head->target.path_is_resolved ==
          (length == path.length && memcmp(resolved, path.bytes, length) == 0));
    free(resolved);
}

static void check_accepted(slice bytes, const struct request_head *head)
{
    size_t start = head->method_name.offset;
    const char *end = memmem(bytes.bytes + start, bytes.length - start, "\r\n\r\n", 4);

    CHECK(end != NULL && bytes.bytes + head->bytes == end + 4);
    check_lines(bytes, head);
    check_target(bytes, head);
    CHECK(head->content_length >= 0);
    CHECK(head->framing == BODY_LENGTH || head->content_length == 0);
    CHECK(!head->expect_continue || head->framing != BODY_NONE);
    CHECK(head->version_minor == 0 || head->host.length > 0);
}

/* A byte less is unfinished, and the rest of the input does not matter. */
static void check_end(slice bytes, struct outcome *whole)
{
    struct outcome shorter = parse(bytes, whole->head.bytes - 1, 1);
    struct outcome alone =
        parse(slice_of(bytes.bytes, whole->head.bytes), whole->head.bytes, 1);
    slice unfinished = slice_of(bytes.bytes, whole->head.bytes - 1);

    check_same(whole, &shorter);
    check_same(whole, &alone);
    CHECK(parse(unfinished, unfinished.length, 1).result == HEAD_MORE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    size_t cut = take_byte(data, &length) | (size_t)take_byte(data, &length) << 8;
    size_t step = take_byte(data, &length) % 40 + (size_t)1;
    slice bytes = slice_of((const char *)data, length);

    CHECK(scan_use(SCAN_PORTABLE));
    struct outcome reference = parse(bytes, length, 1);
    if (reference.result == HEAD_DONE)
        check_accepted(bytes, &reference.head);
    for (enum scan_variant variant = 0; variant < SCAN_VARIANT_COUNT; variant++) {
        if (!scan_use(variant))
            continue;
        struct outcome whole = parse(bytes, length, 1);
        struct outcome in_two = parse(bytes, length > 0 ? cut % length : 0, length);
        struct outcome in_steps = parse(bytes, 0, step);

        check_same(&reference, &whole);
        check_same(&reference, &in_two);
        check_same(&reference, &in_steps);
        if (whole.result == HEAD_DONE)
            check_end(bytes, &whole);
    }
    return 0;
}
