/* origin_reader.h - trusted proxies for endpoints that are none of the bridge's. */
#ifndef PYRS_BRIDGE_ORIGIN_READER_H
#define PYRS_BRIDGE_ORIGIN_READER_H

#include "module.h"

/* `proxies` is a pyrs.forwarded.TrustedProxies. NULL with an exception set. */
struct pyrs_origin_reader *origin_reader_new(struct module_state *state,
                                             PyObject *proxies);

#endif
