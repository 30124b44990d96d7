/* response_head.c - a status line and headers, to bytes.
 *
 * Every status has its whole line prepared, so the usual answer is four copies and one
 * number. response_head_size_max adds up the same pieces that response_head_write
 * copies.
 */
#include "response_head.h"

#include "chars.h"
#include "digits.h"
#include "scan.h"

#include <assert.h>

/* RFC 9110, 15, and the IANA registry of status codes. */
/* clang-format off */
#define STATUSES(row)                           \
    row(100, "Continue")                        \
    row(101, "Switching Protocols")             \
    row(102, "Processing")                      \
    row(103, "Early Hints")                     \
    row(200, "OK")                              \
    row(201, "Created")                         \
    row(202, "Accepted")                        \
    row(203, "Non-Authoritative Information")   \
    row(204, "No Content")                      \
    row(205, "Reset Content")                   \
    row(206, "Partial Content")                 \
    row(207, "Multi-Status")                    \
    row(208, "Already Reported")                \
    row(226, "IM Used")                         \
    row(300, "Multiple Choices")                \
    row(301, "Moved Permanently")               \
    row(302, "Found")                           \
    row(303, "See Other")                       \
    row(304, "Not Modified")                    \
    row(305, "Use Proxy")                       \
    row(307, "Temporary Redirect")              \
    row(308, "Permanent Redirect")              \
    row(400, "Bad Request")                     \
    row(401, "Unauthorized")                    \
    row(402, "Payment Required")                \
    row(403, "Forbidden")                       \
    row(404, "Not Found")                       \
    row(405, "Method Not Allowed")              \
    row(406, "Not Acceptable")                  \
    row(407, "Proxy Authentication Required")   \
    row(408, "Request Timeout")                 \
    row(409, "Conflict")                        \
    row(410, "Gone")                            \
    row(411, "Length Required")                 \
    row(412, "Precondition Failed")             \
    row(413, "Content Too Large")               \
    row(414, "URI Too Long")                    \
    row(415, "Unsupported Media Type")          \
    row(416, "Range Not Satisfiable")           \
    row(417, "Expectation Failed")              \
    row(421, "Misdirected Request")             \
    row(422, "Unprocessable Content")           \
    row(423, "Locked")                          \
    row(424, "Failed Dependency")               \
    row(425, "Too Early")                       \
    row(426, "Upgrade Required")                \
    row(428, "Precondition Required")           \
    row(429, "Too Many Requests")               \
    row(431, "Request Header Fields Too Large") \
    row(451, "Unavailable For Legal Reasons")   \
    row(500, "Internal Server Error")           \
    row(501, "Not Implemented")                 \
    row(502, "Bad Gateway")                     \
    row(503, "Service Unavailable")             \
    row(504, "Gateway Timeout")                 \
    row(505, "HTTP Version Not Supported")      \
    row(506, "Variant Also Negotiates")         \
    row(507, "Insufficient Storage")            \
    row(508, "Loop Detected")                   \
    row(511, "Network Authentication Required")
/* clang-format on */

enum {
    STATUS_FIRST = 100,
    STATUS_LAST = 511,
    STATUS_LINE_REASON = sizeof("HTTP/1.1 200 ") - 1,
    INT64_DIGITS_MAX = 19,
};

/* The line of a status without a row, but for the number. */
#define STATUS_LINE_UNKNOWN "HTTP/1.1 000 Unknown\r\n"
#define STATUS_LINE_BARE    "HTTP/1.1 000 "

#define ALLOW          "Allow: "
#define CONTENT_TYPE   "Content-Type: "
#define CONTENT_LENGTH "Content-Length: "
#define CODING_CHUNKED "Transfer-Encoding: chunked\r\n"
#define SAY_KEEP_ALIVE "Connection: keep-alive\r\n"
#define SAY_CLOSE      "Connection: close\r\n"

