/* A chunked body is accepted, unfinished or refused, and yields the same data, wherever
 * it is cut, and as a slow and obvious decoder says; a refusal is at the same byte.
 */
#include "fuzz.h"

#include <http/body_framing.h>

enum { BODY_BYTES_MAX = 300 };

struct outcome {
    enum chunked_result result; /* never CHUNKED_DATA */
    struct reject reject;       /* if rejected */
    size_t consumed;            /* if done */
    char *data;
    size_t data_length;
};

/* `given` bytes at first, then up to `step` each time. */
static struct outcome decode(slice bytes, size_t given, size_t step)
{
    struct outcome outcome = {.result = CHUNKED_MORE, .data = malloc(bytes.length + 1)};
    struct chunked_decoder decoder;

    chunked_init(&decoder, BODY_BYTES_MAX);
    for (;;) {
        size_t left = bytes.length - outcome.consumed;
        slice piece =
            exact_copy(bytes.bytes + outcome.consumed, given < left ? given : left);
        size_t consumed = 0;
        slice data;

        outcome.result =
            chunked_next(&decoder, piece, &consumed, &data, &outcome.reject);
        if (outcome.result == CHUNKED_DATA) {
            CHECK(data.length > 0);
            CHECK(data.bytes >= piece.bytes);
            CHECK(data.bytes + data.length == piece.bytes + consumed);
            memcpy(outcome.data + outcome.data_length, data.bytes, data.length);
            outcome.data_length += data.length;
        }
        if (outcome.result == CHUNKED_MORE)
            CHECK(consumed == piece.length);
        outcome.consumed += outcome.result == CHUNKED_REJECTED ? 0 : consumed;
        free_copy(piece);
        given = step;
        if (outcome.result == CHUNKED_DONE || outcome.result == CHUNKED_REJECTED)
            break;
        if (outcome.consumed == bytes.length) {
            outcome.result = CHUNKED_MORE;
            break;
        }
    }
    CHECK(decoder.total == outcome.data_length);
    CHECK(decoder.total <= BODY_BYTES_MAX);
    return outcome;
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    CHECK(a->result == b->result);
    CHECK(a->data_length == b->data_length);
    CHECK(memcmp(a->data, b->data, a->data_length) == 0);
    if (a->result == CHUNKED_REJECTED) {
        CHECK(a->reject.reason == b->reject.reason);
        CHECK(a->reject.offset == b->reject.offset);
    }
    if (a->result == CHUNKED_DONE)
        CHECK(a->consumed == b->consumed);
}

/* ---- the obvious decoder: line by line, over all bytes at once ---- */

struct obvious {
    const char *at;
    const char *end;
    struct outcome outcome;
};

static bool is_token_char(char c)
{
    return c != '\0' && strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                               c) != NULL;
}

static bool is_text_char(char c)
{
    return c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7f);
}

static const char *skip_token(const char *p, const char *end)
{
    while (p < end && is_token_char(*p))
        p++;
    return p;
}

static const char *skip_quoted(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\\' && ++p == end)
            return NULL;
        if (!is_text_char(*p))
            return NULL;
    }
    return p < end ? p + 1 : NULL;
}

static bool extensions_are_valid(const char *p, const char *end)
{
    if (end - p > CHUNK_EXTENSION_BYTES_MAX)
        return false;
    while (p != NULL && p < end) {
        const char *name = p + 1;

        if (*p != ';' || (p = skip_token(name, end)) == name)
            return false;
        if (p == end || *p != '=')
            continue;
        const char *value = p + 1;
        p = value < end && *value == '"' ? skip_quoted(value, end)
                                         : skip_token(value, end);
        if (p == value)
            return false;
    }
    return p != NULL;
}

/* False: the line is not there or, if *faulty, must not be. */
static bool take_line(struct obvious *decoder, slice *line, bool *faulty)
{
    const char *p = decoder->at;

    while (p < decoder->end && is_text_char(*p))
        p++;
    *line = slice_of(decoder->at, (size_t)(p - decoder->at));
    *faulty = p < decoder->end && *p != '\r';
    if (decoder->end - p < 2)
        return false;
    *faulty = p[0] != '\r' || p[1] != '\n';
    decoder->at = p + 2;
    return !*faulty;
}

