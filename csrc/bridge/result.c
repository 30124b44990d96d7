/* result.c - see result.h.
 *
 * Ordered by how common a kind is: exact str and bytes first, subclasses last. What has
 * a body only is a simple value; Response and tuples are a simple value with a status
 * and headers.
 */
#include "result.h"

#include <assert.h>
#include <unistd.h>

#include "open_file.h"

#define HTML  PYRS_TEXT("text/html; charset=utf-8")
#define PLAIN PYRS_TEXT("text/plain; charset=utf-8")
#define BYTES PYRS_TEXT("application/octet-stream")
#define JSON  PYRS_TEXT("application/json")

/* ---- owners of bodies ---- */

static void release_buffer(void *owner)
{
    PyBuffer_Release(owner);
    PyMem_Free(owner);
}

static void release_body(struct result *result)
{
    if (result->response.release)
        result->response.release(result->response.owner);
}

static inline void set_body(struct result *result, const char *bytes, size_t length,
                            PyObject *owner)
{
    result->response.body = (struct pyrs_slice){bytes, length};
    result->response.release = object_release;
    result->response.owner = owner;
}

static inline void result_init(struct result *result)
{
    result->response = (struct pyrs_response){.status = 200};
    result->stream = NULL;
    result->file_is_missing = false;
    result->content_type = NULL;
    result->has_fields = false;
}

void result_drop(struct result *result)
{
    release_body(result);
    if (result->response.file)
        close(result->file.descriptor);
    Py_XDECREF(result->stream);
    Py_XDECREF(result->content_type);
    if (result->has_fields)
        fields_fini(&result->fields);
}

void result_move(struct result *to, struct result *from)
{
    *to = *from;
    if (from->response.file)
        to->response.file = &to->file;
    if (!from->has_fields)
        return;
    fields_moved(&to->fields, &from->fields);
    to->response.fields.bytes = to->fields.bytes;
}

/* False, with nothing left to send. */
static bool result_discard(struct result *result)
{
    result_drop(result);
    return false;
}

/* ---- simple values: each takes the reference to `value` ---- */

static bool from_str(struct result *result, PyObject *value)
{
    Py_ssize_t length;
    const char *bytes = PyUnicode_AsUTF8AndSize(value, &length);

    if (!bytes) {
        Py_DECREF(value);
        return false;
    }
    set_body(result, bytes, (size_t)length, value);
    result->response.content_type = HTML;
    return true;
}

static bool from_bytes(struct result *result, PyObject *value)
{
    set_body(result, PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value), value);
    result->response.content_type = BYTES;
    return true;
}

static bool from_json(struct result *result, struct module_state *state,
                      PyObject *value)
{
    PyObject *text = PyObject_CallOneArg(state->policy.encode_json, value);

    Py_DECREF(value);
    if (!text)
        return false;
    if (!PyBytes_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "the JSON encoder gave no bytes");
        Py_DECREF(text);
        return false;
    }
    (void)from_bytes(result, text);
    result->response.content_type = JSON;
    return true;
}

static bool from_none(struct result *result, PyObject *value)
{
    Py_DECREF(value);
    result->response.status = 204;
    return true;
}

static bool from_buffer(struct result *result, PyObject *value)
{
    Py_buffer *buffer = PyMem_Malloc(sizeof *buffer);
    bool done = buffer && buffer_of(value, buffer);

    Py_DECREF(value); /* the buffer holds it */
    if (!buffer)
        PyErr_NoMemory();
    if (!done) {
        PyMem_Free(buffer);
        return false;
    }
    result->response.body = (struct pyrs_slice){buffer->buf, (size_t)buffer->len};
    result->response.release = release_buffer;
    result->response.owner = buffer;
    result->response.content_type = BYTES;
    return true;
}

/* The handler's own request: its body lies in the exchange until that is answered,
 * while its parts go before. One that arrives is awaited, since a client that sends
 * need not be reading yet. */
static bool from_own_request(struct result *result, struct request *request)
{
    struct pyrs_slice type = facts_header(&request->facts, PYRS_TEXT("content-type"));

    if (reading_arrives(request) && !request_part(request, PART_BODY)) {
        Py_DECREF(request);
        return false;
    }
    if (pyrs_exchange_body_streams(request->facts.exchange))
        (void)from_bytes(result, Py_NewRef(request->parts[PART_BODY]));
    else
        result->response.body = pyrs_exchange_body(request->facts.exchange);
    result->response.content_type = type.length > 0 ? type : BYTES;
    Py_DECREF(request);
    return true;
}

/* A request that was kept earlier, returned for another one: body and media type are
 * copied, since nothing else holds it. */
static bool from_other_request(struct result *result, PyObject *value)
{
    struct request *request = (struct request *)value;
    PyObject *body = PyObject_Bytes(value);
    struct pyrs_slice type;
    PyObject *type_text;

    if (!body) {
        Py_DECREF(value);
        return false;
    }
    type = facts_header(&request->facts, PYRS_TEXT("content-type"));
    type_text = str_from_latin1(type);
    Py_DECREF(value);
    if (!type_text) {
        Py_DECREF(body);
        return false;
    }
    (void)from_bytes(result, body);
    result->content_type = type_text;
    if (type.length > 0)
        str_latin1(type_text, &result->response.content_type.bytes,
                   &result->response.content_type.length);
    return true;
}

