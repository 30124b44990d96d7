/* A resolved path has no empty, dot or dot-dot segment and no way above the root;
 * escaped again and resolved again it is the same. Every scanner accepts the same
 * targets in a request line as target_parse does on its own, and takes them apart in
 * the same way.
 */
#include "fuzz.h"

#include <http/request_head.h>
#include <http/scan.h>

static bool is_unreserved(char c)
{
    return c != '\0' && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789-._~",
                               c) != NULL;
}

static bool spans_equal(span a, span b)
{
    return a.offset == b.offset && a.length == b.length;
}

/* ---- paths ---- */

static void check_segments(const char *path, size_t length)
{
    size_t start = 1;

    CHECK(length > 0 && path[0] == '/');
    for (size_t i = 1; i <= length; i++) {
        if (i < length && path[i] != '/')
            continue;
        slice segment = slice_of(path + start, i - start);
        CHECK(!slice_equal(segment, SLICE(".")));
        CHECK(!slice_equal(segment, SLICE("..")));
        CHECK(segment.length > 0 || i == length);
        start = i + 1;
    }
}

/* Everything but unreserved characters and the slashes between segments. */
static size_t escape(const char *path, size_t length, char *out)
{
    size_t written = 0;

    for (size_t i = 0; i < length; i++) {
        char c = path[i] == '\0' ? '/' : path[i]; /* NUL: an encoded slash */

        if (path[i] == '/' || is_unreserved(c))
            out[written++] = c;
        else
            written += (size_t)sprintf(out + written, "%%%02X", (unsigned char)c);
    }
    return written;
}

static void check_path(slice path, bool is_resolved)
{
    slice exact = exact_copy(path.bytes, path.length);
    char *resolved = malloc(path.length + 1);
    char *escaped = malloc(3 * path.length + 4);
    char *again = malloc(3 * path.length + 4);
    struct reject reject;
    struct target target;
    size_t length, again_length;

    CHECK(target_resolve_path(exact, resolved, &length, &reject));
    CHECK(length <= path.length + 1);
    check_segments(resolved, length);
    CHECK(is_resolved ==
          (length == path.length && memcmp(resolved, path.bytes, length) == 0));

    span raw = {0, (uint32_t)escape(resolved, length, escaped)};
    CHECK(target_parse(escaped, raw, &target, &reject));
    CHECK(target.form == TARGET_ORIGIN && target.query.length == 0);
    CHECK(target_resolve_path(span_in(escaped, target.path), again, &again_length,
                              &reject));
    CHECK(again_length == length && memcmp(again, resolved, length) == 0);
    free_copy(exact);
    free(resolved);
    free(escaped);
    free(again);
}

static void check_authority(slice authority)
{
    CHECK(target_authority_is_valid(authority));
    CHECK(target_authority_equal(authority, authority, 80));
    for (size_t i = 0; i < authority.length; i++)
        CHECK(strchr("/?#@, \t\r\n", authority.bytes[i]) == NULL);
}

static void check_parts(slice raw, const struct target *target)
{
    slice query = span_in(raw.bytes, target->query);

    CHECK(target->path.offset + target->path.length <= raw.length);
    CHECK(target->query.offset + target->query.length == raw.length);
    CHECK(memchr(raw.bytes + target->path.offset, '?', target->path.length) == NULL);
    CHECK(query.length == 0 || query.bytes[-1] == '?');
    if (target->form == TARGET_ABSOLUTE)
        check_authority(span_in(raw.bytes, target->authority));
    if (target->form == TARGET_ORIGIN)
        CHECK(target->path.offset == 0 && target->path.length > 0);
}

/* ---- in a request line ---- */

/* Or it would be more than a target there. */
static bool fits_in_a_line(slice raw)
{
    for (size_t i = 0; i < raw.length; i++)
        if (strchr(" \r\n", raw.bytes[i]) != NULL && raw.bytes[i] != '\0')
            return false;
    return raw.length < 60000;
}

static void check_in_head(slice raw, bool accepted, const struct target *target)
{
    static const char before[] = "OPTIONS ", behind[] = " HTTP/1.0\r\n\r\n";
    size_t length = sizeof(before) - 1 + raw.length + sizeof(behind) - 1;
    char *line = malloc(length);
    struct head_limits limits = {65536, 65536 + 100, 0};
    struct header header;
    struct request_head head = {.headers = &header};

    memcpy(line, before, sizeof(before) - 1);
    memcpy(line + sizeof(before) - 1, raw.bytes, raw.length);
    memcpy(line + length - sizeof(behind) + 1, behind, sizeof(behind) - 1);
    for (int minor = 0; minor < 2; minor++) { /* 1.1 takes the usual path, 1.0 not */
        struct head_progress progress = {0};
        struct reject reject;

        line[length - 5] = (char)('0' + minor);
        enum head_result result = request_head_parse(slice_of(line, length), &limits,
                                                     &progress, &head, &reject);
        CHECK(result != HEAD_MORE);
        if (!accepted)
            CHECK(result == HEAD_REJECTED && reject.reason != REJECT_HOST_MISSING);
        else if (minor == 1)
            CHECK(result == HEAD_REJECTED && reject.reason == REJECT_HOST_MISSING);
        else
            CHECK(result == HEAD_DONE);
        if (!accepted)
            continue;
        CHECK(head.target.form == target->form);
        CHECK(head.target.path_is_resolved == target->path_is_resolved);
        head.target.path.offset -= sizeof(before) - 1;
        head.target.query.offset -= sizeof(before) - 1;
        head.target.authority.offset -= sizeof(before) - 1;
        CHECK(spans_equal(head.target.path, target->path));
        CHECK(spans_equal(head.target.query, target->query));
        CHECK(spans_equal(head.target.authority, target->authority));
    }
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    slice raw = exact_copy((const char *)data, length);
    struct target target;
    struct reject reject = {REJECT_NONE, 0};
    bool accepted =
        target_parse(raw.bytes, (span){0, (uint32_t)length}, &target, &reject);

    if (accepted) {
        check_parts(raw, &target);
        if (target.form != TARGET_ASTERISK)
            check_path(span_in(raw.bytes, target.path), target.path_is_resolved);
    } else {
        CHECK(reject.reason != REJECT_NONE && reject.offset <= length);
    }
    for (enum scan_variant variant = 0; variant < SCAN_VARIANT_COUNT; variant++)
        if (fits_in_a_line(raw) && scan_use(variant))
            check_in_head(raw, accepted, &target);
    free_copy(raw);
    return 0;
}
