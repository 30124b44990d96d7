/* body_framing.c - the chunked coding, RFC 9112, 7.1, a state per place in the grammar.
 *
 * Everything but the data goes through here byte by byte, so where the bytes are cut
 * cannot matter. Stricter than the RFC in one thing: no blanks around the parts of a
 * chunk extension. They are legal only for the sake of old senders, and a parser that
 * skips them in one place and not in another is how chunks were smuggled.
 */
#include "body_framing.h"

#include "chars.h"

#include <assert.h>

enum chunked_state {
    CHUNK_SIZE_FIRST, /* a digit must come */
    CHUNK_SIZE,
    CHUNK_SIZE_LF,
    EXTENSION_NAME_FIRST,
    EXTENSION_NAME,
    EXTENSION_VALUE_FIRST,
    EXTENSION_VALUE,
    EXTENSION_QUOTED,
    EXTENSION_ESCAPED,
    EXTENSION_QUOTED_END,
    CHUNK_DATA,
    CHUNK_CR,
    CHUNK_LF,
    TRAILER_FIRST, /* of a line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    BODY_END,
};

/* More digits than any size below 2^63 has, leading zeros included, are an attack. */
enum { CHUNK_SIZE_DIGITS_MAX = 16 };

void chunked_init(struct chunked_decoder *decoder, uint64_t body_bytes_max)
{
    *decoder = (struct chunked_decoder){
        .body_bytes_max = body_bytes_max != 0 ? body_bytes_max : INT64_MAX,
        .state = CHUNK_SIZE_FIRST,
    };
}

static enum reject_reason go(struct chunked_decoder *decoder, enum chunked_state state)
{
    decoder->state = (uint8_t)state;
    return REJECT_NONE;
}

/* ---- the line of the size ---- */

static enum reject_reason add_digit(struct chunked_decoder *decoder, char c)
{
    if (decoder->digits == CHUNK_SIZE_DIGITS_MAX ||
        decoder->chunk_left > (uint64_t)INT64_MAX >> 4)
        return REJECT_CHUNK_SIZE;
    decoder->digits++;
    decoder->chunk_left = decoder->chunk_left << 4 | hex_value(c);
    return go(decoder, CHUNK_SIZE);
}

/* What may follow the size or a whole extension. */
static enum reject_reason end_part(struct chunked_decoder *decoder, char c,
                                   enum reject_reason otherwise)
{
    if (c == '\r')
        return go(decoder, CHUNK_SIZE_LF);
    if (c == ';')
        return go(decoder, EXTENSION_NAME_FIRST);
    return c == '\n' ? REJECT_LINE_END : otherwise;
}

static enum reject_reason step_size(struct chunked_decoder *decoder, char c)
{
    if (char_is(c, CHAR_HEX))
        return add_digit(decoder, c);
    if (decoder->state == CHUNK_SIZE_FIRST)
        return REJECT_CHUNK_SIZE;
    if (decoder->chunk_left > decoder->body_bytes_max - decoder->total)
        return REJECT_BODY_LENGTH;
    decoder->line_bytes = 0;
    return end_part(decoder, c, REJECT_CHUNK_SIZE);
}

static enum reject_reason step_size_lf(struct chunked_decoder *decoder, char c)
{
    if (c != '\n')
        return REJECT_LINE_END;
    decoder->line_bytes = 0;
    decoder->digits = 0;
    return go(decoder, decoder->chunk_left > 0 ? CHUNK_DATA : TRAILER_FIRST);
}

/* Extension: ";" name [ "=" ( token / quoted-string ) ]. */
static enum reject_reason step_extension(struct chunked_decoder *decoder, char c)
{
    bool token = char_is(c, CHAR_TOKEN);

