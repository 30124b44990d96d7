/* field_lines.h - going through header lines that are written already: "Name:
 * value\r\n", one behind the other, as response_head.fields has them. */
#ifndef PYRS_HTTP_FIELD_LINES_H
#define PYRS_HTTP_FIELD_LINES_H

#include "slice.h"

struct field_line {
    slice line; /* with its CRLF */
    slice name;
    slice value; /* without the blanks around it */
};

/* Takes the first line from *lines; false if there is none. */
bool field_line_next(slice *lines, struct field_line *field);

#endif
