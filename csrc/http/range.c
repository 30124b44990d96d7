/* range.c - see range.h. */
#include "range.h"

#include "digits.h"

static slice behind(slice text, size_t count)
{
    return slice_of(text.bytes + count, text.length - count);
}

/* The element before the next comma, without the blanks around it. */
static slice take_element(slice *list)
{
    const char *comma = memchr(list->bytes, ',', list->length);
    size_t length = comma ? (size_t)(comma - list->bytes) : list->length;
    slice element = slice_trimmed(slice_of(list->bytes, length));

    *list = behind(*list, comma ? length + 1 : length);
    return element;
}

/* Digits at the beginning of `text`; gives how many. A position has no largest value:
 * one that does not fit is as far behind the end as any. */
static size_t read_position(slice text, uint64_t *position)
{
    size_t i = 0;

    *position = 0;
    for (; i < text.length && text.bytes[i] >= '0' && text.bytes[i] <= '9'; i++) {
        unsigned digit = (unsigned)(text.bytes[i] - '0');

        if (*position > (UINT64_MAX - digit) / 10)
            *position = UINT64_MAX;
        else
            *position = *position * 10 + digit;
    }
    return i;
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* False if the element is malformed. A range of length 0 is valid and lies beyond the
 * end (14.1.2). */
static bool read_range(slice text, uint64_t length, struct byte_range *range)
{
    uint64_t first, last;
    size_t first_digits = read_position(text, &first);
    size_t last_digits;

    if (first_digits == text.length || text.bytes[first_digits] != '-')
        return false;
    text = behind(text, first_digits + 1);
    last_digits = read_position(text, &last);
    if (last_digits != text.length || first_digits + last_digits == 0)
        return false;
    if (first_digits == 0) { /* the last so many */
        range->length = at_most(last, length);
        range->first = length - range->length;
        return true;
    }
    if (last_digits == 0)
        last = UINT64_MAX;
    range->first = first;
    range->length = first < length ? at_most(last, length - 1) - first + 1 : 0;
    return last >= first;
}

static bool overlaps(const struct range_set *set, const struct byte_range *range)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (range->first < set->ranges[i].first + set->ranges[i].length &&
            set->ranges[i].first < range->first + range->length)
            return true;
    return false;
}

/* Empty elements are skipped (5.6.1.2). */
static enum range_result read_set(slice list, uint64_t length, struct range_set *set)
{
    uint32_t asked_for = 0;

    while (list.length > 0) {
        slice element = take_element(&list);
        struct byte_range range;

        if (element.length == 0)
            continue;
        if (asked_for++ == RANGES_MAX || !read_range(element, length, &range))
            return RANGE_IGNORED;
        if (range.length == 0)
            continue;
        if (overlaps(set, &range))
            return RANGE_IGNORED;
        set->ranges[set->count++] = range;
    }
    if (asked_for == 0)
        return RANGE_IGNORED;
    return set->count > 0 ? RANGE_SATISFIABLE : RANGE_UNSATISFIABLE;
}

enum range_result range_parse(slice value, uint64_t length, struct range_set *set)
{
    static const slice UNIT = {"bytes=", 6};
    struct range_set found = {.count = 0};
    enum range_result result;

    if (length == 0 || value.length < UNIT.length ||
        !slice_equal_ignoring_case(slice_of(value.bytes, UNIT.length), UNIT))
        return RANGE_IGNORED;
    result = read_set(behind(value, UNIT.length), length, &found);
    if (result == RANGE_SATISFIABLE)
        *set = found;
    return result;
}

size_t content_range_write(const struct byte_range *range, uint64_t length,
                           char out[CONTENT_RANGE_BYTES_MAX])
{
    char *end = (char *)memcpy(out, "bytes ", 6) + 6;

    if (range) {
        end = write_decimal(end, range->first);
        *end++ = '-';
        end = write_decimal(end, range->first + range->length - 1);
    } else {
        *end++ = '*';
    }
    *end++ = '/';
    return (size_t)(write_decimal(end, length) - out);
}
