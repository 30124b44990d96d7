/* head_lines_portable.c - the walk over a head's lines, in portable C. */
#include "scan_portable.h"

#define scan_control portable_scan_control
#define scan_field   portable_scan_field
#define scan_target  portable_scan_target
#include "head_lines.h"

enum head_result head_lines_portable(const struct head_reader *reader)
{
    return read_lines(reader);
}
