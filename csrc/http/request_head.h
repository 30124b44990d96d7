/* request_head.h - one HTTP/1.1 request head, from bytes.
 *
 * Reads no socket, allocates nothing, copies nothing: everything handed out is a span
 * of the caller's buffer. Call again with the same, longer buffer (it may have moved)
 * while the answer is HEAD_MORE; the parser remembers how far it looked, so one byte at
 * a time costs no more than all at once.
 *
 * HEAD_DONE means: every rule of RFC 9112 that a server can check from the head alone
 * holds, the body's framing is known, and nothing that follows can change either.
 * docs/http-conformance.md lists the rules.
 */
#ifndef PYRS_HTTP_REQUEST_HEAD_H
#define PYRS_HTTP_REQUEST_HEAD_H

#include "body_framing.h"
#include "reject.h"
#include "slice.h"
#include "target.h"

enum method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_PATCH,
    METHOD_OPTIONS,
    METHOD_TRACE,
    METHOD_OTHER, /* any other token; its name is in method_name. CONNECT is rejected */
    METHOD_COUNT
};

struct header {
    span name;
    span value; /* without the blanks around it */
};

struct head_limits {
    uint32_t request_line_bytes_max; /* without its CRLF; longer:
                                        REJECT_REQUEST_LINE_LENGTH */
    uint32_t head_bytes_max; /* request line included; larger: REJECT_HEAD_LENGTH */
    uint32_t headers_max; /* size of request_head.headers; more: REJECT_HEADER_COUNT */
};

struct request_head {
    uint32_t bytes; /* of the head, its last CRLF and a leading empty line included */
    enum method method;
    span method_name;
    span raw_target;
    struct target target;
    uint8_t version_minor; /* 0 or 1: HTTP/1.2 to 1.9 are treated as 1.1 */
    bool keep_alive;       /* by version and Connection */
    bool expect_continue;  /* Expect: 100-continue in HTTP/1.1 with a body to come */
    enum body_framing framing;
    int64_t content_length; /* with BODY_LENGTH */
    span host; /* the Host header's value; empty with HTTP/1.0 without one */
    uint32_t header_count;
    struct header *headers; /* the caller's array of head_limits.headers_max */
};

/* How far an unfinished head was read. All zero before the first byte of a head. */
struct head_progress {
    uint32_t line_start; /* first byte of the line that is not complete yet */
    uint32_t looked;     /* bytes already scanned */
    uint32_t stage;
    uint32_t header_count;
    uint32_t facts;         /* what the headers so far said, see head_fields.h */
    uint32_t coding_offset; /* of the first transfer coding that is not chunked */
};

enum head_result {
    HEAD_DONE,     /* head->bytes belong to the head; what follows is body or the next
                      request */
    HEAD_MORE,     /* a legal beginning */
    HEAD_REJECTED, /* can never become legal: answer reject_status(reject->reason), then
                      close */
};

/* `head` and `head->headers` keep their content between calls that answer HEAD_MORE. At
 * most one empty line before the request line is skipped (RFC 9112, 2.2). */
enum head_result request_head_parse(slice bytes, const struct head_limits *limits,
                                    struct head_progress *progress,
                                    struct request_head *head, struct reject *reject);

/* The first header of that name (any case), or NULL. `buffer` is what the head was
 * parsed from. */
const struct header *request_head_find(const struct request_head *head,
                                       const char *buffer, slice name);

/* "GET"; for METHOD_OTHER the empty slice. */
slice method_name(enum method method);
enum method method_from_name(slice name);

#endif
