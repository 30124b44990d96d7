/* fuzz.h - what the fuzz targets of csrc/http share.
 *
 * Control bytes are taken from the end of the input, so that a corpus file is a seed as
 * it is. Bytes that a parser gets stand in memory of exactly their length: one byte
 * further is AddressSanitizer's.
 */
#ifndef PYRS_TESTS_FUZZ_H
#define PYRS_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <http/slice.h>

/* Unlike assert, in every build. */
#define CHECK(claim)                                                            \
    do {                                                                        \
        if (!(claim)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim); \
            abort();                                                            \
        }                                                                       \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

/* The last byte of the input, 0 if there is none. */
static inline uint8_t take_byte(const uint8_t *data, size_t *length)
{
    return *length > 0 ? data[--*length] : 0;
}

/* A copy with nothing behind it; free(copy.bytes). */
static inline slice exact_copy(const char *bytes, size_t length)
{
    char *copy = malloc(length > 0 ? length : 1);

    CHECK(copy != NULL);
    if (length > 0)
        memcpy(copy, bytes, length);
    return slice_of(length > 0 ? copy : copy + 1, length);
}

static inline void free_copy(slice copy)
{
    free((char *)copy.bytes - (copy.length == 0));
}

#endif
