/* slice.c - comparing and trimming bytes, and reading a decimal number. */
#include "slice.h"

static inline unsigned char lower(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte | 0x20) : byte;
}

bool slice_equal_ignoring_case(slice a, slice b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++)
        if (lower(a.bytes[i]) != lower(b.bytes[i]))
            return false;
    return true;
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

slice slice_trimmed(slice text)
{
    while (text.length > 0 && is_blank(text.bytes[0]))
        text = slice_of(text.bytes + 1, text.length - 1);
    while (text.length > 0 && is_blank(text.bytes[text.length - 1]))
        text.length--;
    return text;
}

/* Leading zeros are digits like any other, so the number of digits has no bound. */
bool slice_to_int64(slice digits, int64_t *value)
{
    int64_t number = 0;

    if (digits.length == 0)
        return false;
    for (size_t i = 0; i < digits.length; i++) {
        unsigned digit = (unsigned char)digits.bytes[i] - (unsigned)'0';

        if (digit > 9 || number > (INT64_MAX - (int64_t)digit) / 10)
            return false;
        number = number * 10 + (int64_t)digit;
    }
    *value = number;
    return true;
}
