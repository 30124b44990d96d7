/* origin.h - what headers tell of who asked; what they mean is decided in
 * src/pyrs/forwarded.py.
 */
#ifndef PYRS_BRIDGE_ORIGIN_H
#define PYRS_BRIDGE_ORIGIN_H

#include "facts.h"
#include "module.h"

/* A CIMultiDictProxy, by the policy. */
PyObject *headers_read(struct module_state *state, const struct facts *facts);

/* (host, port) */
PyObject *address_tuple(const struct address *address);
PyObject *client_tuple(const struct facts *facts);

/* A pyrs.forwarded.Origin; `headers` as headers_read gives them. */
PyObject *origin_make(struct module_state *state, PyObject *proxies,
                      const struct facts *facts, PyObject *headers);

/* The same, with its headers read and taken apart. */
struct origin {
    PyObject *object; /* new; the others are its own */
    PyObject *host_of_client, *port_of_client, *scheme, *host;
};

/* False with an exception set. */
bool origin_read(struct origin *origin, struct module_state *state, PyObject *proxies,
                 const struct facts *facts);
void origin_fini(struct origin *origin);

#endif
