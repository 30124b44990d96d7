/* http_date.h - dates as HTTP writes them (RFC 9110, 5.6.7): "Sun, 06 Nov 1994 08:49:37
 * GMT". Read are the two older formats too, which a recipient must understand. */
#ifndef PYRS_HTTP_HTTP_DATE_H
#define PYRS_HTTP_HTTP_DATE_H

#include "slice.h"

enum { HTTP_DATE_BYTES = 29 };

/* Writes HTTP_DATE_BYTES bytes, no NUL. Seconds since 1970-01-01 UTC, up to the end of
 * year 9999. */
void http_date_write(int64_t unix_seconds, char out[HTTP_DATE_BYTES]);

/* Any of the three formats, letter by letter and without blanks around it. The name of
 * the week day is not compared with the date. A year of two digits lies at most 50
 * years after `now`. False, with *unix_seconds left alone, if it is no date. */
bool http_date_read(slice text, int64_t now, int64_t *unix_seconds);

#endif
