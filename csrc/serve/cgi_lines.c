/* cgi_lines.c - see cgi_lines.h. */
#include "cgi_lines.h"

void cgi_lines_take(char buffer[CGI_LINE_BYTES_MAX], size_t *length, bool is_last,
                    cgi_line_function *take, void *owner)
{
    slice rest = slice_of(buffer, *length);
    const char *line_feed;

    while (rest.length > 0 && (line_feed = memchr(rest.bytes, '\n', rest.length))) {
        size_t line_length = (size_t)(line_feed - rest.bytes);

        take(owner, slice_of(rest.bytes, line_length));
        rest = slice_of(line_feed + 1, rest.length - line_length - 1);
    }
    if (is_last || rest.length == CGI_LINE_BYTES_MAX) {
        take(owner, rest);
        rest.length = 0;
    }
    if (rest.length > 0)
        memmove(buffer, rest.bytes, rest.length);
    *length = rest.length;
}
