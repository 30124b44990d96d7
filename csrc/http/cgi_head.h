/* cgi_head.h - the head of what a CGI program writes (RFC 3875, 6), from bytes.
 *
 * A program is not a client: it is run because somebody put it there. Its head is read
 * strictly all the same, because what it writes is often made of what a client sent,
 * and must never become a header, a length or a second answer that the program did not
 * mean.
 */
#ifndef PYRS_HTTP_CGI_HEAD_H
#define PYRS_HTTP_CGI_HEAD_H

#include "slice.h"

/* Fields of one head: as many as a request may have by default. */
enum { CGI_HEAD_FIELDS_MAX = 100 };

/* What a program's answer is (RFC 3875, 6.2). */
enum cgi_response {
    CGI_DOCUMENT,        /* also a redirect with a status or a document of its own */
    CGI_LOCAL_REDIRECT,  /* the answer is that of another path of this server */
    CGI_CLIENT_REDIRECT, /* the client is to ask elsewhere */
};

struct cgi_field {
    slice name, value;
};

/* Slices of the head that was parsed. */
struct cgi_head {
    enum cgi_response kind;
    uint16_t status;        /* said, or what goes without saying */
    slice status_line;      /* of a whole response; else empty */
    slice content_type;     /* empty: none */
    slice location;         /* empty: none */
    int64_t content_length; /* -1: not said */
    uint32_t field_count;
    struct cgi_field fields[CGI_HEAD_FIELDS_MAX]; /* the others, Location too, without
                                                     those that are the server's */
};

/* The length of the head that `bytes` begin with, its empty line included; 0 if that
 * has not come yet. *looked says how far the last call came, 0 at first. Lines end with
 * LF or CRLF (RFC 3875, 7.2). */
size_t cgi_head_length(slice bytes, size_t *looked);

/* Reads a head with its empty line. NULL, or what is wrong with it: "a field without a
 * colon"; *head is good for nothing then. */
const char *cgi_head_parse(slice bytes, struct cgi_head *head);

/* Likewise, of a program that writes whole HTTP responses (RFC 3875, 5): a status line
 * first, and among the fields all that such a response has. None that could be read in
 * two ways is taken, and what is said of the connection is left out. */
const char *cgi_head_parse_response(slice bytes, struct cgi_head *head);

/* Writes the fields as "Name: value\r\n" for a response; gives the end. Needs at most
 * so much room. */
size_t cgi_head_fields_size(const struct cgi_head *head);
char *cgi_head_write_fields(char *out, const struct cgi_head *head);

/* Writes the head of a whole response, behind which the connection closes. */
size_t cgi_head_response_size(const struct cgi_head *head);
char *cgi_head_write_response(char *out, const struct cgi_head *head);

#endif
