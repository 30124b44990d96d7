/* piece.h - one item of a body that is sent in pieces, as bytes.
 *
 * A str goes as UTF-8; whatever has the bytes of a buffer goes as it is. Large str and
 * bytes are lent to the core, everything else is copied: a bytearray may be filled anew
 * as soon as its owner runs again.
 */
#ifndef PYRS_BRIDGE_PIECE_H
#define PYRS_BRIDGE_PIECE_H

#include "../pyrs.h"
#include "python.h"

/* What the core would copy anyway is not worth lending. */
enum { PIECE_LENT_BYTES_MIN = 16 * 1024 };

struct piece {
    struct pyrs_slice bytes;
    bool is_text;
    PyObject *owner;  /* new: a str or bytes, or NULL */
    Py_buffer buffer; /* if owner is NULL */
};

/* Takes the reference to `item`, also on failure. False with an exception set: it is
 * neither str nor bytes-like, or no UTF-8 can be made of it. */
bool piece_of(struct piece *piece, PyObject *item);

/* The same for a body that has bytes objects only. */
bool piece_of_bytes(struct piece *piece, PyObject *item);

/* Sends the piece, and lets go of it. An empty one sends nothing. */
enum pyrs_flow piece_send(struct piece *piece, struct pyrs_exchange *exchange);

void piece_drop(struct piece *piece);

/* The media type of a body whose first piece this is, unless one was given. */
struct pyrs_slice piece_content_type(const struct piece *piece);

#endif