    if (++decoder->line_bytes > CHUNK_EXTENSION_BYTES_MAX)
        return REJECT_CHUNK_EXTENSION;
    switch (decoder->state) {
    case EXTENSION_NAME_FIRST:
        return token ? go(decoder, EXTENSION_NAME) : REJECT_CHUNK_EXTENSION;
    case EXTENSION_NAME:
        if (token)
            return REJECT_NONE;
        if (c == '=')
            return go(decoder, EXTENSION_VALUE_FIRST);
        return end_part(decoder, c, REJECT_CHUNK_EXTENSION);
    case EXTENSION_VALUE_FIRST:
        if (c == '"')
            return go(decoder, EXTENSION_QUOTED);
        return token ? go(decoder, EXTENSION_VALUE) : REJECT_CHUNK_EXTENSION;
    case EXTENSION_VALUE:
        return token ? REJECT_NONE : end_part(decoder, c, REJECT_CHUNK_EXTENSION);
    case EXTENSION_QUOTED:
        if (c == '"')
            return go(decoder, EXTENSION_QUOTED_END);
        if (c == '\\')
            return go(decoder, EXTENSION_ESCAPED);
        return char_is(c, CHAR_QUOTED) ? REJECT_NONE : REJECT_CHUNK_EXTENSION;
    case EXTENSION_ESCAPED:
        return char_is(c, CHAR_CONTROL) ? REJECT_CHUNK_EXTENSION
                                        : go(decoder, EXTENSION_QUOTED);
    default:
        return end_part(decoder, c, REJECT_CHUNK_EXTENSION);
    }
}

/* ---- the trailer section ---- */

static enum reject_reason step_trailer(struct chunked_decoder *decoder, char c)
{
    if (++decoder->line_bytes > TRAILER_BYTES_MAX)
        return REJECT_TRAILER;
    switch (decoder->state) {
    case TRAILER_FIRST:
        if (c == '\r')
            return go(decoder, LAST_LF);
        return char_is(c, CHAR_TOKEN) ? go(decoder, TRAILER_NAME) : REJECT_TRAILER;
    case TRAILER_NAME:
        if (c == ':')
            return go(decoder, TRAILER_VALUE);
        return char_is(c, CHAR_TOKEN) ? REJECT_NONE : REJECT_TRAILER;
    case TRAILER_VALUE:
        if (c == '\r')
            return go(decoder, TRAILER_LF);
        return char_is(c, CHAR_CONTROL) ? REJECT_TRAILER : REJECT_NONE;
    case TRAILER_LF:
        return c == '\n' ? go(decoder, TRAILER_FIRST) : REJECT_TRAILER;
    default:
        return c == '\n' ? go(decoder, BODY_END) : REJECT_TRAILER;
    }
}

/* ---- the whole ---- */

static enum reject_reason step(struct chunked_decoder *decoder, char c)
{
    switch (decoder->state) {
    case CHUNK_SIZE_FIRST:
    case CHUNK_SIZE:
        return step_size(decoder, c);
    case CHUNK_SIZE_LF:
        return step_size_lf(decoder, c);
    case CHUNK_CR:
        return c == '\r' ? go(decoder, CHUNK_LF) : REJECT_CHUNK_END;
    case CHUNK_LF:
        return c == '\n' ? go(decoder, CHUNK_SIZE_FIRST) : REJECT_CHUNK_END;
    case TRAILER_FIRST:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF:
    case LAST_LF:
        return step_trailer(decoder, c);
    default:
        return step_extension(decoder, c);
    }
}

static slice take_data(struct chunked_decoder *decoder, slice bytes)
{
    uint64_t left = decoder->chunk_left;
    size_t length = left < bytes.length ? (size_t)left : bytes.length;

    decoder->chunk_left -= length;
    decoder->total += length;
    if (decoder->chunk_left == 0)
        go(decoder, CHUNK_CR);
    return slice_of(bytes.bytes, length);
}

enum chunked_result chunked_next(struct chunked_decoder *decoder, slice bytes,
                                 size_t *consumed, slice *data, struct reject *reject)
{
    enum chunked_result result = CHUNKED_MORE;
    size_t i = 0;

    while (i < bytes.length && decoder->state != BODY_END) {
        if (decoder->state == CHUNK_DATA) {
            *data = take_data(decoder, slice_of(bytes.bytes + i, bytes.length - i));
            i += data->length;
            result = CHUNKED_DATA;
            break;
        }
        enum reject_reason reason = step(decoder, bytes.bytes[i]);
        if (reason != REJECT_NONE) {
            *reject = (struct reject){reason, decoder->offset + (uint32_t)i};
            return CHUNKED_REJECTED;
        }
        i++;
    }
    *consumed = i;
    decoder->offset += (uint32_t)i;
    return decoder->state == BODY_END ? CHUNKED_DONE : result;
}
