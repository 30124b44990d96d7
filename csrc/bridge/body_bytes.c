/* body_bytes.c - see body_bytes.h. */
#include "body_bytes.h"

PyObject *body_bytes_once(body_take_function *take, void *source, size_t room)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)room);
    int64_t taken = bytes ? take(source, PyBytes_AS_STRING(bytes), room) : -1;

    if (taken < 0)
        Py_CLEAR(bytes);
    else if ((size_t)taken < room)
        (void)_PyBytes_Resize(&bytes, (Py_ssize_t)taken);
    return bytes;
}

PyObject *body_bytes_until(body_take_function *take, void *source, size_t first_room,
                           size_t size)
{
    size_t room = first_room < size ? first_room : size, length = 0;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)room);

    while (bytes && length < size) {
        int64_t taken;

        if (length == room) {
            room = room < size / 2 ? room * 2 : size;
            if (_PyBytes_Resize(&bytes, (Py_ssize_t)room) < 0)
                break;
        }
        taken = take(source, PyBytes_AS_STRING(bytes) + length, room - length);
        if (taken < 0)
            Py_CLEAR(bytes);
        if (taken <= 0)
            break;
        length += (size_t)taken;
    }
    if (bytes && length < room)
        (void)_PyBytes_Resize(&bytes, (Py_ssize_t)length);
    return bytes;
}
