/* conditions.c - see conditions.h. Sections are those of RFC 9110. */
#include "conditions.h"

#include "chars.h"
#include "entity_tag.h"
#include "http_date.h"

/* ---- gathering ---- */

/* Most headers are told apart by their first letter. */
static bool may_be_condition(slice name)
{
    char first = (char)(name.bytes[0] | 0x20);

    return first == 'i' || first == 'r';
}

static enum condition condition_of(slice name)
{
    static const slice NAMES[CONDITION_COUNT] = {
        [IF_MATCH] = {"if-match", 8},
        [IF_NONE_MATCH] = {"if-none-match", 13},
        [IF_MODIFIED_SINCE] = {"if-modified-since", 17},
        [IF_UNMODIFIED_SINCE] = {"if-unmodified-since", 19},
        [IF_RANGE] = {"if-range", 8},
        [RANGE] = {"range", 5},
    };
    enum condition condition = 0;

    while (condition < CONDITION_COUNT &&
           !slice_equal_ignoring_case(name, NAMES[condition]))
        condition++;
    return condition;
}

void conditions_read(const struct request_head *head, const char *buffer,
                     struct conditions *conditions)
{
    *conditions = (struct conditions){.head = head, .buffer = buffer};
    for (uint32_t i = head->header_count; i-- > 0;) {
        slice name = span_in(buffer, head->headers[i].name);
        enum condition condition;

        if (!may_be_condition(name))
            continue;
        condition = condition_of(name);
        if (condition == CONDITION_COUNT)
            continue;
        conditions->lines[condition].first = i;
        conditions->lines[condition].count++;
        conditions->any = true;
    }
}

static bool has(const struct conditions *conditions, enum condition condition)
{
    return conditions->lines[condition].count > 0;
}

static slice first_value(const struct conditions *conditions, enum condition condition)
{
    uint32_t first = conditions->lines[condition].first;

    return span_in(conditions->buffer, conditions->head->headers[first].value);
}

/* ---- single conditions ---- */

/* Several lines are one list; "*" stands alone or means nothing. */
static bool tag_is_listed(const struct conditions *conditions, enum condition condition,
                          slice tag, enum tag_comparison how)
{
    const struct request_head *head = conditions->head;
    uint32_t left = conditions->lines[condition].count;

    if (left == 1 && slice_equal(first_value(conditions, condition), SLICE("*")))
        return true;
    if (tag.length == 0)
        return false;
    for (uint32_t i = conditions->lines[condition].first; left > 0; i++) {
        if (condition_of(span_in(conditions->buffer, head->headers[i].name)) !=
            condition)
            continue;
        left--;
        if (entity_tag_in_list(span_in(conditions->buffer, head->headers[i].value), tag,
                               how))
            return true;
    }
    return false;
}

/* False if the date is to be ignored: it is none, there is a list of them, or nothing
 * to compare it with (13.1.3, 13.1.4). */
static bool date_of(const struct conditions *conditions, enum condition condition,
                    const struct validators *current, int64_t *date)
{
    return conditions->lines[condition].count == 1 &&
           current->last_modified != LAST_MODIFIED_UNKNOWN &&
           http_date_read(first_value(conditions, condition), current->now, date);
}

static bool was_modified_since(const struct conditions *conditions,
                               enum condition condition,
                               const struct validators *current, bool if_ignored)
{
    int64_t date;

    if (!date_of(conditions, condition, current, &date))
        return if_ignored;
    return current->last_modified > date;
}

/* ---- all of them ---- */

static bool is_get_or_head(const struct conditions *conditions)
{
    return conditions->head->method == METHOD_GET ||
           conditions->head->method == METHOD_HEAD;
}

/* 13.2.2, steps 1 and 2: the client acts upon what it believes is there. */
static bool is_as_believed(const struct conditions *conditions,
                           const struct validators *current)
{
    if (has(conditions, IF_MATCH))
        return tag_is_listed(conditions, IF_MATCH, current->entity_tag,
                             COMPARE_STRONGLY);
    return !was_modified_since(conditions, IF_UNMODIFIED_SINCE, current, false);
}

/* Steps 3 and 4: the client has it already. */
static bool is_there_already(const struct conditions *conditions,
                             const struct validators *current)
{
    if (has(conditions, IF_NONE_MATCH))
        return tag_is_listed(conditions, IF_NONE_MATCH, current->entity_tag,
                             COMPARE_WEAKLY);
    return is_get_or_head(conditions) &&
           !was_modified_since(conditions, IF_MODIFIED_SINCE, current, true);
}

enum condition_outcome conditions_evaluate(const struct conditions *conditions,
                                           const struct validators *current)
{
    enum method method = conditions->head->method;

    if (!conditions->any)
        return CONDITION_PROCEED;
    if (method == METHOD_OPTIONS || method == METHOD_TRACE) /* 13.2.1: not about it */
        return CONDITION_PROCEED;
    if (!is_as_believed(conditions, current))
        return CONDITION_FAILED;
    if (!is_there_already(conditions, current))
        return CONDITION_PROCEED;
    return is_get_or_head(conditions) ? CONDITION_NOT_MODIFIED : CONDITION_FAILED;
}

/* ---- If-Range ---- */

/* 13.1.5 and 8.8.2.2: the very same second, which must be over: within it the file may
 * change again. */
static bool is_strong_date(slice value, const struct validators *current)
{
    int64_t date;

    return current->last_modified != LAST_MODIFIED_UNKNOWN &&
           http_date_read(value, current->now, &date) &&
           date == current->last_modified && date < current->now;
}

slice conditions_range(const struct conditions *conditions,
                       const struct validators *current)
{
    slice value;

    if (conditions->head->method != METHOD_GET || conditions->lines[RANGE].count != 1 ||
        conditions->lines[IF_RANGE].count > 1)
        return slice_of(NULL, 0);
    if (!has(conditions, IF_RANGE))
        return first_value(conditions, RANGE);
    value = first_value(conditions, IF_RANGE);
    if (entity_tag_is_valid(value)
            ? entity_tag_equal(value, current->entity_tag, COMPARE_STRONGLY)
            : is_strong_date(value, current))
        return first_value(conditions, RANGE);
    return slice_of(NULL, 0);
}
