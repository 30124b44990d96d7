/* media_type.c - RFC 9110, 8.3.1 and 5.6.6. */
#include "media_type.h"

#include "chars.h"

static slice behind(slice text, size_t count)
{
    return slice_of(text.bytes + count, text.length - count);
}

static size_t token_length(slice text)
{
    size_t length = 0;

    while (length < text.length && char_is(text.bytes[length], CHAR_TOKEN))
        length++;
    return length;
}

/* Where the quoted string at the beginning of `text` ends; text.length if it does not.
 */
static size_t closing_quote(slice text)
{
    for (size_t i = 1; i < text.length; i++) {
        if (text.bytes[i] == '"')
            return i;
        if (text.bytes[i] == '\\')
            i++;
    }
    return text.length;
}

/* Up to the next semicolon that stands outside quotes. */
static size_t parameter_length(slice text)
{
    size_t i = 0;

    while (i < text.length && text.bytes[i] != ';')
        i += text.bytes[i] == '"' ? closing_quote(behind(text, i)) + 1 : 1;
    return i < text.length ? i : text.length;
}

bool media_type_parse(slice value, struct media_type *type)
{
    slice text = slice_trimmed(value);
    size_t type_length = token_length(text);

    if (type_length == 0 || type_length == text.length ||
        text.bytes[type_length] != '/')
        return false;
    size_t subtype_length = token_length(behind(text, type_length + 1));
    if (subtype_length == 0)
        return false;

    slice essence = slice_of(text.bytes, type_length + 1 + subtype_length);
    slice rest = slice_trimmed(behind(text, essence.length));
    if (rest.length > 0 && rest.bytes[0] != ';')
        return false;
    *type = (struct media_type){.essence = essence, .parameters = rest};
    return true;
}

/* `parameter` is name=value; a value in quotes loses them, if they are closed. */
static slice parameter_value(slice parameter, size_t name_length)
{
    slice value = behind(parameter, name_length + 1);

    if (value.length == 0 || value.bytes[0] != '"' ||
        closing_quote(value) != value.length - 1)
        return value;
    return slice_of(value.bytes + 1, value.length - 2);
}

slice media_type_parameter(const struct media_type *type, slice name)
{
    slice rest = type->parameters;

    while (rest.length > 0) {
        rest = behind(rest, 1); /* the semicolon */
        size_t length = parameter_length(rest);
        slice parameter = slice_trimmed(slice_of(rest.bytes, length));
        size_t name_length = token_length(parameter);

        if (name_length < parameter.length && parameter.bytes[name_length] == '=' &&
            slice_equal_ignoring_case(slice_of(parameter.bytes, name_length), name))
            return parameter_value(parameter, name_length);
        rest = behind(rest, length);
    }
    return (slice){NULL, 0};
}
