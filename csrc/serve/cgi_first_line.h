/* cgi_first_line.h - what the first line of a script says: "#!/usr/bin/env python3".
 *
 * Read as the kernel reads it: an interpreter's path, and, behind blanks, all the rest
 * as one argument.
 */
#ifndef PYRS_SERVE_CGI_FIRST_LINE_H
#define PYRS_SERVE_CGI_FIRST_LINE_H

#include <stdbool.h>

/* The kernel looks at no more. */
enum { CGI_FIRST_LINE_BYTES = 256 };

struct cgi_first_line {
    char text[CGI_FIRST_LINE_BYTES]; /* without "#!" and the end of the line */
    char interpreter[CGI_FIRST_LINE_BYTES];
    char argument[CGI_FIRST_LINE_BYTES]; /* empty: none */
};

/* False if the file cannot be read, is no script, or its first line is too long. */
bool cgi_first_line_read(struct cgi_first_line *line, const char *path);

/* Whether the interpreter is a Python: "/usr/bin/python3.11 -I", "/usr/bin/env python",
 * "/usr/bin/env -S python3 -u". */
bool cgi_first_line_names_python(const struct cgi_first_line *line);

#endif
