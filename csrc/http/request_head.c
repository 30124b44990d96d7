/* request_head.c - the limits of a head, the choice of the scanner, methods by name.
 *
 * The lines are read in head_lines.h; start there, then head_line.c and head_fields.c.
 */
#include "request_head.h"

#include "head_reader.h"
#include "scan.h"

#include <stdatomic.h>

/* ---- the scanner ---- */

static head_lines_function *lines_of(enum scan_variant variant)
{
#if defined(PYRS_SCAN_X86)
    if (variant == SCAN_AVX2)
        return head_lines_avx2;
    if (variant == SCAN_SSE42)
        return head_lines_sse42;
#endif
    (void)variant;
    return head_lines_portable;
}

bool scan_is_available(enum scan_variant variant)
{
    switch (variant) {
    case SCAN_PORTABLE:
        return true;
#if defined(PYRS_SCAN_X86)
    case SCAN_SSE42:
        return __builtin_cpu_supports("sse4.2");
    case SCAN_AVX2:
        return __builtin_cpu_supports("avx2");
#endif
    default:
        return false;
    }
}

static head_lines_function choose_lines;

/* Chosen once; threads that come at the same time all choose the same. */
static _Atomic(head_lines_function *) read_head_lines = choose_lines;

static enum head_result choose_lines(const struct head_reader *reader)
{
    enum scan_variant variant = SCAN_VARIANT_COUNT;

    do
        variant--;
    while (!scan_is_available(variant));
    scan_use(variant);
    return lines_of(variant)(reader);
}

bool scan_use(enum scan_variant variant)
{
    if (!scan_is_available(variant))
        return false;
    atomic_store_explicit(&read_head_lines, lines_of(variant), memory_order_relaxed);
    return true;
}

/* ---- the head ---- */

enum head_result request_head_parse(slice bytes, const struct head_limits *limits,
                                    struct head_progress *progress,
                                    struct request_head *head, struct reject *reject)
{
    bool over = bytes.length > limits->head_bytes_max;
    struct head_reader reader = {
        .begin = bytes.bytes,
        .end = bytes.bytes + (over ? limits->head_bytes_max : bytes.length),
        .limits = limits,
        .progress = progress,
        .head = head,
        .reject = reject,
    };
    head_lines_function *read_lines =
        atomic_load_explicit(&read_head_lines, memory_order_relaxed);
    enum head_result result = read_lines(&reader);

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
