/* cgi_head.c - see cgi_head.h. */
#include "cgi_head.h"

#include "response_head.h"

/* Fields that mean something to the server; each may stand once (RFC 3875, 6.3). */
enum own_field {
    OWN_CONTENT_TYPE,
    OWN_LOCATION,
    OWN_STATUS,
    OWN_CONTENT_LENGTH,
    OWN_FIELD_COUNT,
    OWN_NONE = OWN_FIELD_COUNT
};

struct reader {
    struct cgi_head *head;
    bool is_response; /* a whole one */
    bool is_chunked;
    bool seen[OWN_FIELD_COUNT];
};

size_t cgi_head_length(slice bytes, size_t *looked)
{
    const char *end = bytes.bytes + bytes.length;
    const char *at = bytes.bytes + *looked, *line_feed;

    /* `at` stands behind a line end, or at the first byte. */
    while ((line_feed = memchr(at, '\n', (size_t)(end - at)))) {
        if (line_feed == at || (line_feed == at + 1 && *at == '\r'))
            return (size_t)(line_feed + 1 - bytes.bytes);
        at = line_feed + 1;
    }
    *looked = (size_t)(at - bytes.bytes);
    return 0;
}

static bool is_one_of(slice name, const slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal_ignoring_case(name, names[i]))
            return true;
    return false;
}

/* What is between the server and its client alone (RFC 3875, 6.3.4; RFC 9110, 7.6.1),
 * and what the server says itself. Programs that were written for a bare socket send
 * them; they are left out. */
static bool is_the_connections(slice name)
{
    static const slice NAMES[] = {{"connection", 10},       {"keep-alive", 10},
                                  {"proxy-connection", 16}, {"te", 2},
                                  {"trailer", 7},           {"upgrade", 7}};

    return is_one_of(name, NAMES, sizeof NAMES / sizeof *NAMES);
}

static bool is_the_servers(slice name)
{
    static const slice NAMES[] = {{"date", 4}, {"server", 6}};

    return is_one_of(name, NAMES, sizeof NAMES / sizeof *NAMES);
}

static enum own_field own_field(slice name)
{
    static const slice NAMES[OWN_FIELD_COUNT] = {
        [OWN_CONTENT_TYPE] = {"content-type", 12},
        [OWN_LOCATION] = {"location", 8},
        [OWN_STATUS] = {"status", 6},
        [OWN_CONTENT_LENGTH] = {"content-length", 14},
    };
    enum own_field field = OWN_CONTENT_TYPE;

    while (field < OWN_FIELD_COUNT && !slice_equal_ignoring_case(name, NAMES[field]))
        field++;
    return field;
}

/* "404 Not Found", RFC 3875, 6.3.3; the text may be missing. An interim status would be
 * taken for an answer before the answer. */
static bool read_status(slice value, uint16_t *status)
{
    int64_t number;

    if (value.length < 3 || (value.length > 3 && value.bytes[3] != ' ') ||
        !slice_to_int64(slice_of(value.bytes, 3), &number) || number < 200 ||
        number > 599)
        return false;
    *status = (uint16_t)number;
    return true;
}

static const char *keep_field(struct cgi_head *head, slice name, slice value)
{
    if (head->field_count == CGI_HEAD_FIELDS_MAX)
        return "too many fields";
    head->fields[head->field_count++] = (struct cgi_field){name, value};
    return NULL;
}

/* Whole responses are passed on with what they have; they are looked at only where they
 * tell how long they are. */
static const char *read_of_response(struct reader *reader, slice name, slice value)
{
    struct cgi_head *head = reader->head;

    if (slice_equal_ignoring_case(name, SLICE("transfer-encoding"))) {
        if (reader->is_chunked || !slice_equal_ignoring_case(value, SLICE("chunked")))
            return "a Transfer-Encoding other than chunked";
        reader->is_chunked = true;
    } else if (slice_equal_ignoring_case(name, SLICE("content-length"))) {
        if (head->content_length >= 0 || !slice_to_int64(value, &head->content_length))
            return "a Content-Length that is no number, or a second one";
    }
    return keep_field(head, name, value);
}

static const char *read_own(struct reader *reader, enum own_field field, slice name,
                            slice value)
{
    struct cgi_head *head = reader->head;

    if (reader->seen[field])
        return "a field that may stand once stands twice";
    reader->seen[field] = true;
    switch (field) {
    case OWN_CONTENT_TYPE:
        head->content_type = value;
        return value.length > 0 ? NULL : "an empty Content-Type";
    case OWN_LOCATION:
        head->location = value;
        return value.length > 0 ? keep_field(head, name, value) : "an empty Location";
    case OWN_STATUS:
        return read_status(value, &head->status) ? NULL
                                                 : "a Status that is none from 200 on";
    case OWN_CONTENT_LENGTH:
        return slice_to_int64(value, &head->content_length)
                   ? NULL
                   : "a Content-Length that is no number";
    case OWN_FIELD_COUNT:
        break;
    }
    return NULL;
}

