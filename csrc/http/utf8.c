/* utf8.c - see utf8.h. */
#include "utf8.h"

/* What a first byte tells of the others. The second is bounded further, which rules out
 * longer spellings than needed, surrogates, and what lies past U+10FFFF. */
struct lead {
    size_t length; /* 0: no character begins so */
    unsigned char second_min, second_max;
};

static struct lead lead_of(unsigned char byte)
{
    if (byte < 0x80)
        return (struct lead){1, 0, 0};
    if (byte < 0xC2 || byte > 0xF4)
        return (struct lead){0, 0, 0};
    if (byte < 0xE0)
        return (struct lead){2, 0x80, 0xBF};
    if (byte < 0xF0)
        return (struct lead){3, byte == 0xE0 ? 0xA0 : 0x80, byte == 0xED ? 0x9F : 0xBF};
    return (struct lead){4, byte == 0xF0 ? 0x90 : 0x80, byte == 0xF4 ? 0x8F : 0xBF};
}

size_t utf8_read(slice text, uint32_t *character)
{
    const unsigned char *bytes = (const unsigned char *)text.bytes;
    struct lead lead = lead_of(bytes[0]);
    uint32_t value =
        lead.length > 1 ? bytes[0] & (0xFFu >> (lead.length + 1)) : bytes[0];
    size_t i = 1;

    for (; i < lead.length; i++) {
        unsigned char min = i == 1 ? lead.second_min : 0x80;
        unsigned char max = i == 1 ? lead.second_max : 0xBF;

        if (i == text.length || bytes[i] < min || bytes[i] > max)
            break;
        value = value << 6 | (bytes[i] & 0x3F);
    }
    *character = i == lead.length ? value : UTF8_REPLACEMENT;
    return i;
}
