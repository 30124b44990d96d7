/* wsgi_input.h - wsgi.input: the body of a request, as a stream.
 *
 * A body that came whole is read from where it is, in memory or in its temporary file;
 * one that arrives is waited for. At its end there is b"", whatever is asked for. The
 * input of a request without a body is one object for all of them.
 */
#ifndef PYRS_BRIDGE_WSGI_INPUT_H
#define PYRS_BRIDGE_WSGI_INPUT_H

#include "intake.h"
#include "module.h"

struct wsgi_input;

PyTypeObject *wsgi_input_type_new(PyObject *module);

/* Of a request; without an exchange an empty one. */
struct wsgi_input *wsgi_input_new(struct module_state *state,
                                  struct pyrs_exchange *exchange);

/* Before the exchange goes. Takes the reference. */
void wsgi_input_over(struct wsgi_input *input);

#endif
