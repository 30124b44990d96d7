/* open_file.c - see open_file.h. */
#include "open_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Neither a FIFO nor a terminal is to be waited for, or to become ours. errno tells of
 * a failure: EISDIR, or EINVAL for what else is no regular file. */
static int open_regular(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    int code;

    if (descriptor < 0)
        return -1;
    if (fstat(descriptor, &status) < 0)
        code = errno;
    else if (S_ISREG(status.st_mode))
        return descriptor;
    else
        code = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    close(descriptor);
    errno = code;
    return -1;
}

int open_file(PyObject *path, bool *is_missing)
{
    PyObject *name;
    int descriptor, code;

    *is_missing = false;
    if (!PyUnicode_FSConverter(path, &name))
        return -1;
    Py_BEGIN_ALLOW_THREADS descriptor = open_regular(PyBytes_AS_STRING(name));
    code = errno;
    Py_END_ALLOW_THREADS Py_DECREF(name);
    if (descriptor >= 0)
        return descriptor;
    *is_missing = code == ENOENT || code == ENOTDIR || code == ENAMETOOLONG;
    if (code == EINVAL) {
        PyErr_Format(PyExc_OSError, "no regular file: %R", path);
        return -1;
    }
    errno = code;
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    return -1;
}
