/* scan.c - the choice of the scanner. */
#include "scan.h"

#include <stdatomic.h>
#include <stddef.h>

static const struct scanner *const scanners[SCAN_VARIANT_COUNT] = {
    [SCAN_PORTABLE] = &scanner_portable,
#if defined(PYRS_SCAN_X86)
    [SCAN_SSE42] = &scanner_sse42,
    [SCAN_AVX2] = &scanner_avx2,
#endif
};

/* NULL until the first head. Threads that come at the same time choose the same. */
static _Atomic(const struct scanner *) current;

bool scan_is_available(enum scan_variant variant)
{
    switch (variant) {
    case SCAN_PORTABLE:
        return true;
#if defined(PYRS_SCAN_X86)
    case SCAN_SSE42:
        return __builtin_cpu_supports("sse4.2");
    case SCAN_AVX2:
        return __builtin_cpu_supports("avx2");
#endif
    default:
        return false;
    }
}

bool scan_use(enum scan_variant variant)
{
    if (!scan_is_available(variant))
        return false;
    atomic_store_explicit(&current, scanners[variant], memory_order_relaxed);
    return true;
}

const struct scanner *scan_current(void)
{
    const struct scanner *scanner =
        atomic_load_explicit(&current, memory_order_relaxed);
    enum scan_variant best = SCAN_VARIANT_COUNT - 1;

    if (scanner != NULL)
        return scanner;
    while (!scan_is_available(best))
        best--;
    scan_use(best);
    return scanners[best];
}
