/* scan.h - which of the scanners reads request heads.
 *
 * The scanner is the inner loop of request_head_parse: it looks for the bytes that end
 * a name, a target or a line. There is one in portable C and, on x86-64, one that looks
 * at 16 bytes at once and one that looks at 32. The best that the processor can run is
 * chosen when the first head is parsed.
 */
#ifndef PYRS_HTTP_SCAN_H
#define PYRS_HTTP_SCAN_H

#include <stdbool.h>

enum scan_variant { SCAN_PORTABLE, SCAN_SSE42, SCAN_AVX2, SCAN_VARIANT_COUNT };

/* What the processor can run. */
bool scan_is_available(enum scan_variant variant);

/* For tests and benchmarks: use this one from now on, in all threads. False if it is
 * not available. */
bool scan_use(enum scan_variant variant);

#endif