static bool is_async_iterator(PyObject *value)
{
    const PyAsyncMethods *methods = Py_TYPE(value)->tp_as_async;

    return methods && methods->am_anext;
}

/* What its items are is seen when the first is there. */
static bool from_iterator(struct result *result, PyObject *value)
{
    result->stream = value;
    return true;
}

/* Opened now, so that it is 404 if it is not there; the core reads and closes it. */
static bool from_file(struct result *result, struct module_state *state,
                      PyObject *value)
{
    PyObject *path = PyObject_GetAttr(value, state->name_path);
    int descriptor = path ? open_file(path, &result->file_is_missing) : -1;

    Py_XDECREF(path);
    Py_DECREF(value);
    if (descriptor < 0)
        return false;
    result->file = (struct pyrs_file){.descriptor = descriptor};
    result->response.file = &result->file;
    result->response.content_type = BYTES;
    return true;
}

static bool is_json_value(struct module_state *state, PyObject *value)
{
    return PyDict_Check(value) || PyList_Check(value) || PyLong_Check(value) ||
           PyFloat_Check(value) ||
           PyObject_TypeCheck(value, (PyTypeObject *)state->policy.struct_type) ||
           PyObject_HasAttr((PyObject *)Py_TYPE(value), state->name_dataclass_fields);
}

/* A coroutine that is never awaited would warn when it goes. */
static bool refuse_coroutine(struct module_state *state, PyObject *value)
{
    PyObject *closed = PyObject_CallMethodNoArgs(value, state->name_close);

    Py_XDECREF(closed);
    if (!closed)
        PyErr_Clear();
    Py_DECREF(value);
    PyErr_SetString(PyExc_TypeError,
                    "a coroutine, from a handler that is no async function: declare it "
                    "async def, and await the coroutine there");
    return false;
}

static bool refuse_type(PyObject *value)
{
    PyErr_Format(
        PyExc_TypeError,
        "a value of type %.200s, which is no answer: str, bytes, a dict, a list, "
        "None, the request, a pyrs.Response or a tuple would be",
        Py_TYPE(value)->tp_name);
    Py_DECREF(value);
    return false;
}

static bool from_rare_value(struct result *result, struct module_state *state,
                            PyObject *value)
{
    if (PyByteArray_Check(value) || PyMemoryView_Check(value))
        return from_buffer(result, value);
    if (PyUnicode_Check(value))
        return from_str(result, value);
    if (PyBytes_Check(value))
        return from_bytes(result, value);
    if (is_json_value(state, value))
        return from_json(result, state, value);
    if (Py_TYPE(value) == (PyTypeObject *)state->policy.file_type)
        return from_file(result, state, value);
    if (PyIter_Check(value) || is_async_iterator(value))
        return from_iterator(result, value);
    if (PyCoro_CheckExact(value))
        return refuse_coroutine(state, value);
    return refuse_type(value);
}

/* `request` NULL: of an HTTPError, which does not know its request. */
static inline bool from_simple_value(struct result *result, struct module_state *state,
                                     struct request *request, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);

    if (type == &PyUnicode_Type)
        return from_str(result, value);
    if (type == &PyBytes_Type)
        return from_bytes(result, value);
    if (type == &PyDict_Type || type == &PyList_Type)
        return from_json(result, state, value);
    if (value == Py_None)
        return from_none(result, value);
    if (request && value == (PyObject *)request)
        return from_own_request(result, request);
    if (type == state->request_type)
        return from_other_request(result, value);
    return from_rare_value(result, state, value);
}

/* ---- status, headers and media type around a simple value ---- */

static bool set_status(struct result *result, PyObject *status)
{
    long number = -1;
    int overflow = 0;

    if (PyLong_Check(status) && !PyBool_Check(status))
        number = PyLong_AsLongAndOverflow(status, &overflow);
    if (overflow || number < 200 || number > 599) {
        PyErr_Format(PyExc_ValueError, "status %R is no integer from 200 to 599",
                     status);
        return false;
    }
    result->response.status = (uint32_t)number;
    return true;
}

/* A Content-Type among them stands above what the body's type suggests. */
static bool set_headers(struct result *result, struct module_state *state,
                        PyObject *headers)
{
    if (headers == Py_None)
        return true;
    fields_init(&result->fields);
    result->has_fields = true;
    if (!fields_add_all(&result->fields, state, headers))
        return false;
    result->response.fields =
        (struct pyrs_slice){result->fields.bytes, result->fields.length};
    if (result->fields.content_type)
        result->response.content_type =
            field_text(result->fields.content_type, "Content-Type");
    return true;
}

/* "" sends no Content-Type. */
static bool set_content_type(struct result *result, PyObject *content_type)
{
    struct pyrs_slice text = field_text(content_type, "content_type");

    if (!text.bytes)
        return false;
    if (!pyrs_field_is_valid(PYRS_TEXT("Content-Type"), text)) {
        PyErr_Format(PyExc_ValueError, "content_type %A cannot stand in a header",
                     content_type);
        return false;
    }
    Py_XDECREF(result->content_type);
    result->content_type = Py_NewRef(content_type);
    result->response.content_type = text;
    return true;
}

