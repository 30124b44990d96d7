/* file_wrapper.h - wsgi.file_wrapper: a file that an application returns as its body.
 *
 * To the application it is an iterable of blocks with a close(). pyrs sends the file
 * itself, without reading it, if it is one that the system can send.
 */
#ifndef PYRS_BRIDGE_FILE_WRAPPER_H
#define PYRS_BRIDGE_FILE_WRAPPER_H

#include "module.h"

PyTypeObject *file_wrapper_type_new(PyObject *module);

/* From where it stands to its end, as a descriptor of the caller's own. False: it has
 * to be read; with an exception set only if it failed on the way. */
bool file_wrapper_open(struct module_state *state, PyObject *wrapper,
                       struct pyrs_file *file);

#endif
