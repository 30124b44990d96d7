/* open_file.h - the file behind Response.file.
 *
 * Opened when the response is about to be sent; conditions, ranges and the sending are
 * the core's.
 */
#ifndef PYRS_BRIDGE_OPEN_FILE_H
#define PYRS_BRIDGE_OPEN_FILE_H

#include "python.h"

/* The descriptor of a regular file. -1 with an exception set; *is_missing tells that
 * nothing has that name. */
int open_file(PyObject *path, bool *is_missing);

#endif
