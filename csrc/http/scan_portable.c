/* scan_portable.c - the scanner in portable C, a byte at a time. */
#include "scan.h"

#include "chars.h"

#include <stddef.h>

static const char *scan_control(const char *begin, const char *p, const char *end)
{
    (void)begin;
    while (p < end && !char_is(*p, CHAR_CONTROL))
        p++;
    return p;
}

static struct field_scan scan_field(const char *begin, const char *p, const char *end)
{
    struct field_scan scan;

    while (p < end && char_is(*p, CHAR_TOKEN))
        p++;
    scan.name_end = p;
    scan.stop = scan_control(begin, p, end);
    return scan;
}

static struct target_scan scan_target(const char *begin, const char *p, const char *end)
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

const struct scanner scanner_portable = {scan_control, scan_field, scan_target};
