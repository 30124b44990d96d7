/* python.h - Python.h, what differs between CPython 3.10 and 3.13, and steps between
 * its objects and the core's bytes.
 *
 * A function that returns PyObject * gives a new reference, or NULL with an exception
 * set, unless its comment says otherwise.
 */
#ifndef PYRS_BRIDGE_PYTHON_H
#define PYRS_BRIDGE_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdbool.h>

#include "../pyrs.h"

static inline bool python_is_finalizing(void)
{
#if PY_VERSION_HEX >= 0x030d0000
    return Py_IsFinalizing();
#else
    return _Py_IsFinalizing();
#endif
}

/* True if it was looked for without an exception: `*value` is new, or NULL if there is
 * no such attribute. An AttributeError that is made only to be cleared costs a
 * microsecond. */
static inline bool attribute_if_any(PyObject *object, PyObject *name, PyObject **value)
{
#if PY_VERSION_HEX >= 0x030d0000
    return PyObject_GetOptionalAttr(object, name, value) >= 0;
#else
    return _PyObject_LookupAttr(object, name, value) >= 0;
#endif
}

/* Takes the exception that is set, its traceback attached. */
static inline PyObject *exception_take(void)
{
#if PY_VERSION_HEX >= 0x030c0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *exception, *traceback;

    PyErr_Fetch(&type, &exception, &traceback);
    PyErr_NormalizeException(&type, &exception, &traceback);
    if (exception && traceback)
        PyException_SetTraceback(exception, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return exception;
#endif
}

/* The bytes of a str of latin-1 characters, valid as long as it; false, without an
 * exception, if it has others. */
static inline bool str_latin1(PyObject *text, const char **bytes, size_t *length)
{
#if PY_VERSION_HEX < 0x030c0000
    if (PyUnicode_READY(text) < 0) {
        PyErr_Clear();
        return false;
    }
#endif
    if (PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND)
        return false;
    *bytes = (const char *)PyUnicode_1BYTE_DATA(text);
    *length = (size_t)PyUnicode_GET_LENGTH(text);
    return true;
}

/* Each byte as one character: what PEP 3333 wants of header text, and what never fails.
 */
static inline PyObject *str_from_latin1(struct pyrs_slice bytes)
{
    return PyUnicode_DecodeLatin1(bytes.bytes, (Py_ssize_t)bytes.length, NULL);
}

/* True if that would make this str. NULL is none. */
static inline bool str_is_latin1(PyObject *text, struct pyrs_slice bytes)
{
    return text && (size_t)PyUnicode_GET_LENGTH(text) == bytes.length &&
           memcmp(PyUnicode_1BYTE_DATA(text), bytes.bytes, bytes.length) == 0;
}

/* The bytes of what has a buffer, in one piece: a view with gaps is joined in a copy,
 * which the buffer holds then. False with an exception set. */
static inline bool buffer_of(PyObject *value, Py_buffer *buffer)
{
    PyObject *copy;
    bool done;

    if (PyObject_GetBuffer(value, buffer, PyBUF_SIMPLE) == 0)
        return true;
    if (!PyErr_ExceptionMatches(PyExc_BufferError))
        return false;
    PyErr_Clear();
    copy = PyBytes_FromObject(value);
    done = copy && PyObject_GetBuffer(copy, buffer, PyBUF_SIMPLE) == 0;
    Py_XDECREF(copy);
    return done;
}

/* Of a reference that the core was lent bytes with: pyrs_response.release. */
static inline void object_release(void *owner)
{
    Py_DECREF((PyObject *)owner);
}

#endif
