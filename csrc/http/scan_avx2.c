/* scan_avx2.c - the scanner over blocks of 32 bytes, compiled with -mavx2.
 *
 * Empty without that option: a build that does not know of it has the portable scanner,
 * as long as it does not define PYRS_SCAN_X86 either.
 */
#ifdef __AVX2__

#include <immintrin.h>
#include <stdint.h>

enum { BLOCK_BYTES = 32 };
#define BLOCK_MASK UINT32_C(0xffffffff)

typedef __m256i block;

static inline block block_load(const char *bytes)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)bytes);
}

static inline block block_of(char c)
{
    return _mm256_set1_epi8(c);
}

#define block_of_table(...) _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))

static inline block block_shuffle(block table, block indices)
{
    return _mm256_shuffle_epi8(table, indices);
}

static inline block block_high_nibbles(block bytes)
{
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
}

static inline block block_and(block a, block b)
{
    return _mm256_and_si256(a, b);
}

static inline block block_equal(block a, block b)
{
    return _mm256_cmpeq_epi8(a, b);
}

static inline uint32_t block_mask(block bytes)
{
    return (uint32_t)_mm256_movemask_epi8(bytes);
}

#include "scan_blocks.h"

const struct scanner scanner_avx2 = {scan_control, scan_field, scan_target};

#endif
