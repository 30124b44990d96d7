/* wsgi.h - the endpoint that is a WSGI application (PEP 3333).
 *
 * Reading order: wsgi.c, which calls the application and sends what it returns;
 * environ.h, start_response.h and wsgi_input.h, what it is called with; file_wrapper.h,
 * files that it returns.
 */
#ifndef PYRS_BRIDGE_WSGI_H
#define PYRS_BRIDGE_WSGI_H

#include "module.h"

/* Its class; module state holds one. */
struct endpoint_class wsgi_class(const struct interpreter *interpreter);

/* What becomes one: `title` is how the log calls it. */
struct wsgi_source {
    PyObject *application, *title;
    PyObject *environ;  /* a dict: what stands in the environ of every request */
    PyObject *settings; /* pyrs._request_parts.RequestSettings */
};

/* Freed by its class, or by wsgi_free. NULL with an exception set. */
struct pyrs_endpoint *wsgi_new(struct module_state *state,
                               const struct wsgi_source *source);

/* Attached, and never given to a server. */
void wsgi_free(struct pyrs_endpoint *endpoint);

#endif
