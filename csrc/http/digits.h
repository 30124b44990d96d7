/* digits.h - numbers as text, without the C library. */
#ifndef PYRS_HTTP_DIGITS_H
#define PYRS_HTTP_DIGITS_H

#include <stdint.h>

enum { DECIMAL_DIGITS_MAX = 20, HEX_DIGITS_MAX = 16 };

/* Both give the end of what was written, no NUL. */
char *write_decimal(char *out, uint64_t number);
char *write_hex(char *out, uint64_t number);

#endif
