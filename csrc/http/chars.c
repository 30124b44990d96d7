/* chars.c - the table of chars.h, computed by the compiler from the grammar's words. */
#include "chars.h"

#define BETWEEN(c, first, last) ((c) >= (first) && (c) <= (last))
#define IS_DIGIT(c)             BETWEEN(c, '0', '9')
#define IS_ALPHA(c)             (BETWEEN(c, 'A', 'Z') || BETWEEN(c, 'a', 'z'))
#define IS_HEX(c)     (IS_DIGIT(c) || BETWEEN(c, 'A', 'F') || BETWEEN(c, 'a', 'f'))
#define IS_CONTROL(c) (((c) < 0x20 && (c) != '\t') || (c) == 0x7f)
#define IS_BLANK(c)   ((c) == ' ' || (c) == '\t')
#define IS_TOKEN(c)                                                          \
    (IS_DIGIT(c) || IS_ALPHA(c) || (c) == '!' || (c) == '#' || (c) == '$' || \
     (c) == '%' || (c) == '&' || (c) == '\'' || (c) == '*' || (c) == '+' ||  \
     (c) == '-' || (c) == '.' || (c) == '^' || (c) == '_' || (c) == '`' ||   \
     (c) == '|' || (c) == '~')
#define IS_REG_NAME(c)                                                       \
    (IS_DIGIT(c) || IS_ALPHA(c) || (c) == '-' || (c) == '.' || (c) == '_' || \
     (c) == '~' || (c) == '!' || (c) == '$' || (c) == '&' || (c) == '\'' ||  \
     (c) == '(' || (c) == ')' || (c) == '*' || (c) == '+' || (c) == ';' || (c) == '=')
#define IS_QUOTED(c) (!IS_CONTROL(c) && (c) != '"' && (c) != '\\')

#define CLASSES(c)                                                                  \
    (uint8_t)((IS_TOKEN(c) ? CHAR_TOKEN : 0) | (IS_CONTROL(c) ? CHAR_CONTROL : 0) | \
              (BETWEEN(c, 0x21, 0x7e) ? CHAR_VISIBLE : 0) |                         \
              (IS_HEX(c) ? CHAR_HEX : 0) | (IS_REG_NAME(c) ? CHAR_REG_NAME : 0) |   \
              (IS_QUOTED(c) ? CHAR_QUOTED : 0) | (IS_BLANK(c) ? CHAR_BLANK : 0) |   \
              ((c) == '%' || (c) == '#' ? CHAR_ODD : 0))
#define CLASSES_4(c) CLASSES(c), CLASSES((c) + 1), CLASSES((c) + 2), CLASSES((c) + 3)
#define CLASSES_16(c) \
    CLASSES_4(c), CLASSES_4((c) + 4), CLASSES_4((c) + 8), CLASSES_4((c) + 12)
#define CLASSES_64(c) \
    CLASSES_16(c), CLASSES_16((c) + 16), CLASSES_16((c) + 32), CLASSES_16((c) + 48)

const uint8_t char_classes[256] = {
    CLASSES_64(0),
    CLASSES_64(64),
    CLASSES_64(128),
    CLASSES_64(192),
};

bool is_token(slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!char_is(text.bytes[i], CHAR_TOKEN))
            return false;
    return text.length > 0;
}
