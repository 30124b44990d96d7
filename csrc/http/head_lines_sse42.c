/* head_lines_sse42.c - the walk over a head's lines, compiled with -msse4.2.
 *
 * Empty without that option: a build that does not know of it gets the portable walk,
 * as long as it does not define PYRS_SCAN_X86 either.
 */
#ifdef __SSE4_2__

#include "scan_sse42.h"

#include "head_lines.h"

enum head_result head_lines_sse42(const struct head_reader *reader)
{
    return read_lines(reader);
}

#endif
