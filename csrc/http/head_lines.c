/* head_lines.c - the walk over the lines of a head.
 *
 * Only the usual case is written out here, and every test in it decides between "the
 * usual case" and a call that finds out what else it is.
 */
#include "chars.h"
#include "head_reader.h"

/* The end of what is known: everything before `looked` was scanned for a line's end. */
static enum head_result more(const struct head_reader *reader, const char *line,
                             const char *looked)
{
    reader->progress->line_start = (uint32_t)(line - reader->begin);
    reader->progress->looked = (uint32_t)(looked - reader->begin);
    return HEAD_MORE;
}

static inline bool is_crlf(const char *stop, const char *end)
{
    return end - stop >= 2 && stop[0] == '\r' && stop[1] == '\n';
}

/* A line without its CRLF: it may still come, or never. */
static enum head_result unfinished(const struct head_reader *reader, const char *line,
                                   const char *stop)
{
    if (stop == reader->end || (*stop == '\r' && stop + 1 == reader->end))
        return more(reader, line, stop);
    head_line_spoiled(reader, line, stop);
    return HEAD_REJECTED;
}

/* ---- the request line ---- */

static inline uint64_t load_8(const char *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

static inline bool eight_are(const char *bytes, const char text[8])
{
    return load_8(bytes) == load_8(text);
}

static inline uint32_t load_4(const char *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

static inline bool four_are(const char *bytes, const char text[4])
{
    return load_4(bytes) == load_4(text);
}

/* The method that the line begins with, up to its space; METHOD_OTHER means "look
 * closer". At least eight bytes can be read. */
static inline enum method usual_method(const char *line)
{
    if (four_are(line, "GET "))
        return METHOD_GET;
    if (four_are(line, "POST") && line[4] == ' ')
        return METHOD_POST;
    if (four_are(line, "HEAD") && line[4] == ' ')
        return METHOD_HEAD;
    if (four_are(line, "PUT "))
        return METHOD_PUT;
    if (eight_are(line, "OPTIONS "))
        return METHOD_OPTIONS;
    if (four_are(line, "DELE") && four_are(line + 3, "ETE "))
        return METHOD_DELETE;
    if (four_are(line, "PATC") && line[4] == 'H' && line[5] == ' ')
        return METHOD_PATCH;
    return METHOD_OTHER;
}

static const uint8_t method_lengths[METHOD_COUNT] = {
    [METHOD_GET] = 3,    [METHOD_HEAD] = 4,  [METHOD_POST] = 4,    [METHOD_PUT] = 3,
    [METHOD_DELETE] = 6, [METHOD_PATCH] = 5, [METHOD_OPTIONS] = 7,
};

enum { VERSION_LINE_END_BYTES = sizeof(" HTTP/1.1\r\n") - 1 };

static inline bool is_version_line_end(const char *p, const char *end)
{
    return end - p >= VERSION_LINE_END_BYTES && eight_are(p, " HTTP/1.") &&
           p[8] == '1' && p[9] == '\r' && p[10] == '\n';
}

/* The usual request line, one pass: a well-known method, a target, HTTP/1.1. HEAD_MORE
 * means "look closer", nothing is touched then. */
static inline enum head_result usual_request_line(const struct head_reader *reader,
                                                  const char *line, const char **next)
{
    struct request_head *head = reader->head;

    if (reader->end - line < 16)
        return HEAD_MORE;
    enum method method = usual_method(line);
    if (method == METHOD_OTHER)
        return HEAD_MORE;
    size_t name_length = method_lengths[method];
    const char *raw = line + name_length + 1;
    struct target_scan scan = reader->scan->target(reader->begin, raw, reader->end);
    size_t line_length = (size_t)(scan.stop - line) + VERSION_LINE_END_BYTES - 2;
    if (scan.stop == raw || !is_version_line_end(scan.stop, reader->end) ||
        line_length > reader->limits->request_line_bytes_max)
        return HEAD_MORE;

    head->method = method;
    head->method_name = head_span(reader, line, line + name_length);
    head->version_minor = 1;
    *next = line + line_length + 2;
    if (*raw != '/' || scan.odd)
        return head_target(reader, slice_of(raw, (size_t)(scan.stop - raw)))
                   ? HEAD_DONE
                   : HEAD_REJECTED;

    head->raw_target = head_span(reader, raw, scan.stop);
    const char *query = scan.question + (scan.question != scan.stop);
    head->target = (struct target){
        .form = TARGET_ORIGIN,
        .path = head_span(reader, raw, scan.question),
        .query = head_span(reader, query, scan.stop),
        .authority = head_span(reader, raw, raw),
        .path_is_resolved = true,
    };
    return HEAD_DONE;
}

/* Any request line. What was looked at before holds no line end: a line that comes a
 * byte at a time is scanned once. */
static enum head_result read_request_line(const struct head_reader *reader,
                                          const char *line, const char **next)
{
    const char *looked = reader->begin + reader->progress->looked;
    const char *stop = reader->scan->control(
        reader->begin, looked > line ? looked : line, reader->end);

    if ((size_t)(stop - line) > reader->limits->request_line_bytes_max) {
        head_refuse(reader, REJECT_REQUEST_LINE_LENGTH,
                    line + reader->limits->request_line_bytes_max);
        return HEAD_REJECTED;
    }
    if (!is_crlf(stop, reader->end))
        return unfinished(reader, line, stop);
    *next = stop + 2;
    return head_request_line(reader, slice_of(line, (size_t)(stop - line)))
               ? HEAD_DONE
               : HEAD_REJECTED;
}

/* RFC 9112, 2.2: one empty line before a request line is the remainder of a body that
 * some old clients send too much of. */
static enum head_result skip_empty_line(const struct head_reader *reader,
                                        const char **line)
{
    const char *p = *line;

    if (p == reader->end)
        return more(reader, p, p);
    if (*p != '\r')
        return HEAD_DONE;
    if (!is_crlf(p, reader->end))
        return unfinished(reader, p, p);
    if (reader->progress->stage != STAGE_START) {
        head_refuse(reader, REJECT_REQUEST_LINE, p);
        return HEAD_REJECTED;
    }
    reader->progress->stage = STAGE_REQUEST_LINE;
    *line = p + 2;
    return skip_empty_line(reader, line);
}

/* ---- header lines ---- */

/* Bytes that differ in the bit of a letter's case only; `text` in lower case. Behind a
 * token, no other byte can become "-" or a letter by setting that bit. */
static inline bool eight_are_folded(const char *bytes, const char text[8])
{
    return (load_8(bytes) | UINT64_C(0x2020202020202020)) == load_8(text);
}

static inline bool four_are_folded(const char *bytes, const char text[4])
{
    return (load_4(bytes) | UINT32_C(0x20202020)) == load_4(text);
}

/* Few names mean anything here, and their lengths tell most others apart from them. */
static inline enum head_field field_of_name(const char *name, size_t length)
{
    switch (length) {
    case 4:
        return four_are_folded(name, "host") ? FIELD_HOST : FIELD_OTHER;
    case 6:
        return four_are_folded(name, "expe") && four_are_folded(name + 2, "pect")
                   ? FIELD_EXPECT
                   : FIELD_OTHER;
    case 10:
        return eight_are_folded(name, "connecti") && four_are_folded(name + 6, "tion")
                   ? FIELD_CONNECTION
                   : FIELD_OTHER;
    case 14:
        return eight_are_folded(name, "content-") &&
                       eight_are_folded(name + 6, "t-length")
                   ? FIELD_CONTENT_LENGTH
                   : FIELD_OTHER;
    case 17:
        return eight_are_folded(name, "transfer") &&
                       eight_are_folded(name + 8, "-encodin") &&
                       eight_are_folded(name + 9, "encoding")
                   ? FIELD_TRANSFER_ENCODING
                   : FIELD_OTHER;
    default:
        return FIELD_OTHER;
    }
}

static inline void set_field(const struct head_reader *reader, struct header *header,
                             const char *name, const struct field_scan *scan)
{
    const char *first = scan->name_end + 1;
    const char *end = scan->stop;

    while (first < end && char_is(*first, CHAR_BLANK))
        first++;
    while (first < end && char_is(end[-1], CHAR_BLANK))
        end--;
    header->name = head_span(reader, name, scan->name_end);
    header->value = head_span(reader, first, end);
}

static enum head_result finish(const struct head_reader *reader, const char *empty_line,
                               const struct header *header)
{
    struct request_head *head = reader->head;

    if (!is_crlf(empty_line, reader->end))
        return unfinished(reader, empty_line, empty_line);
    head->header_count = (uint32_t)(header - head->headers);
    head->bytes = (uint32_t)(empty_line + 2 - reader->begin);
    return head_fields_finish(reader, empty_line) ? HEAD_DONE : HEAD_REJECTED;
}

static enum head_result read_fields(const struct head_reader *reader, const char *line)
{
    struct header *headers = reader->head->headers;
    struct header *header = headers + reader->progress->header_count;
    struct header *headers_end = headers + reader->limits->headers_max;

    for (;;) {
        reader->progress->header_count = (uint32_t)(header - headers);
        if (line == reader->end)
            return more(reader, line, line);
        if (*line == '\r')
            return finish(reader, line, header);
        if (header == headers_end) {
            head_refuse(reader, REJECT_HEADER_COUNT, line);
            return HEAD_REJECTED;
        }
        struct field_scan scan = reader->scan->field(reader->begin, line, reader->end);
        if (!is_crlf(scan.stop, reader->end))
            return unfinished(reader, line, scan.stop);
        if (*scan.name_end != ':' || scan.name_end == line) {
            head_field_malformed(reader, slice_of(line, (size_t)(scan.stop - line)));
            return HEAD_REJECTED;
        }
        set_field(reader, header, line, &scan);
        enum head_field field = field_of_name(line, header->name.length);
        if (field != FIELD_OTHER && !head_field_apply(reader, field, header))
            return HEAD_REJECTED;
        header++;
        line = scan.stop + 2;
    }
}

/* Has the line that was left unfinished still no end? Scanning goes on where it
 * stopped, so a head that comes a byte at a time is looked at twice, not once per byte.
 */
static bool still_unfinished(const struct head_reader *reader, const char *line)
{
    const char *looked = reader->begin + reader->progress->looked;

    if (looked <= line)
        return false;
    const char *stop = reader->scan->control(reader->begin, looked, reader->end);
    reader->progress->looked = (uint32_t)(stop - reader->begin);
    return stop == reader->end || (*stop == '\r' && stop + 1 == reader->end);
}

enum head_result head_lines(const struct head_reader *reader)
{
    struct head_progress *progress = reader->progress;
    const char *line = reader->begin + progress->line_start;
    bool fresh = progress->looked <= progress->line_start;

    if (progress->stage != STAGE_FIELDS) {
        enum head_result result = skip_empty_line(reader, &line);
        if (result != HEAD_DONE)
            return result;
        result = fresh ? usual_request_line(reader, line, &line) : HEAD_MORE;
        if (result == HEAD_MORE)
            result = read_request_line(reader, line, &line);
        if (result != HEAD_DONE)
            return result;
        progress->stage = STAGE_FIELDS;
    } else if (still_unfinished(reader, line)) {
        return HEAD_MORE;
    }
    return read_fields(reader, line);
}
