/* hidden_name.h - names in a served folder that are as if they were not there: those
 * that begin with a dot, .well-known (RFC 8615) excepted. */
#ifndef PYRS_SERVE_HIDDEN_NAME_H
#define PYRS_SERVE_HIDDEN_NAME_H

#include "../http/slice.h"

static inline bool name_is_hidden(slice name)
{
    return name.length > 0 && name.bytes[0] == '.' &&
           !slice_equal(name, SLICE(".well-known"));
}

#endif
