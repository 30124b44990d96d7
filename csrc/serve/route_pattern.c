#include "route_pattern.h"

#include "error.h"

/* So that a message holds a quoted segment and what is wrong with it. */
enum { QUOTED_BYTES_MAX = 128 };

static int quoted_length(slice text)
{
    return text.length > QUOTED_BYTES_MAX ? QUOTED_BYTES_MAX : (int)text.length;
}

static bool is_name(slice text)
{
    for (size_t at = 0; at < text.length; at++) {
        char c = text.bytes[at];
        bool digit = c >= '0' && c <= '9';
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (!letter && !(digit && at > 0))
            return false;
    }
    return text.length > 0;
}

static bool has_byte(slice text, char byte)
{
    return memchr(text.bytes, byte, text.length) != NULL;
}

static bool name_is_taken(const struct route_pattern *pattern, slice name)
{
    for (uint32_t at = 0; at < pattern->segment_count; at++) {
        if (pattern->segments[at].kind != SEGMENT_LITERAL &&
            slice_equal(pattern->segments[at].text, name))
            return true;
    }
    return false;
}

static uint32_t param_count(const struct route_pattern *pattern)
{
    uint32_t count = 0;

    for (uint32_t at = 0; at < pattern->segment_count; at++) {
        if (pattern->segments[at].kind != SEGMENT_LITERAL &&
            pattern->segments[at].text.length > 0)
            count++;
    }
    return count;
}

static bool parse_type(slice type, enum segment_kind *kind, struct pyrs_error *error)
{
    if (slice_equal(type, SLICE("int")))
        *kind = SEGMENT_INT;
    else if (slice_equal(type, SLICE("path")))
        *kind = SEGMENT_REST;
    else
        return error_set(error, 0,
                         "unknown type \"%.*s\" of a parameter; there are int and path",
                         quoted_length(type), type.bytes);
    return true;
}

/* `text` is what stands between the braces. */
static bool parse_param(slice text, const struct route_pattern *before,
                        struct segment *segment, struct pyrs_error *error)
{
    const char *colon = memchr(text.bytes, ':', text.length);
    slice name = text;

    segment->kind = SEGMENT_PARAM;
    if (colon != NULL) {
        const char *type = colon + 1;

        name.length = (size_t)(colon - text.bytes);
        if (!parse_type(slice_of(type, (size_t)(text.bytes + text.length - type)),
                        &segment->kind, error))
            return false;
    }
    if (name.length == 0)
        return error_set(error, 0, "a parameter without a name");
    if (!is_name(name))
        return error_set(error, 0,
                         "parameter \"%.*s\" is not named with letters, digits and _, "
                         "the first not a digit",
                         quoted_length(name), name.bytes);
    if (name_is_taken(before, name))
        return error_set(error, 0, "two parameters are named \"%.*s\"",
                         quoted_length(name), name.bytes);
    if (param_count(before) == ROUTE_PARAMS_MAX)
        return error_set(error, 0, "more than %d parameters", ROUTE_PARAMS_MAX);
    segment->text = name;
    return true;
}

static bool parse_literal(slice text, struct segment *segment, struct pyrs_error *error)
{
    int length = quoted_length(text);

    if (has_byte(text, '{') || has_byte(text, '}'))
        return error_set(
            error, 0, "braces in \"%.*s\": a parameter is a whole segment, \"{name}\"",
            length, text.bytes);
    if (has_byte(text, '*'))
        return error_set(error, 0,
                         "a star in \"%.*s\": it stands for a whole segment, alone",
                         length, text.bytes);
    if (slice_equal(text, SLICE(".")) || slice_equal(text, SLICE("..")))
        return error_set(error, 0,
                         "\"%.*s\" would never match: dot segments of a "
                         "request are resolved first",
                         length, text.bytes);
    *segment = (struct segment){SEGMENT_LITERAL, text};
    return true;
}

static bool parse_segment(slice text, bool is_last, const struct route_pattern *before,
                          struct segment *segment, struct pyrs_error *error)
{
    slice inside;

    if (slice_equal(text, SLICE("*"))) {
        *segment = (struct segment){is_last ? SEGMENT_REST : SEGMENT_ANY, SLICE("")};
        return true;
    }
    if (text.bytes[0] != '{')
        return parse_literal(text, segment, error);
    inside = slice_of(text.bytes + 1, text.length - 1);
    if (!has_byte(inside, '}'))
        return error_set(error, 0, "the brace of \"%.*s\" is not closed",
                         quoted_length(text), text.bytes);
    inside.length--;
    if (has_byte(inside, '{') || has_byte(inside, '}'))
        return parse_literal(text, segment, error);
    if (!parse_param(inside, before, segment, error))
        return false;
    if (segment->kind == SEGMENT_REST && !is_last)
        return error_set(error, 0,
                         "\"%.*s\" takes the rest, so it has to be the last segment",
                         quoted_length(text), text.bytes);
    return true;
}

void route_pattern_normalise(const char *pattern, char *normal)
{
    char *out = normal;

    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at != '/' || out == normal || out[-1] != '/')
            *out++ = *at;
    }
    if (out - normal > 1 && out[-1] == '/')
        out--;
    *out = '\0';
}

bool route_pattern_parse(const char *normal, struct route_pattern *parsed,
                         struct pyrs_error *error)
{
    const char *at = normal;

    for (const char *byte = normal; *byte != '\0'; byte++) {
        if ((unsigned char)*byte < 0x20 || *byte == 0x7F)
            return error_set(error, 0, "a control byte (0x%02x) in the path",
                             (unsigned)(unsigned char)*byte);
    }
    if (*at != '/')
        return error_set(error, 0, "the path has to begin with a slash");
    parsed->segment_count = 0;
    parsed->is_literal = true;
    while (at[0] == '/' && at[1] != '\0') {
        slice text = slice_of(at + 1, strcspn(at + 1, "/"));
        struct segment segment;

        at += 1 + text.length;
        if (parsed->segment_count == ROUTE_SEGMENTS_MAX)
            return error_set(error, 0, "more than %d segments", ROUTE_SEGMENTS_MAX);
        if (!parse_segment(text, *at == '\0', parsed, &segment, error))
            return false;
        parsed->segments[parsed->segment_count++] = segment;
        parsed->is_literal &= segment.kind == SEGMENT_LITERAL;
    }
    return true;
}
