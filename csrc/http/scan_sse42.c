/* scan_sse42.c - the scanner over blocks of 16 bytes, compiled with -msse4.2.
 *
 * Empty without that option: a build that does not know of it has the portable scanner,
 * as long as it does not define PYRS_SCAN_X86 either.
 */
#ifdef __SSE4_2__

#include <nmmintrin.h>
#include <stdint.h>

enum { BLOCK_BYTES = 16 };
#define BLOCK_MASK UINT32_C(0xffff)

typedef __m128i block;

static inline block block_load(const char *bytes)
{
    return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}

static inline block block_of(char c)
{
    return _mm_set1_epi8(c);
}

#define block_of_table(...) _mm_setr_epi8(__VA_ARGS__)

static inline block block_shuffle(block table, block indices)
{
    return _mm_shuffle_epi8(table, indices);
}

static inline block block_high_nibbles(block bytes)
{
    return _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f));
}

static inline block block_and(block a, block b)
{
    return _mm_and_si128(a, b);
}

static inline block block_equal(block a, block b)
{
    return _mm_cmpeq_epi8(a, b);
}

static inline uint32_t block_mask(block bytes)
{
    return (uint32_t)_mm_movemask_epi8(bytes);
}

#include "scan_blocks.h"

const struct scanner scanner_sse42 = {scan_control, scan_field, scan_target};

#endif
