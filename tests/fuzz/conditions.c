/* Of the header lines that the input is: nothing that is not there is said to have been
 * asked for. A 304 is for GET and HEAD, a range for GET; parts lie within the file, do
 * not overlap and are those that a simpler reader of Range finds, byte by byte; a tag
 * is found in a list only if it stands there; a date that is read is the same when it
 * is written and read again.
 */
#include "fuzz.h"

#include <http/conditions.h>
#include <http/entity_tag.h>
#include <http/http_date.h>
#include <http/range.h>

enum { HEADERS_MAX = 16, LENGTH_MAX = 64, CHANGED = 784111777 };

static const slice TAG = {"\"a\"", 3};

/* ---- ranges ---- */

/* Digits, or -1 if there are none; far beyond any length is 1000. */
static int read_number(const char **at, const char *end)
{
    int number = -1;

    for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        number = (number < 0 ? 0 : number) * 10 + (**at - '0');
        number = number > 1000 ? 1000 : number;
    }
    return number;
}

/* Marks the bytes of one element; false if it is none or a byte was marked before. */
static bool mark(slice element, int length, bool marked[LENGTH_MAX], bool *too_large)
{
    const char *at = element.bytes, *end = at + element.length;
    int first = read_number(&at, end);
    int last;

    if (at == end || *at++ != '-')
        return false;
    last = read_number(&at, end);
    if (at != end || (first < 0 && last < 0))
        return false;
    *too_large |= first >= 1000 || last >= 1000; /* two such cannot be compared here */
    if (first < 0) {
        first = last < length ? length - last : 0;
        last = length - 1;
    } else if (last < 0) {
        last = 1000;
    } else if (last < first) {
        return false;
    }
    for (int i = first; i <= last && i < length; i++) {
        if (marked[i])
            return false;
        marked[i] = true;
    }
    return true;
}

static slice trimmed(slice text)
{
    while (text.length > 0 && (*text.bytes == ' ' || *text.bytes == '\t'))
        text = slice_of(text.bytes + 1, text.length - 1);
    while (text.length > 0 &&
           (text.bytes[text.length - 1] == ' ' || text.bytes[text.length - 1] == '\t'))
        text.length--;
    return text;
}

/* RANGE_IGNORED, or what the marks say. */
static enum range_result expected(slice list, int length, bool marked[LENGTH_MAX],
                                  bool *too_large)
{
    int elements = 0;
    bool any = false;

    while (list.length > 0) {
        const char *comma = memchr(list.bytes, ',', list.length);
        size_t taken = comma ? (size_t)(comma - list.bytes) : list.length;
        slice element = trimmed(slice_of(list.bytes, taken));

        taken += comma != NULL;
        list = slice_of(list.bytes + taken, list.length - taken);
        if (element.length == 0)
            continue;
        if (++elements > RANGES_MAX || !mark(element, length, marked, too_large))
            return RANGE_IGNORED;
    }
    for (int i = 0; i < length; i++)
        any |= marked[i];
    if (elements == 0)
        return RANGE_IGNORED;
    return any ? RANGE_SATISFIABLE : RANGE_UNSATISFIABLE;
}

static void check_range(slice value, int length)
{
    bool marked[LENGTH_MAX] = {false}, found[LENGTH_MAX] = {false}, too_large = false;
    slice exact = exact_copy(value.bytes, value.length);
    struct range_set set;
    enum range_result result = range_parse(exact, (uint64_t)length, &set);

    if (value.length < 6 ||
        !slice_equal_ignoring_case(slice_of(value.bytes, 6), SLICE("bytes="))) {
        CHECK(result == RANGE_IGNORED);
    } else {
        slice list = slice_of(value.bytes + 6, value.length - 6);
        enum range_result wanted = expected(list, length, marked, &too_large);

        CHECK(length == 0 ? result == RANGE_IGNORED : result == wanted || too_large);
    }
    for (uint32_t i = 0; result == RANGE_SATISFIABLE && i < set.count; i++) {
        CHECK(set.ranges[i].length > 0);
        CHECK(set.ranges[i].first + set.ranges[i].length <= (uint64_t)length);
        for (uint64_t at = 0; at < set.ranges[i].length; at++) {
            CHECK(!found[set.ranges[i].first + at]);
            found[set.ranges[i].first + at] = true;
        }
    }
    if (result == RANGE_SATISFIABLE)
        CHECK(memcmp(marked, found, sizeof marked) == 0);
    free_copy(exact);
}