static const char *read_field(struct reader *reader, slice line)
{
    const char *colon = memchr(line.bytes, ':', line.length);
    slice name, value;

    if (*line.bytes == ' ' || *line.bytes == '\t')
        return "a folded field";
    if (!colon)
        return "a field without a colon";
    name = slice_of(line.bytes, (size_t)(colon - line.bytes));
    value = slice_trimmed(slice_of(colon + 1, line.length - name.length - 1));
    if (!field_is_valid(name, value))
        return "a field with bytes that may not be in one";
    if (is_the_connections(name))
        return NULL;
    if (reader->is_response)
        return read_of_response(reader, name, value);
    if (slice_equal_ignoring_case(name, SLICE("transfer-encoding")))
        return "a Transfer-Encoding";
    if (is_the_servers(name))
        return NULL;
    if (own_field(name) != OWN_NONE)
        return read_own(reader, own_field(name), name, value);
    return keep_field(reader->head, name, value);
}

/* The line that *bytes begin with, without its end; *bytes go on behind it. */
static slice take_line(slice *bytes)
{
    const char *line_feed = memchr(bytes->bytes, '\n', bytes->length);
    slice line = slice_of(bytes->bytes, (size_t)(line_feed - bytes->bytes));

    *bytes = slice_of(line_feed + 1, bytes->length - line.length - 1);
    if (line.length > 0 && line.bytes[line.length - 1] == '\r')
        line.length--;
    return line;
}

/* A redirect with a status of its own is the client's affair, wherever it leads. */
static void finish(struct cgi_head *head)
{
    if (head->location.length > 0 && head->status == 0)
        head->kind =
            *head->location.bytes == '/' ? CGI_LOCAL_REDIRECT : CGI_CLIENT_REDIRECT;
    if (head->status == 0)
        head->status = head->kind == CGI_DOCUMENT ? 200 : 302;
}

static void begin(struct cgi_head *head)
{
    head->kind = CGI_DOCUMENT;
    head->status = 0;
    head->status_line = head->content_type = head->location = slice_of(NULL, 0);
    head->content_length = -1;
    head->field_count = 0;
}

static const char *read_fields(struct reader *reader, slice bytes)
{
    const char *fault = NULL;
    slice line;

    while (!fault && (line = take_line(&bytes)).length > 0)
        fault = read_field(reader, line);
    return fault;
}

const char *cgi_head_parse(slice bytes, struct cgi_head *head)
{
    struct reader reader = {.head = head};
    const char *fault;

    begin(head);
    fault = read_fields(&reader, bytes);
    if (fault)
        return fault;
    if (!reader.seen[OWN_CONTENT_TYPE] && !reader.seen[OWN_LOCATION] &&
        !reader.seen[OWN_STATUS]) /* RFC 3875, 6.3: one of them at least */
        return "neither Content-Type nor Location nor Status";
    finish(head);
    return NULL;
}

/* "HTTP/1.1 200 OK" (RFC 9112, 4), the text being anything that a field may be. */
static bool read_status_line(slice line, struct cgi_head *head)
{
    if (line.length < 12 || memcmp(line.bytes, "HTTP/1.", 7) != 0 ||
        (line.bytes[7] != '0' && line.bytes[7] != '1') || line.bytes[8] != ' ' ||
        !field_is_valid(SLICE("status"), line) ||
        !read_status(slice_of(line.bytes + 9, line.length - 9), &head->status))
        return false;
    head->status_line = line;
    return true;
}

const char *cgi_head_parse_response(slice bytes, struct cgi_head *head)
{
    struct reader reader = {.head = head, .is_response = true};
    const char *fault;

    begin(head);
    if (!read_status_line(take_line(&bytes), head))
        return "no status line of HTTP/1.0 or 1.1";
    fault = read_fields(&reader, bytes);
    if (!fault && reader.is_chunked && head->content_length >= 0)
        fault = "a Transfer-Encoding beside a Content-Length";
    return fault;
}

size_t cgi_head_fields_size(const struct cgi_head *head)
{
    size_t size = 0;

    for (uint32_t i = 0; i < head->field_count; i++)
        size += head->fields[i].name.length + head->fields[i].value.length + 4;
    return size;
}

static char *write(char *out, slice text)
{
    if (text.length > 0)
        memcpy(out, text.bytes, text.length);
    return out + text.length;
}

char *cgi_head_write_fields(char *out, const struct cgi_head *head)
{
    for (uint32_t i = 0; i < head->field_count; i++) {
        out = write(out, head->fields[i].name);
        out = write(out, SLICE(": "));
        out = write(out, head->fields[i].value);
        out = write(out, SLICE("\r\n"));
    }
    return out;
}

static const slice CLOSE = {"Connection: close\r\n\r\n", 21};

size_t cgi_head_response_size(const struct cgi_head *head)
{
    return head->status_line.length + 2 + cgi_head_fields_size(head) + CLOSE.length;
}

char *cgi_head_write_response(char *out, const struct cgi_head *head)
{
    out = write(out, head->status_line);
    out = write(out, SLICE("\r\n"));
    out = cgi_head_write_fields(out, head);
    return write(out, CLOSE);
}
