/* request_head.c - the limit of a head as a whole, headers and methods by name.
 *
 * The lines are read in head_lines.c.
 */
#include "request_head.h"

#include "head_reader.h"

enum head_result request_head_parse(slice bytes, const struct head_limits *limits,
                                    struct head_progress *progress,
                                    struct request_head *head, struct reject *reject)
{
    bool over = bytes.length > limits->head_bytes_max;
    struct head_reader reader = {
        .begin = bytes.bytes,
        .end = bytes.bytes + (over ? limits->head_bytes_max : bytes.length),
        .scan = scan_current(),
        .limits = limits,
        .progress = progress,
        .head = head,
        .reject = reject,
    };
    enum head_result result = head_lines(&reader);

    /* Whatever lies behind the limit must not change what is found before it. */
    if (result == HEAD_MORE && over) {
        head_refuse(&reader, REJECT_HEAD_LENGTH, reader.end);
        return HEAD_REJECTED;
    }
    return result;
}

const struct header *request_head_find(const struct request_head *head,
                                       const char *buffer, slice name)
{
    for (uint32_t i = 0; i < head->header_count; i++) {
        const struct header *header = &head->headers[i];

        if (header->name.length == name.length &&
            slice_equal_ignoring_case(span_in(buffer, header->name), name))
            return header;
    }
    return NULL;
}

/* ---- methods ---- */

static const slice method_names[METHOD_COUNT] = {
    [METHOD_GET] = {"GET", 3},         [METHOD_HEAD] = {"HEAD", 4},
    [METHOD_POST] = {"POST", 4},       [METHOD_PUT] = {"PUT", 3},
    [METHOD_DELETE] = {"DELETE", 6},   [METHOD_PATCH] = {"PATCH", 5},
    [METHOD_OPTIONS] = {"OPTIONS", 7}, [METHOD_TRACE] = {"TRACE", 5},
    [METHOD_OTHER] = {"", 0},
};

slice method_name(enum method method)
{
    return method_names[method];
}

enum method method_from_name(slice name)
{
    for (enum method method = 0; method < METHOD_OTHER; method++)
        if (slice_equal(method_names[method], name))
            return method;
    return METHOD_OTHER;
}