static bool size_of_line(slice line, uint64_t *size)
{
    char digits[17] = "";
    size_t count = 0;

    while (count < line.length && count < 17 &&
           strchr("0123456789abcdefABCDEF", line.bytes[count]) != NULL)
        count++;
    if (count == 0 || count > 16)
        return false;
    memcpy(digits, line.bytes, count);
    *size = strtoull(digits, NULL, 16);
    return *size <= INT64_MAX &&
           extensions_are_valid(line.bytes + count, line.bytes + line.length);
}

static enum chunked_result obvious_trailers(struct obvious *decoder)
{
    const char *start = decoder->at;
    bool faulty;
    slice line;

    while (take_line(decoder, &line, &faulty)) {
        if (decoder->at - start > TRAILER_BYTES_MAX)
            return CHUNKED_REJECTED;
        if (line.length == 0)
            return CHUNKED_DONE;
        const char *name_end = skip_token(line.bytes, line.bytes + line.length);
        if (name_end == line.bytes || name_end == line.bytes + line.length ||
            *name_end != ':')
            return CHUNKED_REJECTED;
    }
    return faulty ? CHUNKED_REJECTED : CHUNKED_MORE;
}

static enum chunked_result obvious_decode(struct obvious *decoder)
{
    bool faulty;
    slice line;

    while (take_line(decoder, &line, &faulty)) {
        uint64_t size;

        if (!size_of_line(line, &size))
            return CHUNKED_REJECTED;
        if (size == 0)
            return obvious_trailers(decoder);
        if (size > BODY_BYTES_MAX - decoder->outcome.data_length)
            return CHUNKED_REJECTED;
        size_t left = (size_t)(decoder->end - decoder->at);
        size_t take = left < size ? left : (size_t)size;
        memcpy(decoder->outcome.data + decoder->outcome.data_length, decoder->at, take);
        decoder->outcome.data_length += take;
        decoder->at += take;
        size_t more = (size_t)(decoder->end - decoder->at);
        if (take < size || memcmp(decoder->at, "\r\n", more < 2 ? more : 2) == 0) {
            if (more < 2)
                return CHUNKED_MORE;
            decoder->at += 2;
            continue;
        }
        return CHUNKED_REJECTED;
    }
    return faulty ? CHUNKED_REJECTED : CHUNKED_MORE;
}

/* An unfinished line may already be refused by the one and not by the other. */
static void check_obvious(slice bytes, const struct outcome *whole)
{
    struct obvious decoder = {
        .at = bytes.bytes,
        .end = bytes.bytes + bytes.length,
        .outcome = {.data = malloc(bytes.length + 1)},
    };
    enum chunked_result result = obvious_decode(&decoder);

    if (whole->result == CHUNKED_REJECTED)
        CHECK(result != CHUNKED_DONE);
    else
        CHECK(result == whole->result);
    if (whole->result == CHUNKED_DONE)
        CHECK((size_t)(decoder.at - bytes.bytes) == whole->consumed);
    CHECK(decoder.outcome.data_length == whole->data_length);
    CHECK(memcmp(decoder.outcome.data, whole->data, whole->data_length) == 0);
    free(decoder.outcome.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    size_t cut = take_byte(data, &length) | (size_t)take_byte(data, &length) << 8;
    size_t step = take_byte(data, &length) % 40 + (size_t)1;
    slice bytes = slice_of((const char *)data, length);
    struct outcome outcomes[] = {
        decode(bytes, length, length),
        decode(bytes, length > 0 ? cut % length : 0, length + 1),
        decode(bytes, 1, step),
        decode(bytes, 1, 1),
    };

    check_obvious(bytes, &outcomes[0]);
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        check_same(&outcomes[0], &outcomes[i]);
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        free(outcomes[i].data);
    return 0;
}