slice status_line(uint16_t status)
{
    static const slice lines[STATUS_LAST - STATUS_FIRST + 1] = {
#define STATUS_LINE(number, reason)                                     \
    [(number) - STATUS_FIRST] = {"HTTP/1.1 " #number " " reason "\r\n", \
                                 sizeof("HTTP/1.1 " #number " " reason "\r\n") - 1},
        STATUSES(STATUS_LINE)
#undef STATUS_LINE
    };

    if (status < STATUS_FIRST || status > STATUS_LAST)
        return SLICE("");
    return lines[status - STATUS_FIRST];
}

slice status_reason(uint16_t status)
{
    slice line = status_line(status);

    if (line.length == 0)
        return SLICE("Unknown");
    return slice_of(line.bytes + STATUS_LINE_REASON,
                    line.length - STATUS_LINE_REASON - 2);
}

static inline char *write_slice(char *out, slice text)
{
    if (text.length > 0) /* an empty slice may have no bytes to point at */
        memcpy(out, text.bytes, text.length);
    return out + text.length;
}

static void write_status(char *line, uint16_t status)
{
    line[9] = (char)('0' + status / 100);
    line[10] = (char)('0' + status / 10 % 10);
    line[11] = (char)('0' + status % 10);
}

static char *write_status_line(char *out, uint16_t status, slice reason)
{
    slice line = status_line(status);
    char *end;

    assert(status >= 100 && status <= 999);
    if (reason.length > 0) {
        end = write_slice(out, SLICE(STATUS_LINE_BARE));
        end = write_slice(end, reason);
        end = write_slice(end, SLICE("\r\n"));
    } else if (line.length > 0) {
        return write_slice(out, line);
    } else {
        end = write_slice(out, SLICE(STATUS_LINE_UNKNOWN));
    }
    write_status(out, status);
    return end;
}

static char *write_length(char *out, int64_t length)
{
    if (length == RESPONSE_LENGTH_CHUNKED)
        return write_slice(out, SLICE(CODING_CHUNKED));
    if (length < 0)
        return out;
    out = write_slice(out, SLICE(CONTENT_LENGTH));
    out = write_decimal(out, (uint64_t)length);
    return write_slice(out, SLICE("\r\n"));
}

static char *write_connection(char *out, enum response_connection connection)
{
    if (connection == CONNECTION_KEEP_ALIVE)
        return write_slice(out, SLICE(SAY_KEEP_ALIVE));
    if (connection == CONNECTION_CLOSE)
        return write_slice(out, SLICE(SAY_CLOSE));
    return out;
}

size_t response_head_size_max(const struct response_head *head)
{
    slice line = status_line(head->status);

    return (line.length > 0 ? line.length : sizeof(STATUS_LINE_UNKNOWN)) +
           head->reason.length + head->server_and_date.length +
           head->content_type.length + head->allow.length + sizeof(ALLOW) +
           head->fields.length + sizeof(CONTENT_TYPE) + sizeof(CONTENT_LENGTH) +
           sizeof(CODING_CHUNKED) + sizeof(SAY_KEEP_ALIVE) + INT64_DIGITS_MAX +
           4 * sizeof("\r\n");
}

char *response_head_write(char *out, const struct response_head *head)
{
    out = write_status_line(out, head->status, head->reason);
    out = write_slice(out, head->server_and_date);
    if (head->content_type.length > 0) {
        out = write_slice(out, SLICE(CONTENT_TYPE));
        out = write_slice(out, head->content_type);
        out = write_slice(out, SLICE("\r\n"));
    }
    out = write_length(out, head->content_length);
    out = write_connection(out, head->connection);
    if (head->allow.length > 0) {
        out = write_slice(out, SLICE(ALLOW));
        out = write_slice(out, head->allow);
        out = write_slice(out, SLICE("\r\n"));
    }
    out = write_slice(out, head->fields);
    return write_slice(out, SLICE("\r\n"));
}

bool field_name_is_valid(slice name)
{
    return is_token(name);
}

bool field_value_is_valid(slice value)
{
    const char *end = value.bytes + value.length;

    return value.length == 0 ||
           scan_current()->control(value.bytes, value.bytes, end) == end;
}

bool field_is_valid(slice name, slice value)
{
    return field_name_is_valid(name) && field_value_is_valid(value);
}
