/* piece.c - see piece.h. */
#include "piece.h"

static bool of_str(struct piece *piece, PyObject *item)
{
    Py_ssize_t length;
    const char *bytes = PyUnicode_AsUTF8AndSize(item, &length);

    if (!bytes) {
        Py_DECREF(item);
        return false;
    }
    *piece = (struct piece){
        .bytes = {bytes, (size_t)length}, .is_text = true, .owner = item};
    return true;
}

static bool of_bytes(struct piece *piece, PyObject *item)
{
    *piece = (struct piece){
        .bytes = {PyBytes_AS_STRING(item), (size_t)PyBytes_GET_SIZE(item)},
        .owner = item};
    return true;
}

static bool of_buffer(struct piece *piece, PyObject *item)
{
    bool done = buffer_of(item, &piece->buffer);

    Py_DECREF(item); /* the buffer holds it */
    if (!done)
        return false;
    piece->owner = NULL;
    piece->is_text = false;
    piece->bytes = (struct pyrs_slice){piece->buffer.buf, (size_t)piece->buffer.len};
    return true;
}

bool piece_of(struct piece *piece, PyObject *item)
{
    if (PyUnicode_Check(item))
        return of_str(piece, item);
    if (PyBytes_Check(item))
        return of_bytes(piece, item);
    if (PyObject_CheckBuffer(item))
        return of_buffer(piece, item);
    PyErr_Format(PyExc_TypeError,
                 "an item of type %.100s: a streamed body has str or bytes-like ones",
                 Py_TYPE(item)->tp_name);
    Py_DECREF(item);
    return false;
}

bool piece_of_bytes(struct piece *piece, PyObject *item)
{
    if (PyBytes_Check(item))
        return of_bytes(piece, item);
    PyErr_Format(PyExc_TypeError, "an item of type %.100s: the body has to be bytes",
                 Py_TYPE(item)->tp_name);
    Py_DECREF(item);
    return false;
}

void piece_drop(struct piece *piece)
{
    if (piece->owner)
        Py_DECREF(piece->owner);
    else
        PyBuffer_Release(&piece->buffer);
}

enum pyrs_flow piece_send(struct piece *piece, struct pyrs_exchange *exchange)
{
    enum pyrs_flow flow;

    if (piece->owner && piece->bytes.length > PIECE_LENT_BYTES_MIN)
        return pyrs_exchange_send(exchange, piece->bytes, object_release, piece->owner);
    flow = piece->bytes.length > 0
               ? pyrs_exchange_send(exchange, piece->bytes, NULL, NULL)
               : pyrs_exchange_flow(exchange);
    piece_drop(piece);
    return flow;
}

struct pyrs_slice piece_content_type(const struct piece *piece)
{
    return piece->is_text ? PYRS_TEXT("text/html; charset=utf-8")
                          : PYRS_TEXT("application/octet-stream");
}
