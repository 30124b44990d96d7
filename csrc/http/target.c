/* target.c - RFC 9112, 3.2 and RFC 3986, with nothing decoded that need not be.
 *
 * target_parse takes a target apart from left to right: form, authority, path, query.
 * Most paths are what they will be resolved to; only the others are walked segment by
 * segment, here to see whether they climb, later to be written.
 */
#include "target.h"

#include "chars.h"

static bool refuse(struct reject *reject, enum reject_reason reason, size_t offset)
{
    *reject = (struct reject){reason, (uint32_t)offset};
    return false;
}

/* ---- bytes and escapes ---- */

static bool is_escape(slice text, size_t i)
{
    return text.length - i >= 3 && char_is(text.bytes[i + 1], CHAR_HEX) &&
           char_is(text.bytes[i + 2], CHAR_HEX);
}

static char escaped_byte(slice text, size_t i)
{
    return (char)(hex_value(text.bytes[i + 1]) << 4 | hex_value(text.bytes[i + 2]));
}

/* Visible ASCII but "#" (a fragment is never sent), every escape complete and no NUL.
 */
static bool bytes_are_valid(slice raw, size_t offset, struct reject *reject)
{
    for (size_t i = 0; i < raw.length; i++) {
        if (!char_is(raw.bytes[i], CHAR_VISIBLE) || raw.bytes[i] == '#')
            return refuse(reject, REJECT_TARGET_BYTE, offset + i);
        if (raw.bytes[i] != '%')
            continue;
        if (!is_escape(raw, i))
            return refuse(reject, REJECT_TARGET_ESCAPE, offset + i);
        if (escaped_byte(raw, i) == '\0')
            return refuse(reject, REJECT_TARGET_NUL, offset + i);
    }
    return true;
}

/* ---- paths ---- */

/* How many dots the segment at `start` is made of, encoded or not, if it is nothing but
 * one or two; else 0. */
static unsigned dot_count(slice path, size_t start, size_t end)
{
    slice segment = slice_of(path.bytes, end);
    unsigned dots = 0;
    size_t i = start;

    while (i < end && dots < 3) {
        if (path.bytes[i] == '.')
            i += 1;
        else if (path.bytes[i] == '%' && is_escape(segment, i) &&
                 escaped_byte(segment, i) == '.')
            i += 3;
        else
            return 0;
        dots++;
    }
    return dots < 3 ? dots : 0;
}

static size_t segment_end(slice path, size_t start)
{
    const char *slash = start < path.length
                            ? memchr(path.bytes + start, '/', path.length - start)
                            : NULL;

    return slash != NULL ? (size_t)(slash - path.bytes) : path.length;
}

/* Writes the segment decoded; an encoded slash as NUL. Never writes more than it read.
 */
static char *write_segment(char *out, slice path, size_t start, size_t end)
{
    slice upto = slice_of(path.bytes, end);

    for (size_t i = start; i < end; i++) {
        char c = path.bytes[i];

        if (c == '%' && is_escape(upto, i)) {
            c = escaped_byte(upto, i);
            c = c == '/' ? '\0' : c;
            i += 2;
        }
        *out++ = c;
    }
    return out;
}

/* `out` stands behind a slash. */
static char *drop_segment(char *first, char *out)
{
    do
        out--;
    while (out > first && out[-1] != '/');
    return out;
}

bool target_resolve_path(slice raw_path, char *resolved, size_t *length,
                         struct reject *reject)
{
    char *first = resolved + 1; /* behind the root's slash */
    char *out = first;

    *resolved = '/';
    for (size_t start = 1, end; start <= raw_path.length; start = end + 1) {
        end = segment_end(raw_path, start);
        unsigned dots = dot_count(raw_path, start, end);

        if (dots == 2 && out == first)
            return refuse(reject, REJECT_TARGET_CLIMBS, start);
        if (dots == 2)
            out = drop_segment(first, out);
        if (dots != 0 || start == end)
            continue;
        out = write_segment(out, raw_path, start, end);
        if (end < raw_path.length)
            *out++ = '/';
    }
    *length = (size_t)(out - resolved);
    return true;
}

