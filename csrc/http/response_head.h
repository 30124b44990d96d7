/* response_head.h - a status line and headers, to bytes.
 *
 * Assembled from prepared pieces: what changes from answer to answer is the status, the
 * media type and the length; Server and Date come as one piece that its owner renews
 * once a second.
 */
#ifndef PYRS_HTTP_RESPONSE_HEAD_H
#define PYRS_HTTP_RESPONSE_HEAD_H

#include "slice.h"

enum response_length {
    RESPONSE_LENGTH_NONE = -1,    /* 1xx, 204, 304: no Content-Length */
    RESPONSE_LENGTH_CHUNKED = -2, /* Transfer-Encoding: chunked */
    RESPONSE_LENGTH_CLOSE = -3, /* the end of the connection ends the body (HTTP/1.0) */
};

enum response_connection {
    CONNECTION_SILENT,     /* HTTP/1.1 that stays open: no Connection header */
    CONNECTION_KEEP_ALIVE, /* said aloud, for HTTP/1.0 */
    CONNECTION_CLOSE,
};

struct response_head {
    uint16_t status;       /* 100-999 */
    slice reason;          /* behind it; empty: status_reason */
    slice server_and_date; /* complete lines: "Server: pyrs\r\nDate: ...\r\n" */
    slice content_type;    /* value only; empty: no Content-Type */
    slice allow;           /* value only; empty: no Allow */
    slice fields; /* further complete lines, already checked by field_is_valid */
    int64_t content_length; /* or one of enum response_length */
    enum response_connection connection;
};

/* Room that response_head_write may need. */
size_t response_head_size_max(const struct response_head *head);

/* Writes the head with its final empty line; gives the end of what was written. */
char *response_head_write(char *out, const struct response_head *head);

/* "HTTP/1.1 200 OK\r\n"; empty for a status that is not registered. */
slice status_line(uint16_t status);

/* The reason phrase of a registered status (RFC 9110, 15 and the IANA registry), else
 * "Unknown". */
slice status_reason(uint16_t status);

/* A header that may be sent: the name a token; the value without CR, LF, NUL and other
 * control characters (RFC 9110, 5.5), tab allowed. Refusing here is what makes header
 * injection impossible. */
bool field_name_is_valid(slice name);
bool field_value_is_valid(slice value);
bool field_is_valid(slice name, slice value);

#endif
