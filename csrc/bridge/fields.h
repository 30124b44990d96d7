/* fields.h - header lines of a response, from Python's mapping or list of pairs.
 *
 * Every line is checked (pyrs_field_is_valid), so that no value can end its line and
 * begin another header or a body. A Content-Type among them is not written but handed
 * out: the core writes that one.
 */
#ifndef PYRS_BRIDGE_FIELDS_H
#define PYRS_BRIDGE_FIELDS_H

#include "module.h"

/* Usual answers fit without an allocation. */
enum { FIELDS_INLINE_BYTES = 512 };
/* What clients and proxies take at most; more is a handler's mistake. */
enum { FIELDS_BYTES_MAX = 64 * 1024 };

struct fields {
    char *bytes;
    size_t length, capacity;
    PyObject *content_type; /* new: a str that str_latin1 can read, or NULL */
    char inline_bytes[FIELDS_INLINE_BYTES];
};

static inline void fields_init(struct fields *fields)
{
    fields->bytes = fields->inline_bytes;
    fields->length = 0;
    fields->capacity = FIELDS_INLINE_BYTES;
    fields->content_type = NULL;
}

static inline void fields_fini(struct fields *fields)
{
    if (fields->bytes != fields->inline_bytes)
        PyMem_Free(fields->bytes);
    Py_XDECREF(fields->content_type);
}

/* After `from` was copied to `fields`. */
static inline void fields_moved(struct fields *fields, const struct fields *from)
{
    if (from->bytes == from->inline_bytes)
        fields->bytes = fields->inline_bytes;
}

/* A mapping, or an iterable of (name, value). False with an exception set. */
bool fields_add_all(struct fields *fields, struct module_state *state,
                    PyObject *headers);

/* One line, as it is: the caller has checked it. False with an exception set. */
bool fields_append(struct fields *fields, struct pyrs_slice name,
                   struct pyrs_slice value);

/* False with a ValueError: it has one already. `value` as `content_type`. */
bool fields_set_content_type(struct fields *fields, PyObject *value);

/* The text of a header, or NULL bytes with an exception set: TypeError if it is no str,
 * ValueError if it cannot stand in a header. */
struct pyrs_slice field_text(PyObject *text, const char *what);

/* False with a ValueError or TypeError that names the header. */
bool field_check(PyObject *name, PyObject *value);

#endif
