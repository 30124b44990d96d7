/* scan_portable.h - the scanner in portable C, a byte at a time.
 *
 * It is the reference that the others are tested against. What each function promises
 * is said here once.
 */
#ifndef PYRS_HTTP_SCAN_PORTABLE_H
#define PYRS_HTTP_SCAN_PORTABLE_H

#include "chars.h"

#include <stddef.h>

struct field_scan {
    const char *name_end; /* first byte that no token may hold; end if there is none */
    const char *stop;     /* first control character; end if there is none */
};

struct target_scan {
    const char *stop; /* first byte that is not visible ASCII; end if there is none */
    const char *question; /* first question mark before stop; stop if there is none */
    bool odd; /* "%", "#", "//" or "/." stands before stop: needs a closer look. */
};

/* First control character from `p` on, `end` if there is none. `begin` is the first
 * byte that may be read, at or before `p`: it lets a wide load that would pass `end`
 * reach back instead. */
static inline const char *portable_scan_control(const char *begin, const char *p,
                                                const char *end)
{
    (void)begin;
    while (p < end && !char_is(*p, CHAR_CONTROL))
        p++;
    return p;
}

static inline struct field_scan portable_scan_field(const char *begin, const char *p,
                                                    const char *end)
{
    struct field_scan scan;

    while (p < end && char_is(*p, CHAR_TOKEN))
        p++;
    scan.name_end = p;
    scan.stop = portable_scan_control(begin, p, end);
    return scan;
}

static inline struct target_scan portable_scan_target(const char *begin, const char *p,
                                                      const char *end)
{
    struct target_scan scan = {.question = NULL, .odd = false};
    char before = ' ';

    (void)begin;
    for (; p < end && char_is(*p, CHAR_VISIBLE); before = *p++) {
        if (*p == '?' && scan.question == NULL)
            scan.question = p;
        if (char_is(*p, CHAR_ODD) || (before == '/' && (*p == '/' || *p == '.')))
            scan.odd = true;
    }
    scan.stop = p;
    if (scan.question == NULL)
        scan.question = p;
    return scan;
}

#endif
