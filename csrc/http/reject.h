/* reject.h - why a request can never become a legal one.
 *
 * A rejection is a value, not a log line: the parser names the reason and the offending
 * byte; the status to answer and the text for the log are looked up by whoever needs
 * them. Every reason is a row here, so that the counters, the log, the documentation
 * and the tests speak of the same ones.
 */
#ifndef PYRS_HTTP_REJECT_H
#define PYRS_HTTP_REJECT_H

#include <stdint.h>

/* One row a line: name, status, text. */
/* clang-format off */
#define REJECT_REASONS(row) \
    row(REJECT_NONE, 0, "not rejected") \
    row(REJECT_METHOD, 400, "method is not a token") \
    row(REJECT_REQUEST_LINE, 400, "malformed request line") \
    row(REJECT_VERSION, 400, "malformed HTTP version") \
    row(REJECT_VERSION_MAJOR, 505, "HTTP version not supported") \
    row(REJECT_CONNECT, 501, "CONNECT is not implemented") \
    row(REJECT_REQUEST_LINE_LENGTH, 414, "request line too long") \
    row(REJECT_TARGET_FORM, 400, "target is neither origin, absolute nor asterisk form") \
    row(REJECT_TARGET_BYTE, 400, "illegal byte in target") \
    row(REJECT_TARGET_ESCAPE, 400, "malformed percent escape in target") \
    row(REJECT_TARGET_NUL, 400, "%00 in target") \
    row(REJECT_TARGET_CLIMBS, 400, "path climbs above the root") \
    row(REJECT_LINE_END, 400, "line end is not CRLF") \
    row(REJECT_HEADER_NAME, 400, "header name is not a token") \
    row(REJECT_HEADER_BLANK, 400, "blank before the colon of a header") \
    row(REJECT_HEADER_FOLDED, 400, "folded header") \
    row(REJECT_HEADER_BYTE, 400, "control character in a header value") \
    row(REJECT_HEAD_LENGTH, 431, "head too large") \
    row(REJECT_HEADER_COUNT, 431, "too many headers") \
    row(REJECT_HOST_MISSING, 400, "no Host header") \
    row(REJECT_HOST_REPEATED, 400, "more than one Host header") \
    row(REJECT_HOST, 400, "malformed Host header") \
    row(REJECT_HOST_CONTRADICTS, 400, "Host contradicts the target's authority") \
    row(REJECT_CONTENT_LENGTH, 400, "Content-Length is not a number of bytes") \
    row(REJECT_CONTENT_LENGTH_REPEATED, 400, "more than one Content-Length") \
    row(REJECT_LENGTH_AND_CODING, 400, "Content-Length and Transfer-Encoding together") \
    row(REJECT_CODING, 400, "malformed Transfer-Encoding") \
    row(REJECT_CODING_IN_HTTP_1_0, 400, "Transfer-Encoding in HTTP/1.0") \
    row(REJECT_CODING_UNKNOWN, 501, "transfer coding other than chunked") \
    row(REJECT_EXPECTATION, 417, "expectation other than 100-continue") \
    row(REJECT_CHUNK_SIZE, 400, "malformed chunk size") \
    row(REJECT_CHUNK_EXTENSION, 400, "chunk extension malformed or too long") \
    row(REJECT_CHUNK_END, 400, "chunk does not end with CRLF") \
    row(REJECT_TRAILER, 400, "trailer section malformed or too large") \
    row(REJECT_BODY_LENGTH, 413, "body too large")
/* clang-format on */

enum reject_reason {
#define REJECT_REASON_NAME(name, status, text) name,
    REJECT_REASONS(REJECT_REASON_NAME)
#undef REJECT_REASON_NAME
        REJECT_REASON_COUNT
};

struct reject {
    enum reject_reason reason;
    uint32_t offset; /* of the offending byte, from the first byte that was given */
};

/* The status to answer: 400, 413, 414, 417, 431, 501 or 505; 0 for REJECT_NONE. */
uint16_t reject_status(enum reject_reason reason);

/* Static text, e.g. "folded header". */
const char *reject_text(enum reject_reason reason);

#endif
