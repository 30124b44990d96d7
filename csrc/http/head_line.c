/* head_line.c - a request line taken apart, and what is wrong with a line.
 *
 * Off the usual path: request lines with an unusual method, HTTP/1.0, or a fault.
 */
#include "chars.h"
#include "head_reader.h"

/* The span of `line` from `first` up to the next space or the line's end. */
static slice word(slice line, const char *first)
{
    const char *end = line.bytes + line.length;
    const char *space = memchr(first, ' ', (size_t)(end - first));

    return slice_of(first, (size_t)((space != NULL ? space : end) - first));
}

static const char *end_of(slice part)
{
    return part.bytes + part.length;
}

static bool check_method(const struct head_reader *reader, slice name)
{
    for (size_t i = 0; i < name.length; i++)
        if (!char_is(name.bytes[i], CHAR_TOKEN))
            return head_refuse(reader, REJECT_METHOD, name.bytes + i);
    return name.length > 0 || head_refuse(reader, REJECT_METHOD, name.bytes);
}

/* "HTTP/" digit "." digit, in capitals. */
static bool check_version(const struct head_reader *reader, slice version)
{
    static const char shape[] = "HTTP/1.1";

    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        bool digit = i == 5 || i == 7;

        if (i == version.length ||
            (digit ? version.bytes[i] < '0' || version.bytes[i] > '9'
                   : version.bytes[i] != shape[i]))
            return head_refuse(reader, REJECT_VERSION, version.bytes + i);
    }
    if (version.length > sizeof(shape) - 1)
        return head_refuse(reader, REJECT_VERSION, version.bytes + sizeof(shape) - 1);
    if (version.bytes[5] == '0')
        return head_refuse(reader, REJECT_VERSION, version.bytes + 5);
    if (version.bytes[5] != '1')
        return head_refuse(reader, REJECT_VERSION_MAJOR, version.bytes + 5);
    reader->head->version_minor = version.bytes[7] != '0';
    return true;
}

bool head_target(const struct head_reader *reader, slice raw)
{
    struct request_head *head = reader->head;

    head->raw_target = head_span(reader, raw.bytes, end_of(raw));
    if (!target_parse(reader->begin, head->raw_target, &head->target, reader->reject))
        return false;
    if (head->target.form == TARGET_ASTERISK && head->method != METHOD_OPTIONS)
        return head_refuse(reader, REJECT_TARGET_FORM, raw.bytes);
    return true;
}

/* The version is looked at before method and target are understood, since what they
 * mean depends on it: "PRI * HTTP/2.0" is HTTP/2 asking, not a strange target. */
bool head_request_line(const struct head_reader *reader, slice line)
{
    struct request_head *head = reader->head;
    slice name = word(line, line.bytes);

    if (!check_method(reader, name))
        return false;
    if (end_of(name) == end_of(line))
        return head_refuse(reader, REJECT_REQUEST_LINE, end_of(line));
    slice raw = word(line, end_of(name) + 1);
    if (raw.length == 0 || end_of(raw) == end_of(line))
        return head_refuse(reader, REJECT_REQUEST_LINE, end_of(raw));
    slice version = word(line, end_of(raw) + 1);
    if (end_of(version) != end_of(line))
        return head_refuse(reader, REJECT_REQUEST_LINE, end_of(version));
    if (!check_version(reader, version))
        return false;
    if (slice_equal(name, SLICE("CONNECT")))
        return head_refuse(reader, REJECT_CONNECT, name.bytes);

    head->method = method_from_name(name);
    head->method_name = head_span(reader, name.bytes, end_of(name));
    return head_target(reader, raw);
}

/* ---- what is wrong ---- */

/* A control character in method, target or version. */
static enum reject_reason spoiled_word(const char *line, const char *stop)
{
    unsigned spaces = 0;

    for (const char *p = line; p < stop; p++)
        spaces += *p == ' ';
    if (spaces == 0)
        return REJECT_METHOD;
    return spaces == 1 ? REJECT_TARGET_BYTE : REJECT_VERSION;
}

void head_line_spoiled(const struct head_reader *reader, const char *line,
                       const char *stop)
{
    enum reject_reason reason;

    if (*stop == '\r' || *stop == '\n')
        reason = REJECT_LINE_END;
    else if (reader->progress->stage != STAGE_FIELDS)
        reason = spoiled_word(line, stop);
    else if (memchr(line, ':', (size_t)(stop - line)) != NULL)
        reason = REJECT_HEADER_BYTE;
    else
        reason = REJECT_HEADER_NAME;
    head_refuse(reader, reason, stop);
}

void head_field_malformed(const struct head_reader *reader, slice line)
{
    const char *p = line.bytes;
    const char *end = end_of(line);

    if (char_is(*p, CHAR_BLANK)) {
        head_refuse(reader, REJECT_HEADER_FOLDED, p);
        return;
    }
    while (p < end && char_is(*p, CHAR_TOKEN))
        p++;
    const char *blank = p;
    while (p < end && char_is(*p, CHAR_BLANK))
        p++;
    bool blank_before_colon = blank > line.bytes && blank < p && p < end && *p == ':';
    head_refuse(reader, blank_before_colon ? REJECT_HEADER_BLANK : REJECT_HEADER_NAME,
                blank);
}
