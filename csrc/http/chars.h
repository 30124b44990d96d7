/* chars.h - what a byte may be in HTTP: one table, one bit per class.
 *
 * The vectorised scanners (scan_blocks.h) know three of these classes by other means; a
 * test compares them byte for byte.
 */
#ifndef PYRS_HTTP_CHARS_H
#define PYRS_HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

enum char_class {
    CHAR_TOKEN = 1,     /* tchar of RFC 9110, 5.6.2: names, methods */
    CHAR_CONTROL = 2,   /* ends a line or spoils it: 0x00-0x1F without HTAB, and DEL */
    CHAR_VISIBLE = 4,   /* 0x21-0x7E: what a request target is made of */
    CHAR_HEX = 8,       /* 0-9 A-F a-f */
    CHAR_REG_NAME = 16, /* reg-name of RFC 3986, 3.2.2 without "%" and without "," */
    CHAR_QUOTED = 32,   /* qdtext of RFC 9110, 5.6.4 */
    CHAR_BLANK = 64,    /* SP or HTAB */
    CHAR_ODD = 128,     /* "%" or "#": a target that holds one needs a second look */
};

extern const uint8_t char_classes[256];

static inline bool char_is(char c, enum char_class class)
{
    return (char_classes[(unsigned char)c] & class) != 0;
}

/* All of it, and not empty. */
bool is_token(slice text);

/* Of a CHAR_HEX. */
static inline unsigned hex_value(char c)
{
    return ((unsigned)c & 0xf) + ((unsigned char)c >> 6) * 9;
}

#endif
