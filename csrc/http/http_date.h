/* http_date.h - dates as HTTP writes them (RFC 9110, 5.6.7): "Sun, 06 Nov 1994 08:49:37
 * GMT". */
#ifndef PYRS_HTTP_HTTP_DATE_H
#define PYRS_HTTP_HTTP_DATE_H

#include <stdint.h>

enum { HTTP_DATE_BYTES = 29 };

/* Writes HTTP_DATE_BYTES bytes, no NUL. Seconds since 1970-01-01 UTC, up to the end of
 * year 9999. */
void http_date_write(int64_t unix_seconds, char out[HTTP_DATE_BYTES]);

#endif
