/* handler.h - the endpoint that is a Python callable. */
#ifndef PYRS_BRIDGE_HANDLER_H
#define PYRS_BRIDGE_HANDLER_H

#include "module.h"

/* Its class; module state holds one, since the interpreter is part of it. */
struct endpoint_class handler_class(const struct interpreter *interpreter);

/* `name` is how the log calls it. Freed by its class, or by handler_free. NULL with an
 * exception set. */
struct pyrs_endpoint *handler_new(struct module_state *state, PyObject *callable,
                                  const char *name, PyObject *settings);

/* Attached, and never given to a server. */
void handler_free(struct pyrs_endpoint *endpoint);

#endif
