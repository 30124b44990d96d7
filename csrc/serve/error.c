#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Where to cut so that the last character of `text` is whole: UTF-8 that was truncated
 * ends in a lead byte with too few bytes behind it. */
static size_t whole_characters(const char *text, size_t length)
{
    size_t lead = length;
    size_t needed;

    while (lead > 0 && length - lead < 3 &&
           ((unsigned char)text[lead - 1] & 0xC0) == 0x80)
        lead--;
    if (lead == 0 || (unsigned char)text[lead - 1] < 0xC0)
        return length;
    lead--;
    needed = (unsigned char)text[lead] >= 0xF0   ? 4
             : (unsigned char)text[lead] >= 0xE0 ? 3
                                                 : 2;
    return length - lead < needed ? lead : length;
}

bool error_set(struct pyrs_error *error, int code, const char *format, ...)
{
    va_list arguments;

    if (error == NULL)
        return false;
    error->code = code;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);

    error->message[whole_characters(error->message, strlen(error->message))] = '\0';
    for (char *at = error->message; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            *at = '?';
    }
    return false;
}
