/* field_lines.c - see field_lines.h. */
#include "field_lines.h"

bool field_line_next(slice *lines, struct field_line *field)
{
    const char *begin = lines->bytes, *line_feed, *end, *text_end, *colon;

    if (lines->length == 0)
        return false;
    line_feed = memchr(begin, '\n', lines->length);
    end = line_feed ? line_feed + 1 : begin + lines->length;
    text_end = line_feed ? line_feed : end;
    if (text_end > begin && text_end[-1] == '\r')
        text_end--;
    colon = memchr(begin, ':', (size_t)(text_end - begin));
    field->line = slice_of(begin, (size_t)(end - begin));
    field->name = slice_of(begin, (size_t)((colon ? colon : text_end) - begin));
    begin = colon ? colon + 1 : text_end;
    field->value = slice_trimmed(slice_of(begin, (size_t)(text_end - begin)));
    *lines = slice_of(end, lines->length - field->line.length);
    return true;
}
