/* fields.c - see fields.h. */
#include "fields.h"

#include "facts.h"

/* ---- one header ---- */

struct pyrs_slice field_text(PyObject *text, const char *what)
{
    struct pyrs_slice slice = {NULL, 0};

    if (!PyUnicode_Check(text))
        PyErr_Format(PyExc_TypeError, "%s is of type %.100s: it must be a str", what,
                     Py_TYPE(text)->tp_name);
    else if (!str_latin1(text, &slice.bytes, &slice.length))
        PyErr_Format(PyExc_ValueError, "%s %A has characters outside latin-1", what,
                     text);
    return slice;
}

/* The rules are the core's; here is only the message. */
static bool refuse(struct pyrs_slice value, PyObject *name_object,
                   PyObject *value_object)
{
    const char *why = pyrs_field_is_valid(PYRS_TEXT("X"), value)
                          ? "its name is no token, or one that pyrs writes itself"
                          : "its value has a control character";

    PyErr_Format(PyExc_ValueError, "header %A: %A is refused: %s", name_object,
                 value_object, why);
    return false;
}

bool field_check(PyObject *name, PyObject *value)
{
    struct pyrs_slice name_text = field_text(name, "header name");
    struct pyrs_slice value_text;

    if (!name_text.bytes)
        return false;
    value_text = field_text(value, "header value");
    if (!value_text.bytes)
        return false;
    return pyrs_field_is_valid(name_text, value_text) ||
           refuse(value_text, name, value);
}

/* ---- lines ---- */

static bool make_room(struct fields *fields, size_t length)
{
    size_t needed = fields->length + length;
    bool is_inline = fields->bytes == fields->inline_bytes;
    size_t capacity = fields->capacity;
    char *bytes;

    if (needed <= capacity)
        return true;
    if (needed > FIELDS_BYTES_MAX) {
        PyErr_Format(PyExc_ValueError, "headers of more than %d bytes",
                     (int)FIELDS_BYTES_MAX);
        return false;
    }
    while (capacity < needed)
        capacity *= 2;
    bytes = PyMem_Realloc(is_inline ? NULL : fields->bytes, capacity);
    if (!bytes) {
        PyErr_NoMemory();
        return false;
    }
    if (is_inline)
        memcpy(bytes, fields->inline_bytes, fields->length);
    fields->bytes = bytes;
    fields->capacity = capacity;
    return true;
}

static void append(struct fields *fields, struct pyrs_slice text)
{
    memcpy(fields->bytes + fields->length, text.bytes, text.length);
    fields->length += text.length;
}

bool fields_append(struct fields *fields, struct pyrs_slice name,
                   struct pyrs_slice value)
{
    if (!make_room(fields, name.length + value.length + 4))
        return false;
    append(fields, name);
    append(fields, PYRS_TEXT(": "));
    append(fields, value);
    append(fields, PYRS_TEXT("\r\n"));
    return true;
}

bool fields_set_content_type(struct fields *fields, PyObject *value)
{
    if (fields->content_type) {
        PyErr_SetString(PyExc_ValueError, "more than one Content-Type header");
        return false;
    }
    fields->content_type = Py_NewRef(value);
    return true;
}

static bool add(struct fields *fields, PyObject *name, PyObject *value)
{
    struct pyrs_slice name_text, value_text;

    if (!field_check(name, value))
        return false;
    name_text = field_text(name, "header name");
    value_text = field_text(value, "header value");
    if (name_equals(name_text, PYRS_TEXT("content-type")))
        return fields_set_content_type(fields, value);
    return fields_append(fields, name_text, value_text);
}

static bool add_dict(struct fields *fields, PyObject *headers)
{
    PyObject *name, *value;
    Py_ssize_t at = 0;

    while (PyDict_Next(headers, &at, &name, &value)) /* `add` runs no code of users */
        if (!add(fields, name, value))
            return false;
    return true;
}

static bool add_pair(struct fields *fields, PyObject *pair)
{
    PyObject *items;
    bool added = false;

    if (PyUnicode_Check(pair)) { /* "ab" would pass for ("a", "b") */
        PyErr_Format(PyExc_TypeError, "header %A is no (name, value)", pair);
        return false;
    }
    items = PySequence_Fast(pair, "a header is no (name, value)");
    if (!items)
        return false;
    if (PySequence_Fast_GET_SIZE(items) != 2)
        PyErr_Format(PyExc_TypeError, "header %A is no (name, value)", pair);
    else
        added = add(fields, PySequence_Fast_GET_ITEM(items, 0),
                    PySequence_Fast_GET_ITEM(items, 1));
    Py_DECREF(items);
    return added;
}

static bool add_iterable(struct fields *fields, PyObject *pairs)
{
    PyObject *iterator = PyObject_GetIter(pairs);
    PyObject *pair;
    bool added = true;

    if (!iterator)
        return false;
    while (added && (pair = PyIter_Next(iterator))) {
        added = add_pair(fields, pair);
        Py_DECREF(pair);
    }
    Py_DECREF(iterator);
    return added && !PyErr_Occurred();
}

/* `items` of a multidict gives each value of a name. */
static bool add_mapping(struct fields *fields, struct module_state *state,
                        PyObject *headers)
{
    PyObject *items = PyObject_CallMethodNoArgs(headers, state->name_items);
    bool added;

    if (!items)
        return false;
    added = add_iterable(fields, items);
    Py_DECREF(items);
    return added;
}

bool fields_add_all(struct fields *fields, struct module_state *state,
                    PyObject *headers)
{
    if (PyDict_CheckExact(headers))
        return add_dict(fields, headers);
    if (PyObject_HasAttr(headers, state->name_items))
        return add_mapping(fields, state, headers);
    return add_iterable(fields, headers);
}