/* Walks as target_resolve_path does, but only counts. */
static bool path_climbs(slice path, size_t *offset)
{
    size_t depth = 0;

    for (size_t start = 1, end; start <= path.length; start = end + 1) {
        end = segment_end(path, start);
        unsigned dots = dot_count(path, start, end);

        if (dots == 2 && depth == 0) {
            *offset = start;
            return true;
        }
        if (dots == 2)
            depth--;
        else if (dots == 0 && start < end)
            depth++;
    }
    return false;
}

static bool path_is_resolved(slice path)
{
    if (path.length == 0 || memchr(path.bytes, '%', path.length) != NULL)
        return false;
    for (size_t start = 1, end; start < path.length; start = end + 1) {
        end = segment_end(path, start);
        if (start == end || dot_count(path, start, end) != 0)
            return false;
    }
    return true;
}

/* ---- authority ---- */

/* At most four hexadecimal digits, at least one. */
static size_t group_length(slice text)
{
    size_t length = 0;

    while (length < 5 && length < text.length && char_is(text.bytes[length], CHAR_HEX))
        length++;
    return length < 5 ? length : 0;
}

static bool ipv4_is_valid(slice text)
{
    unsigned parts = 0;
    size_t i = 0;

    while (i < text.length && parts < 4) {
        unsigned number = 0;
        size_t start = i;

        while (i < text.length && i - start < 4 && text.bytes[i] >= '0' &&
               text.bytes[i] <= '9')
            number = number * 10 + (unsigned)(text.bytes[i++] - '0');
        if (i == start || number > 255 || (i - start > 1 && text.bytes[start] == '0'))
            return false;
        parts++;
        if (parts < 4 && (i == text.length || text.bytes[i++] != '.'))
            return false;
    }
    return parts == 4 && i == text.length;
}

/* IPv6address of RFC 3986, 3.2.2: eight groups, or fewer around one "::"; the last two
 * may be written as an IPv4 address. No zone: it means nothing to another host. */
static bool ipv6_is_valid(slice text)
{
    unsigned groups = 0;
    bool gap = false;
    size_t i = 0;

    if (text.length >= 2 && text.bytes[0] == ':' && text.bytes[1] == ':') {
        gap = true;
        i = 2;
    }
    while (i < text.length) {
        slice rest = slice_of(text.bytes + i, text.length - i);
        size_t length = group_length(rest);

        if (length < rest.length && rest.bytes[length] == '.')
            return ipv4_is_valid(rest) && (gap ? groups <= 5 : groups == 6);
        if (length == 0 || ++groups > 8)
            return false;
        i += length;
        if (i == text.length)
            break;
        if (text.bytes[i++] != ':' || i == text.length)
            return false;
        if (text.bytes[i] == ':') {
            if (gap)
                return false;
            gap = true;
            i++;
        }
    }
    return gap ? groups <= 7 : groups == 8;
}

/* Empty, or a colon with at most a port number; RFC 3986 allows the number to be
 * missing. */
static bool port_is_valid(slice text)
{
    uint32_t port = 0;

    if (text.length == 0)
        return true;
    if (text.bytes[0] != ':')
        return false;
    for (size_t i = 1; i < text.length; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(text.bytes[i] - '0');
        if (port > 65535)
            return false;
    }
    return true;
}

/* Length of the registered name or IPv4 address at the beginning; 0 if there is none.
 */
static size_t name_length(slice authority)
{
    size_t i = 0;

    while (i < authority.length) {
        if (char_is(authority.bytes[i], CHAR_REG_NAME))
            i++;
        else if (authority.bytes[i] == '%' && is_escape(authority, i) &&
                 escaped_byte(authority, i) != '\0')
            i += 3;
        else
            break;
    }
    return i;
}

/* The host without the port, brackets included; 0 if it is malformed. */
static size_t host_length(slice authority)
{
    if (authority.length == 0 || authority.bytes[0] != '[')
        return name_length(authority);

    const char *bracket = memchr(authority.bytes, ']', authority.length);
    if (bracket == NULL)
        return 0;
    size_t length = (size_t)(bracket - authority.bytes) + 1;
    return ipv6_is_valid(slice_of(authority.bytes + 1, length - 2)) ? length : 0;
}

