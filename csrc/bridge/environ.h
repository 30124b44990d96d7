/* environ.h - the environ of a WSGI request (PEP 3333).
 *
 * Made once per endpoint as far as it is the same for all requests (src/pyrs/wsgi.py
 * says what stands there), and copied for each; only what the request changes is set.
 */
#ifndef PYRS_BRIDGE_ENVIRON_H
#define PYRS_BRIDGE_ENVIRON_H

#include "module.h"
#include "wsgi_input.h"

/* Text that is often the same as the last time. */
struct last_text {
    PyObject *text; /* or NULL */
};

struct environ {
    struct module_state *state;
    PyObject *template; /* new: a dict */
    PyObject *proxies;  /* new: that are trusted, or NULL */
    struct last_text script_name, server_name, server_port, remote_addr;
};

/* `settings` is pyrs._request_parts.RequestSettings. False with an exception set. */
bool environ_init(struct environ *environ, struct module_state *state,
                  PyObject *template, PyObject *settings);
void environ_fini(struct environ *environ);

/* Of a request; `input` is its body, or NULL. NULL with an exception set. */
PyObject *environ_make(struct environ *environ, struct pyrs_exchange *exchange,
                       struct wsgi_input *input);

#endif
