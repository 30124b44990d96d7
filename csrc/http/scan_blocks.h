/* scan_blocks.h - the functions of a scanner over blocks of 16 or 32 bytes.
 *
 * Included by scan_sse42.c and scan_avx2.c, which say before what a `block` is.
 *
 * A byte's class is looked up by nibbles: `table` has for each low nibble the set of
 * high nibbles (0-7) that make a member, HIGH_NIBBLE_BITS turns a high nibble into a
 * set of one. The shuffle gives 0 for bytes from 0x80 on, so they are in no class.
 *
 * Nothing past `end` is read: a last, partial block is loaded so that it ends there,
 * and the bits of the bytes before `p` are shifted out.
 */
#include "scan.h"

#include <stddef.h>
#include <stdint.h>

/* clang-format off */
#define HIGH_NIBBLE_BITS \
    0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, (char)0x80, 0, 0, 0, 0, 0, 0, 0, 0
#define TOKEN_NIBBLES \
    (char)0xe8, (char)0xfc, (char)0xf8, (char)0xfc, (char)0xfc, (char)0xfc, \
    (char)0xfc, (char)0xfc, (char)0xf8, (char)0xf8, (char)0xf4, 0x54, \
    (char)0xd0, 0x54, (char)0xf4, 0x70
#define CONTROL_NIBBLES \
    0x03, 0x03, 0x03, 0x03, 0x03, 0x03, 0x03, 0x03, \
    0x03, 0x02, 0x03, 0x03, 0x03, 0x03, 0x03, (char)0x83
#define VISIBLE_NIBBLES \
    (char)0xf8, (char)0xfc, (char)0xfc, (char)0xfc, (char)0xfc, (char)0xfc, \
    (char)0xfc, (char)0xfc, (char)0xfc, (char)0xfc, (char)0xfc, (char)0xfc, \
    (char)0xfc, (char)0xfc, (char)0xfc, 0x7c
/* clang-format on */

/* Bit i is byte i. */
static inline uint32_t class_mask(block bytes, block table)
{
    block high_bit =
        block_shuffle(block_of_table(HIGH_NIBBLE_BITS), block_high_nibbles(bytes));
    block members = block_and(block_shuffle(table, bytes), high_bit);

    return ~block_mask(block_equal(members, block_of(0))) & BLOCK_MASK;
}

static inline uint32_t byte_mask(block bytes, char c)
{
    return block_mask(block_equal(bytes, block_of(c)));
}

static inline unsigned lowest_bit(uint32_t mask)
{
    return (unsigned)__builtin_ctz(mask);
}

/* The block at `p`, or the last one before `end`; *shift says by how many bytes it
 * begins before `p`. At least a block lies between begin and end. */
static inline block block_at(const char *p, const char *end, unsigned *shift)
{
    if (end - p >= BLOCK_BYTES) {
        *shift = 0;
        return block_load(p);
    }
    *shift = (unsigned)(BLOCK_BYTES - (end - p));
    return block_load(end - BLOCK_BYTES);
}

static const char *scan_control(const char *begin, const char *p, const char *end)
{
    unsigned shift;

    if (end - begin < BLOCK_BYTES)
        return scanner_portable.control(begin, p, end);
    while (p < end) {
        block bytes = block_at(p, end, &shift);
        uint32_t stop = class_mask(bytes, block_of_table(CONTROL_NIBBLES)) >> shift;

        if (stop != 0)
            return p + lowest_bit(stop);
        p += BLOCK_BYTES - shift;
    }
    return end;
}

/* Name and line end are looked for in one block: most header lines are shorter. */
static struct field_scan scan_field(const char *begin, const char *p, const char *end)
{
    unsigned shift;

    if (end - begin < BLOCK_BYTES || p == end)
        return scanner_portable.field(begin, p, end);
    block bytes = block_at(p, end, &shift);
    uint32_t token = class_mask(bytes, block_of_table(TOKEN_NIBBLES));
    uint32_t other = (~token & BLOCK_MASK) >> shift;
    uint32_t stop = class_mask(bytes, block_of_table(CONTROL_NIBBLES)) >> shift;
    const char *rest = p + (BLOCK_BYTES - shift);

    if (other == 0) /* a name as long as a block */
        return scanner_portable.field(begin, rest, end);
    return (struct field_scan){
        .name_end = p + lowest_bit(other),
        .stop = stop != 0 ? p + lowest_bit(stop) : scan_control(begin, rest, end),
    };
}

static struct target_scan scan_target(const char *begin, const char *p, const char *end)
{
    struct target_scan scan = {.stop = end, .question = NULL, .odd = false};
    uint32_t slash_before = 0;
    uint32_t odd = 0;
    uint32_t stop = 0;

    if (end - begin < BLOCK_BYTES)
        return scanner_portable.target(begin, p, end);
    while (p < end && stop == 0) {
        unsigned shift;
        block bytes = block_at(p, end, &shift);
        uint32_t visible = class_mask(bytes, block_of_table(VISIBLE_NIBBLES));
        uint32_t slash = byte_mask(bytes, '/') >> shift;
        uint32_t dot = byte_mask(bytes, '.') >> shift;
        uint32_t question = byte_mask(bytes, '?') >> shift;
        uint32_t sign = (byte_mask(bytes, '%') | byte_mask(bytes, '#')) >> shift;

        stop = (~visible & BLOCK_MASK) >> shift;
        uint32_t before_stop = (stop & (0 - stop)) - 1; /* all bits without a stop */
        if (scan.question == NULL && (question & before_stop) != 0)
            scan.question = p + lowest_bit(question);
        odd |= (sign | ((slash << 1 | slash_before) & (slash | dot))) & before_stop;
        slash_before = slash >> (BLOCK_BYTES - 1);
        if (stop != 0)
            scan.stop = p + lowest_bit(stop);
        p += BLOCK_BYTES - shift;
    }
    if (scan.question == NULL)
        scan.question = scan.stop;
    scan.odd = odd != 0;
    return scan;
}
