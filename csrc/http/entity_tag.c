/* entity_tag.c - see entity_tag.h. */
#include "entity_tag.h"

#include <assert.h>

#include "chars.h"
#include "digits.h"

/* ---- writing ---- */

/* A bijection whose every output bit depends on every input bit (the finaliser of
 * splitmix64). */
static uint64_t mix(uint64_t bits)
{
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

/* Times and inode are mixed: a tag ought to tell clients nothing about the file system.
 * As long as the inode and one of the times stay, no two values of the other time give
 * the same tag. */
size_t entity_tag_write(const struct file_state *state, slice coding,
                        char out[ENTITY_TAG_BYTES_MAX])
{
    uint64_t mixed = mix(mix(state->inode) ^ (uint64_t)state->modified_ns);
    char *end = out;

    assert(coding.length <= CODING_NAME_BYTES_MAX);
    *end++ = '"';
    end = write_hex(end, state->bytes);
    *end++ = '-';
    end = write_hex(end, mix(mixed ^ (uint64_t)state->changed_ns));
    if (coding.length > 0) {
        *end++ = '-';
        memcpy(end, coding.bytes, coding.length);
        end += coding.length;
    }
    *end++ = '"';
    return (size_t)(end - out);
}

/* ---- reading ---- */

static bool is_weak(slice tag)
{
    return tag.length > 0 && tag.bytes[0] == 'W';
}

/* Without W/. */
static slice opaque(slice tag)
{
    return is_weak(tag) ? slice_of(tag.bytes + 2, tag.length - 2) : tag;
}

/* Whatever is visible, and bytes from 0x80 on; a comma and a backslash are characters
 * like any other. */
static bool may_stand_inside(char c)
{
    return c != '"' && (char_is(c, CHAR_VISIBLE) || (unsigned char)c >= 0x80);
}

/* Of the tag at the beginning of `text`; 0 if none stands there. */
static size_t tag_length(slice text)
{
    size_t i = 0;

    if (text.length >= 2 && text.bytes[0] == 'W' && text.bytes[1] == '/')
        i = 2;
    if (i == text.length || text.bytes[i] != '"')
        return 0;
    for (i++; i < text.length && may_stand_inside(text.bytes[i]);)
        i++;
    return i < text.length && text.bytes[i] == '"' ? i + 1 : 0;
}

bool entity_tag_is_valid(slice tag)
{
    return tag.length > 0 && tag_length(tag) == tag.length;
}

bool entity_tag_equal(slice a, slice b, enum tag_comparison how)
{
    if (how == COMPARE_STRONGLY && (is_weak(a) || is_weak(b)))
        return false;
    return slice_equal(opaque(a), opaque(b));
}

static slice without_blanks_before(slice text)
{
    while (text.length > 0 && char_is(text.bytes[0], CHAR_BLANK))
        text = slice_of(text.bytes + 1, text.length - 1);
    return text;
}

/* Empty elements are skipped (5.6.1.2). False at the end and at a fault. */
static bool next_tag(slice *list, slice *tag)
{
    slice text = without_blanks_before(*list);
    size_t length;

    while (text.length > 0 && text.bytes[0] == ',')
        text = without_blanks_before(slice_of(text.bytes + 1, text.length - 1));
    length = tag_length(text);
    if (length == 0)
        return false;
    *tag = slice_of(text.bytes, length);
    *list = without_blanks_before(slice_of(text.bytes + length, text.length - length));
    return list->length == 0 || list->bytes[0] == ',';
}

bool entity_tag_in_list(slice list, slice tag, enum tag_comparison how)
{
    slice other;

    while (next_tag(&list, &other))
        if (entity_tag_equal(other, tag, how))
            return true;
    return false;
}