/* ---- what has parts ---- */

/* Takes `value`, whose items stay as they are while it is held. */
static bool from_tuple(struct result *result, struct module_state *state,
                       struct request *request, PyObject *value)
{
    Py_ssize_t size = PyTuple_GET_SIZE(value);
    bool done;

    if (size != 2 && size != 3) {
        PyErr_Format(
            PyExc_TypeError,
            "a tuple of %zd: it must be (body, status) or (body, status, headers)",
            size);
        Py_DECREF(value);
        return false;
    }
    if (!from_simple_value(result, state, request,
                           Py_NewRef(PyTuple_GET_ITEM(value, 0)))) {
        Py_DECREF(value);
        return false;
    }
    done = set_status(result, PyTuple_GET_ITEM(value, 1)) &&
           (size == 2 || set_headers(result, state, PyTuple_GET_ITEM(value, 2)));
    Py_DECREF(value);
    return done || result_discard(result);
}

/* The attributes of a Response; an HTTPError has no content_type. */
struct answer_parts {
    PyObject *body, *status, *headers, *content_type;
};

static void parts_fini(struct answer_parts *parts)
{
    Py_XDECREF(parts->body);
    Py_XDECREF(parts->status);
    Py_XDECREF(parts->headers);
    Py_XDECREF(parts->content_type);
}

static bool parts_of_response(struct answer_parts *parts, struct module_state *state,
                              PyObject *response)
{
    *parts = (struct answer_parts){NULL, NULL, NULL, NULL};
    return (parts->body = PyObject_GetAttr(response, state->name_body)) &&
           (parts->status = PyObject_GetAttr(response, state->name_status)) &&
           /* None until somebody asked for `headers` */
           (parts->headers = PyObject_GetAttr(response, state->name_own_headers)) &&
           (parts->content_type = PyObject_GetAttr(response, state->name_content_type));
}

static bool parts_of_http_error(struct answer_parts *parts, struct module_state *state,
                                PyObject *error)
{
    *parts = (struct answer_parts){NULL, NULL, NULL, NULL};
    return (parts->body = PyObject_GetAttr(error, state->name_body)) &&
           (parts->status = PyObject_GetAttr(error, state->name_status)) &&
           (parts->headers = PyObject_GetAttr(error, state->name_headers));
}

/* After the body was set. */
static bool parts_set(struct result *result, struct module_state *state,
                      const struct answer_parts *parts)
{
    return set_status(result, parts->status) &&
           set_headers(result, state, parts->headers) &&
           (!parts->content_type || parts->content_type == Py_None ||
            set_content_type(result, parts->content_type));
}

static bool from_response(struct result *result, struct module_state *state,
                          struct request *request, PyObject *value)
{
    struct answer_parts parts;
    bool done = parts_of_response(&parts, state, value);

    Py_DECREF(value);
    if (done) {
        done = from_simple_value(result, state, request, Py_NewRef(parts.body)) &&
               (parts_set(result, state, &parts) || result_discard(result));
    }
    parts_fini(&parts);
    return done;
}

bool result_from_value(struct result *result, struct module_state *state,
                       struct request *request, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);

    result_init(result);
    if (type == &PyUnicode_Type)
        return from_str(result, value);
    if (type == &PyBytes_Type)
        return from_bytes(result, value);
    if (type == &PyTuple_Type)
        return from_tuple(result, state, request, value);
    if (PyType_IsSubtype(type, (PyTypeObject *)state->policy.response_type))
        return from_response(result, state, request, value);
    return from_simple_value(result, state, request, value);
}

bool result_from_http_error(struct result *result, struct module_state *state,
                            PyObject *error)
{
    struct answer_parts parts;
    bool done;

    result_init(result);
    done = parts_of_http_error(&parts, state, error) &&
           from_simple_value(result, state, NULL, Py_NewRef(parts.body));
    if (done) {
        /* A message, not a page: nothing in it may run in a browser. */
        if (PyUnicode_Check(parts.body) || result->stream)
            result->response.content_type = PLAIN;
        done = parts_set(result, state, &parts) || result_discard(result);
    }
    parts_fini(&parts);
    return done;
}

static void give_page(struct result *result, uint32_t status, struct pyrs_slice text)
{
    result_init(result);
    result->response.status = status;
    result->response.content_type = PLAIN;
    result->response.body = text;
}

void result_internal_server_error(struct result *result)
{
    give_page(result, 500, PYRS_TEXT("Internal Server Error\n"));
}

void result_not_found(struct result *result)
{
    give_page(result, 404, PYRS_TEXT("Not Found\n"));
}

/* ---- sending ---- */

void result_send(struct result *result, struct pyrs_exchange *exchange)
{
    assert(!result->stream);
    pyrs_exchange_respond(exchange, &result->response);
    Py_XDECREF(result->content_type);
    if (result->has_fields)
        fields_fini(&result->fields);
}
