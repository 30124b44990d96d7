/* head_lines_avx2.c - the walk over a head's lines, compiled with -mavx2.
 *
 * Empty without that option: a build that does not know of it gets the portable walk,
 * as long as it does not define PYRS_SCAN_X86 either.
 */
#ifdef __AVX2__

#include "scan_avx2.h"

#include "head_lines.h"

enum head_result head_lines_avx2(const struct head_reader *reader)
{
    return read_lines(reader);
}

#endif
