/* digits.c - see digits.h. */
#include "digits.h"

#include <string.h>

char *write_decimal(char *out, uint64_t number)
{
    char digits[DECIMAL_DIGITS_MAX];
    char *end = digits + sizeof(digits);
    char *first = end;

    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(out, first, (size_t)(end - first));
    return out + (end - first);
}

char *write_hex(char *out, uint64_t number)
{
    int shift = 60;

    while (shift > 0 && number >> shift == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *out++ = "0123456789abcdef"[number >> shift & 15];
    return out;
}