/* ---- tags and dates ---- */

static void check_list(slice value)
{
    slice exact = exact_copy(value.bytes, value.length);

    if (entity_tag_in_list(exact, TAG, COMPARE_STRONGLY))
        CHECK(entity_tag_in_list(exact, TAG, COMPARE_WEAKLY));
    if (entity_tag_in_list(exact, TAG, COMPARE_WEAKLY))
        CHECK(memmem(value.bytes, value.length, TAG.bytes, TAG.length) != NULL);
    if (entity_tag_is_valid(exact))
        CHECK(entity_tag_in_list(exact, exact, COMPARE_WEAKLY));
    free_copy(exact);
}

static void check_date(slice value)
{
    slice exact = exact_copy(value.bytes, value.length);
    char written[HTTP_DATE_BYTES];
    int64_t date, again;

    if (http_date_read(exact, CHANGED, &date) && date >= 0 &&
        date < INT64_C(253402300800)) {
        http_date_write(date, written);
        CHECK(http_date_read(slice_of(written, sizeof written), CHANGED, &again));
        CHECK(date == again);
    }
    free_copy(exact);
}

/* ---- all together ---- */

static void check_conditions(const struct request_head *head, const char *buffer)
{
    struct validators current = {TAG, CHANGED, CHANGED + 10};
    struct conditions conditions;
    enum condition_outcome outcome;
    bool is_get = head->method == METHOD_GET;
    slice range;

    conditions_read(head, buffer, &conditions);
    outcome = conditions_evaluate(&conditions, &current);
    range = conditions_range(&conditions, &current);
    if (!conditions.any)
        CHECK(outcome == CONDITION_PROCEED && range.length == 0);
    if (outcome == CONDITION_NOT_MODIFIED) {
        CHECK(is_get || head->method == METHOD_HEAD);
        CHECK(conditions.lines[IF_NONE_MATCH].count > 0 ||
              conditions.lines[IF_MODIFIED_SINCE].count == 1);
    }
    if (outcome == CONDITION_FAILED && (is_get || head->method == METHOD_HEAD))
        CHECK(conditions.lines[IF_MATCH].count > 0 ||
              conditions.lines[IF_UNMODIFIED_SINCE].count == 1);
    if (range.length > 0)
        CHECK(is_get && conditions.lines[RANGE].count == 1);
}

static char *make_request(const uint8_t *lines, size_t length, uint8_t method,
                          size_t *size)
{
    static const char *const LINES[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n", "HEAD / HTTP/1.1\r\nHost: a\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\n", "OPTIONS / HTTP/1.1\r\nHost: a\r\n"};
    const char *first = LINES[method % 4];
    size_t first_length = strlen(first);
    char *request = malloc(first_length + length + 4);

    memcpy(request, first, first_length);
    if (length > 0)
        memcpy(request + first_length, lines, length);
    memcpy(request + first_length + length, "\r\n\r\n", 4);
    *size = first_length + length + 4;
    return request;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    static const struct head_limits limits = {100, 8000, HEADERS_MAX};
    int file_length = take_byte(data, &length) % (LENGTH_MAX + 1);
    uint8_t method = take_byte(data, &length);
    struct header headers[HEADERS_MAX];
    struct request_head head = {.headers = headers};
    struct head_progress progress = {0};
    struct reject reject;
    size_t size;
    char *request = make_request(data, length, method, &size);

    if (request_head_parse(slice_of(request, size), &limits, &progress, &head,
                           &reject) == HEAD_DONE) {
        check_conditions(&head, request);
        for (uint32_t i = 0; i < head.header_count; i++) {
            slice value = span_in(request, headers[i].value);

            check_range(value, file_length);
            check_list(value);
            check_date(value);
        }
    }
    free(request);
    return 0;
}
