/* head_lines_avx2.c - the walk over a head's lines, compiled with -mavx2. */
#include "scan_avx2.h"

#include "head_lines.h"

enum head_result head_lines_avx2(const struct head_reader *reader)
{
    return read_lines(reader);
}
