/* cgi_lines.h - the lines of what a program writes, which comes in pieces. */
#ifndef PYRS_SERVE_CGI_LINES_H
#define PYRS_SERVE_CGI_LINES_H

#include <stdbool.h>

#include "../http/slice.h"

/* A line that is longer comes in pieces. */
enum { CGI_LINE_BYTES_MAX = 4096 };

typedef void cgi_line_function(void *owner, slice line);

/* Calls `take` with each line in the buffer, without its end. An unfinished line moves
 * to the begin of the buffer, *length being its length then, unless it fills the buffer
 * or is the last. */
void cgi_lines_take(char buffer[CGI_LINE_BYTES_MAX], size_t *length, bool is_last,
                    cgi_line_function *take, void *owner);

#endif
