/* head_fields.c - the headers that decide where a message ends and for whom it is.
 *
 * RFC 9112, 6.3 and 3.2, RFC 9110, 7.2, 7.6.1 and 10.1.1. What is ambiguous is refused,
 * never reconciled: two parties that reconcile differently see different requests.
 */
#include "chars.h"
#include "head_reader.h"

#include <assert.h>

/* What the headers so far said: head_progress.facts. */
enum fact {
    FACT_HOST = 1,
    FACT_CONTENT_LENGTH = 2,
    FACT_CODING = 4,       /* a Transfer-Encoding header */
    FACT_CODING_OTHER = 8, /* a coding that is not chunked */
    FACT_CHUNKED = 16,     /* the last coding so far */
    FACT_CLOSE = 32,
    FACT_KEEP_ALIVE = 64,
    FACT_CONTINUE = 128,
};

static bool is_fact(const struct head_reader *reader, enum fact fact)
{
    return (reader->progress->facts & fact) != 0;
}

static void set_fact(const struct head_reader *reader, enum fact fact)
{
    reader->progress->facts |= (uint32_t)fact;
}

/* The next element of a comma-separated list, without the blanks around it; *rest is
 * what follows its comma, with NULL bytes behind the last element. */
static slice list_next(slice *rest)
{
    const char *comma =
        rest->length > 0 ? memchr(rest->bytes, ',', rest->length) : NULL;
    const char *end = rest->bytes + rest->length;
    const char *first = rest->bytes;
    const char *last = comma != NULL ? comma : end;

    *rest = comma != NULL ? slice_of(comma + 1, (size_t)(end - comma - 1))
                          : slice_of(NULL, 0);
    while (first < last && char_is(*first, CHAR_BLANK))
        first++;
    while (first < last && char_is(last[-1], CHAR_BLANK))
        last--;
    return slice_of(first, (size_t)(last - first));
}

/* ---- one header ---- */

static bool apply_host(const struct head_reader *reader, const struct header *header,
                       slice value)
{
    if (is_fact(reader, FACT_HOST))
        return head_refuse(reader, REJECT_HOST_REPEATED,
                           reader->begin + header->name.offset);
    if (!target_authority_is_valid(value))
        return head_refuse(reader, REJECT_HOST, value.bytes);
    set_fact(reader, FACT_HOST);
    reader->head->host = header->value;
    return true;
}

/* Digits up to the line's end: a blank behind them would be legal, but it is one of the
 * things that parsers have disagreed about. */
static bool apply_content_length(const struct head_reader *reader,
                                 const struct header *header, slice value)
{
    if (is_fact(reader, FACT_CONTENT_LENGTH))
        return head_refuse(reader, REJECT_CONTENT_LENGTH_REPEATED,
                           reader->begin + header->name.offset);
    if (value.bytes[value.length] != '\r' ||
        !slice_to_int64(value, &reader->head->content_length))
        return head_refuse(reader, REJECT_CONTENT_LENGTH, value.bytes);
    set_fact(reader, FACT_CONTENT_LENGTH);
    return true;
}

/* Another coding may have parameters, which are not looked at: it is refused anyhow. */
static bool apply_coding(const struct head_reader *reader, slice coding)
{
    slice name = coding;
    const char *semicolon =
        coding.length > 0 ? memchr(coding.bytes, ';', coding.length) : NULL;

    if (is_fact(reader, FACT_CHUNKED)) /* chunked must be the last, and once */
        return head_refuse(reader, REJECT_CODING, coding.bytes);
    if (slice_equal_ignoring_case(coding, SLICE("chunked"))) {
        set_fact(reader, FACT_CHUNKED);
        return true;
    }
    if (semicolon != NULL) {
        name = slice_of(coding.bytes, (size_t)(semicolon - coding.bytes));
        while (name.length > 0 && char_is(name.bytes[name.length - 1], CHAR_BLANK))
            name.length--;
    }
    if (!is_token(name) || slice_equal_ignoring_case(name, SLICE("chunked")))
        return head_refuse(reader, REJECT_CODING, coding.bytes);
    if (!is_fact(reader, FACT_CODING_OTHER))
        reader->progress->coding_offset = (uint32_t)(coding.bytes - reader->begin);
    set_fact(reader, FACT_CODING_OTHER);
    return true;
}

