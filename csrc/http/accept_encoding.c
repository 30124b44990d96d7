/* accept_encoding.c - see accept_encoding.h. */
#include "accept_encoding.h"

#include "chars.h"

/* Weights in thousandths. */
enum { WEIGHT_MAX = 1000, NOT_SAID = -1 };

struct weights {
    int of[CODING_COUNT];
    int others; /* "*" */
};

slice coding_name(enum content_coding coding)
{
    static const slice NAMES[CODING_COUNT] = {
        [CODING_BR] = {"br", 2},
        [CODING_ZSTD] = {"zstd", 4},
        [CODING_GZIP] = {"gzip", 4},
        [CODING_IDENTITY] = {"", 0},
    };

    return NAMES[coding];
}

/* "x-gzip" is gzip (8.4.1.3). CODING_COUNT: one that is not known here. */
static enum content_coding coding_of(slice name)
{
    if (slice_equal_ignoring_case(name, SLICE("identity")))
        return CODING_IDENTITY;
    if (slice_equal_ignoring_case(name, SLICE("x-gzip")))
        return CODING_GZIP;
    for (enum content_coding coding = 0; coding < CODING_IDENTITY; coding++)
        if (slice_equal_ignoring_case(name, coding_name(coding)))
            return coding;
    return CODING_COUNT;
}

/* ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ); false if it is something else.
 */
static bool read_weight(slice text, int *weight)
{
    int unit = WEIGHT_MAX / 10;

    if (text.length == 0 || text.length > 5 || (text.bytes[0] | 1) != '1' ||
        (text.length > 1 && text.bytes[1] != '.'))
        return false;
    *weight = (text.bytes[0] - '0') * WEIGHT_MAX;
    for (size_t i = 2; i < text.length; i++, unit /= 10) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            return false;
        *weight += (text.bytes[i] - '0') * unit;
    }
    return *weight <= WEIGHT_MAX;
}

/* Up to `mark`, which is dropped with it; all if there is none. */
static slice take_until(slice *text, char mark)
{
    const char *found = text->length ? memchr(text->bytes, mark, text->length) : NULL;
    size_t length = found ? (size_t)(found - text->bytes) : text->length;
    slice taken = slice_trimmed(slice_of(text->bytes, length));

    length += found != NULL;
    *text = slice_of(text->bytes + length, text->length - length);
    return taken;
}

/* "br;q=0.5". One whose weight is malformed counts as not there. */
static void read_element(struct weights *weights, slice element)
{
    slice name = take_until(&element, ';');
    slice parameter = slice_trimmed(element);
    enum content_coding coding;
    int weight = WEIGHT_MAX;

    if (parameter.length > 0) {
        slice key = take_until(&parameter, '=');

        if (!slice_equal_ignoring_case(key, SLICE("q")) ||
            !read_weight(slice_trimmed(parameter), &weight))
            return;
    }
    coding = coding_of(name);
    if (coding < CODING_COUNT)
        weights->of[coding] = weight;
    else if (slice_equal(name, SLICE("*")))
        weights->others = weight;
}

static bool read_lines(const struct request_head *head, const char *buffer,
                       struct weights *weights)
{
    bool any = false;

    for (uint32_t i = 0; i < head->header_count; i++) {
        slice value = span_in(buffer, head->headers[i].value);

        if (!slice_equal_ignoring_case(span_in(buffer, head->headers[i].name),
                                       SLICE("accept-encoding")))
            continue;
        any = true;
        while (value.length > 0)
            read_element(weights, take_until(&value, ','));
    }
    return any;
}

/* Identity is taken unless it is refused, but rather anything else. */
static int weight_of(const struct weights *weights, enum content_coding coding)
{
    if (weights->of[coding] != NOT_SAID)
        return weights->of[coding];
    if (coding == CODING_IDENTITY)
        return weights->others == 0 ? 0 : 1;
    return weights->others == NOT_SAID ? 0 : weights->others;
}

enum content_coding accept_encoding_choose(const struct request_head *head,
                                           const char *buffer, unsigned available)
{
    struct weights weights = {{NOT_SAID, NOT_SAID, NOT_SAID, NOT_SAID}, NOT_SAID};
    enum content_coding best = CODING_COUNT;
    int best_weight = 0;

    if (!read_lines(head, buffer, &weights))
        return available & 1u << CODING_IDENTITY ? CODING_IDENTITY : CODING_COUNT;
    for (enum content_coding coding = 0; coding < CODING_COUNT; coding++) {
        int weight = weight_of(&weights, coding);

        if (!(available & 1u << coding) || weight <= best_weight)
            continue;
        best = coding;
        best_weight = weight;
    }
    return best;
}
