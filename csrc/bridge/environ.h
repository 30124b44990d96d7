/* environ.h - the environ of a WSGI request (PEP 3333).
 *
 * Made once per endpoint as far as it is the same for all requests
 * (src/pyrs/_wsgi_parts.py says what stands there), and copied for each; only what the
 * request changes is set.
 */
#ifndef PYRS_BRIDGE_ENVIRON_H
#define PYRS_BRIDGE_ENVIRON_H

#include "module.h"
#include "wsgi_input.h"

struct environ {
    struct module_state *state;
    PyObject *template; /* new: a dict. What is often the same as the last time is set
                           here, when it differs, and not in each copy */
    PyObject *proxies;  /* new: that are trusted, or NULL */
    PyObject *last[ENVIRON_KEY_COUNT]; /* such values, borrowed from the template */
    char ends[PYRS_ENDS_BYTES];        /* whose addresses the template has */
};

/* `settings` is pyrs._request_parts.RequestSettings. False with an exception set. */
bool environ_init(struct environ *prepared, struct module_state *state,
                  PyObject *template, PyObject *settings);
void environ_fini(struct environ *prepared);

/* Of a request; `input` is its body, or NULL. NULL with an exception set. */
PyObject *environ_make(struct environ *prepared, struct pyrs_exchange *exchange,
                       struct wsgi_input *input);

#endif
