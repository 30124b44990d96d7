/* utf8.h - bytes that are UTF-8, or should be (RFC 3629). */
#ifndef PYRS_HTTP_UTF8_H
#define PYRS_HTTP_UTF8_H

#include "slice.h"

enum { UTF8_REPLACEMENT = 0xFFFD };

/* The first character of a text that is not empty: gives how many bytes it has. What is
 * no UTF-8 is UTF8_REPLACEMENT, once for as many bytes as could have begun a character
 * (Unicode 3.9, "substitution of maximal subparts"; so do browsers). */
size_t utf8_read(slice text, uint32_t *character);

#endif