/* Several headers are one list (RFC 9110, 5.3). */
static bool apply_transfer_encoding(const struct head_reader *reader,
                                    const struct header *header, slice value)
{
    slice rest = value;

    if (reader->head->version_minor == 0)
        return head_refuse(reader, REJECT_CODING_IN_HTTP_1_0,
                           reader->begin + header->name.offset);
    set_fact(reader, FACT_CODING);
    do {
        if (!apply_coding(reader, list_next(&rest)))
            return false;
    } while (rest.bytes != NULL);
    return true;
}

static bool apply_connection(const struct head_reader *reader, slice value)
{
    slice rest = value;

    do {
        slice option = list_next(&rest);

        if (slice_equal_ignoring_case(option, SLICE("close")))
            set_fact(reader, FACT_CLOSE);
        else if (slice_equal_ignoring_case(option, SLICE("keep-alive")))
            set_fact(reader, FACT_KEEP_ALIVE);
    } while (rest.bytes != NULL);
    return true;
}

/* RFC 9110, 10.1.1: a client of HTTP/1.0 cannot mean it. */
static bool apply_expect(const struct head_reader *reader, slice value)
{
    if (reader->head->version_minor == 0)
        return true;
    if (!slice_equal_ignoring_case(value, SLICE("100-continue")))
        return head_refuse(reader, REJECT_EXPECTATION, value.bytes);
    set_fact(reader, FACT_CONTINUE);
    return true;
}

bool head_field_apply(const struct head_reader *reader, enum head_field field,
                      const struct header *header)
{
    slice value = span_in(reader->begin, header->value);

    switch (field) {
    case FIELD_HOST:
        return apply_host(reader, header, value);
    case FIELD_EXPECT:
        return apply_expect(reader, value);
    case FIELD_CONNECTION:
        return apply_connection(reader, value);
    case FIELD_CONTENT_LENGTH:
        return apply_content_length(reader, header, value);
    case FIELD_TRANSFER_ENCODING:
        return apply_transfer_encoding(reader, header, value);
    case FIELD_OTHER:
        break;
    }
    return true;
}

/* ---- all headers ---- */

/* RFC 9112, 3.2.2 would let the target win; a client that says two things is not one to
 * take a guess about. */
static bool check_host(const struct head_reader *reader, const char *empty_line)
{
    const struct request_head *head = reader->head;

    if (!is_fact(reader, FACT_HOST))
        return head->version_minor == 0 ||
               head_refuse(reader, REJECT_HOST_MISSING, empty_line);
    if (head->target.form != TARGET_ABSOLUTE)
        return true;

    slice host = span_in(reader->begin, head->host);
    slice authority = span_in(reader->begin, head->target.authority);
    bool https = authority.bytes[-4] == 's' || authority.bytes[-4] == 'S';
    return target_authority_equal(host, authority, https ? 443 : 80) ||
           head_refuse(reader, REJECT_HOST_CONTRADICTS, host.bytes);
}

static bool finish_framing(const struct head_reader *reader, const char *empty_line)
{
    struct request_head *head = reader->head;

    if (is_fact(reader, FACT_CODING) && is_fact(reader, FACT_CONTENT_LENGTH))
        return head_refuse(reader, REJECT_LENGTH_AND_CODING, empty_line);
    if (is_fact(reader, FACT_CODING_OTHER))
        return head_refuse(reader, REJECT_CODING_UNKNOWN,
                           reader->begin + reader->progress->coding_offset);
    if (is_fact(reader, FACT_CODING))
        head->framing = BODY_CHUNKED;
    else if (is_fact(reader, FACT_CONTENT_LENGTH))
        head->framing = BODY_LENGTH;
    else
        head->framing = BODY_NONE;
    if (head->framing != BODY_LENGTH)
        head->content_length = 0;
    return true;
}

bool head_fields_finish(const struct head_reader *reader, const char *empty_line)
{
    struct request_head *head = reader->head;

    if (!is_fact(reader, FACT_HOST))
        head->host = (span){0, 0};
    if (!check_host(reader, empty_line) || !finish_framing(reader, empty_line))
        return false;
    head->keep_alive = !is_fact(reader, FACT_CLOSE) &&
                       (head->version_minor == 1 || is_fact(reader, FACT_KEEP_ALIVE));
    head->expect_continue = is_fact(reader, FACT_CONTINUE) &&
                            (head->framing == BODY_CHUNKED || head->content_length > 0);
    return true;
}