bool target_authority_is_valid(slice authority)
{
    size_t length = host_length(authority);

    return length > 0 &&
           port_is_valid(slice_of(authority.bytes + length, authority.length - length));
}

/* `text` is what port_is_valid takes. */
static uint32_t port_number(slice text, uint16_t default_port)
{
    uint32_t port = 0;

    if (text.length < 2)
        return default_port;
    for (size_t i = 1; i < text.length; i++)
        port = port * 10 + (uint32_t)(text.bytes[i] - '0');
    return port;
}

bool target_authority_equal(slice a, slice b, uint16_t default_port)
{
    size_t a_host = host_length(a);
    size_t b_host = host_length(b);
    slice a_port = slice_of(a.bytes + a_host, a.length - a_host);
    slice b_port = slice_of(b.bytes + b_host, b.length - b_host);

    return slice_equal_ignoring_case(slice_of(a.bytes, a_host),
                                     slice_of(b.bytes, b_host)) &&
           port_number(a_port, default_port) == port_number(b_port, default_port);
}

/* ---- the target as a whole ---- */

static bool begins_with(slice text, slice prefix)
{
    return text.length >= prefix.length &&
           slice_equal_ignoring_case(slice_of(text.bytes, prefix.length), prefix);
}

static span part_of(const char *buffer, const char *first, const char *end)
{
    return (span){(uint32_t)(first - buffer), (uint32_t)(end - first)};
}

/* Path and query, from `start` within the target on. */
static bool split_path(const char *buffer, slice raw, size_t start,
                       struct target *target, struct reject *reject)
{
    const char *first = raw.bytes + start;
    const char *end = raw.bytes + raw.length;
    const char *mark = memchr(first, '?', (size_t)(end - first));
    const char *path_end = mark != NULL ? mark : end;
    slice path = slice_of(first, (size_t)(path_end - first));
    size_t climbs_at;

    target->path = part_of(buffer, first, path_end);
    target->query = part_of(buffer, mark != NULL ? mark + 1 : end, end);
    target->path_is_resolved = path_is_resolved(path);
    if (!target->path_is_resolved && path_climbs(path, &climbs_at))
        return refuse(reject, REJECT_TARGET_CLIMBS, target->path.offset + climbs_at);
    return true;
}

/* `scheme_length` includes "://". */
static bool split_absolute(const char *buffer, slice raw, size_t scheme_length,
                           struct target *target, struct reject *reject)
{
    size_t end = scheme_length;

    while (end < raw.length && raw.bytes[end] != '/' && raw.bytes[end] != '?')
        end++;
    slice authority = slice_of(raw.bytes + scheme_length, end - scheme_length);
    if (!target_authority_is_valid(authority))
        return refuse(reject, REJECT_TARGET_FORM, (size_t)(authority.bytes - buffer));
    target->form = TARGET_ABSOLUTE;
    target->authority = part_of(buffer, authority.bytes, raw.bytes + end);
    return split_path(buffer, raw, end, target, reject);
}

bool target_parse(const char *buffer, span raw_span, struct target *target,
                  struct reject *reject)
{
    slice raw = span_in(buffer, raw_span);
    struct target parsed = {.form = TARGET_ORIGIN,
                            .path = {raw_span.offset, 0},
                            .query = {raw_span.offset + raw_span.length, 0},
                            .authority = {raw_span.offset, 0}};
    bool legal;

    if (!bytes_are_valid(raw, raw_span.offset, reject))
        return false;
    if (raw.length > 0 && raw.bytes[0] == '/') {
        legal = split_path(buffer, raw, 0, &parsed, reject);
    } else if (slice_equal(raw, SLICE("*"))) {
        parsed.form = TARGET_ASTERISK;
        legal = true;
    } else if (begins_with(raw, SLICE("http://"))) {
        legal = split_absolute(buffer, raw, 7, &parsed, reject);
    } else if (begins_with(raw, SLICE("https://"))) {
        legal = split_absolute(buffer, raw, 8, &parsed, reject);
    } else {
        legal = refuse(reject, REJECT_TARGET_FORM, raw_span.offset);
    }
    if (legal)
        *target = parsed;
    return legal;
}
