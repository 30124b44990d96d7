/* scan.h - looking for the bytes that end a name, a target or a line.
 *
 * There is a scanner in portable C, the reference that the others are tested against,
 * and on x86-64 one that looks at 16 bytes at once and one that looks at 32. The best
 * that the processor can run is chosen when the first head is parsed.
 *
 * Called through pointers: compiling the whole walk over a head once per scanner
 * instead saved 1 ns of 30 on a small head and 3 of 95 on one with eight headers, and
 * was not worth its three copies.
 */
#ifndef PYRS_HTTP_SCAN_H
#define PYRS_HTTP_SCAN_H

#include <stdbool.h>

enum scan_variant { SCAN_PORTABLE, SCAN_SSE42, SCAN_AVX2, SCAN_VARIANT_COUNT };

struct field_scan {
    const char *name_end; /* first byte that no token may hold; end if there is none */
    const char *stop;     /* first control character; end if there is none */
};

struct target_scan {
    const char *stop; /* first byte that is not visible ASCII; end if there is none */
    const char *question; /* first question mark before stop; stop if there is none */
    bool odd; /* "%", "#", "//" or "/." stands before stop: needs a closer look */
};

/* Each looks from `p` on and reads nothing from `end` on. `begin`, at or before `p`, is
 * the first byte that may be read: a wide load that would pass `end` reaches back. */
struct scanner {
    const char *(*control)(const char *begin, const char *p, const char *end);
    struct field_scan (*field)(const char *begin, const char *p, const char *end);
    struct target_scan (*target)(const char *begin, const char *p, const char *end);
};

extern const struct scanner scanner_portable;
extern const struct scanner scanner_sse42;
extern const struct scanner scanner_avx2;

/* The one in use. From any thread. */
const struct scanner *scan_current(void);

/* What the processor can run. */
bool scan_is_available(enum scan_variant variant);

/* For tests and benchmarks: use this one from now on, in all threads. False if it is
 * not available. */
bool scan_use(enum scan_variant variant);

#endif
