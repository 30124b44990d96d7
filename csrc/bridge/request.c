/* request.c - the type, its methods and its life: see request.h. */
#include "request.h"

#define DOC_REQUEST                                                                    \
    "A request, made by pyrs and handed to its handler.\n\n"                           \
    "Everything is read when it is first asked for. A request may be kept: its data\n" \
    "stays valid after the handler returned. A request is true, even without a body."

static PyObject *get_part(PyObject *self, void *closure)
{
    return Py_XNewRef(
        request_part((struct request *)self, (enum part)(uintptr_t)closure));
}

/* ---- the body in other shapes ---- */

struct pyrs_slice request_body(const struct request *request)
{
    PyObject *body = request->parts[PART_BODY];

    if (body)
        return (struct pyrs_slice){PyBytes_AS_STRING(body),
                                   (size_t)PyBytes_GET_SIZE(body)};
    if (request->facts.exchange)
        return pyrs_exchange_body(request->facts.exchange);
    return (struct pyrs_slice){NULL, 0};
}

static Py_ssize_t request_length(PyObject *self)
{
    struct request *request = (struct request *)self;
    PyObject *body;

    if (request->facts.exchange && !reading_arrives(request))
        return (Py_ssize_t)request_body(request).length;
    body = request_part(request, PART_BODY);
    return body ? PyBytes_GET_SIZE(body) : -1;
}

/* Without this, __len__ would make a request without a body false. */
static int request_is_true(PyObject *self)
{
    (void)self;
    return 1;
}

static PyObject *request_str(PyObject *self)
{
    return get_part(self, (void *)(uintptr_t)PART_TEXT);
}

static PyObject *request_bytes(PyObject *self, PyObject *unused)
{
    (void)unused;
    return get_part(self, (void *)(uintptr_t)PART_BODY);
}

static PyObject *request_json(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"type", NULL};
    struct request *request = (struct request *)self;
    PyObject *type = NULL;
    PyObject *body;

    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O:json", names, &type))
        return NULL;
    body = request_part(request, PART_BODY);
    if (!body)
        return NULL;
    /* Without a type, no second argument: the policy function's default says what that
     * means. */
    return PyObject_CallFunctionObjArgs(request_module_state(request)->policy.read_json,
                                        body, type, NULL);
}

static PyObject *request_stream(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"size", NULL};
    Py_ssize_t size = 64 * 1024;

    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|n:stream", names, &size))
        return NULL;
    return reading_stream((struct request *)self, size);
}

static PyObject *request_read(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"size", NULL};
    Py_ssize_t size = -1;

    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|n:read", names, &size))
        return NULL;
    return reading_read((struct request *)self, size);
}

static PyObject *request_form(PyObject *self, PyObject *unused)
{
    (void)unused;
    return get_part(self, (void *)(uintptr_t)PART_FORM);
}

static PyObject *request_repr(PyObject *self)
{
    struct request *request = (struct request *)self;
    PyObject *method, *raw_path, *query_string;

    if (!facts_exist(&request->facts))
        return PyUnicode_FromString("<pyrs.Request, over>");
    method = request_part(request, PART_METHOD);
    raw_path = request_part(request, PART_RAW_PATH);
    query_string = request_part(request, PART_QUERY_STRING);
    if (!method || !raw_path || !query_string)
        return NULL;
    return PyUnicode_FromFormat("<pyrs.Request %U %U%s%U>", method, raw_path,
                                PyUnicode_GET_LENGTH(query_string) > 0 ? "?" : "",
                                query_string);
}

static PyObject *request_reduce(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    PyErr_SetString(PyExc_TypeError, "cannot pickle or copy a pyrs.Request");
    return NULL;
}

/* ---- life ---- */

struct request *request_new(struct module_state *state)
{
    struct request *request = PyObject_GC_New(struct request, state->request_type);

    if (!request)
        return NULL;
    request->facts = (struct facts){NULL, NULL};
    request->weak_references = NULL;
    request->settings = NULL;
    request->reading = (struct reading){0};
    request->has_parts = false;
    memset(request->parts, 0, sizeof request->parts);
    /* Tracked for good, since the same object serves request after request: that costs
     * nothing a request, tracking at the first part would. */
    PyObject_GC_Track(request);
    return request;
}

static void drop_parts(struct request *request)
{
    request->has_parts = false;
    for (int i = 0; i < PART_COUNT; i++)
        Py_CLEAR(request->parts[i]);
}

/* Nobody is there any more to be told of a failure. */
static void close_form(struct request *request, PyObject *form)
{
    PyObject *type, *value, *traceback, *closed;

    PyErr_Fetch(&type, &value, &traceback);
    closed = PyObject_CallMethodNoArgs(form, request_module_state(request)->name_close);
    if (closed)
        Py_DECREF(closed);
    else
        PyErr_WriteUnraisable(form);
    PyErr_Restore(type, value, traceback);
}

void request_clear_parts(struct request *request)
{
    if (request->parts[PART_FORM])
        close_form(request, request->parts[PART_FORM]);
    drop_parts(request);
}

/* A body that was arriving is not waited for. */
void request_keep(struct request *request)
{
    if (!reading_arrives(request) && !request_part(request, PART_BODY)) {
        PyErr_Clear();
        facts_drop(&request->facts);
        request->settings = NULL;
        return;
    }
    if (facts_keep(&request->facts))
        Py_XINCREF(request->settings);
    else
        request->settings = NULL;
}

static int request_traverse(PyObject *self, visitproc visit, void *arg)
{
    const struct request *request = (struct request *)self;

    Py_VISIT(Py_TYPE(self));
    if (request->facts.kept)
        Py_VISIT(request->settings);
    for (int i = 0; i < PART_COUNT; i++)
        Py_VISIT(request->parts[i]);
    return 0;
}

static int request_clear(PyObject *self)
{
    drop_parts((struct request *)self);
    return 0;
}

static void request_dealloc(PyObject *self)
{
    struct request *request = (struct request *)self;
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    if (request->weak_references)
        PyObject_ClearWeakRefs(self);
    request_clear_parts(request);
    if (request->facts.kept)
        Py_XDECREF(request->settings);
    facts_drop(&request->facts);
    intake_fini(&request->reading.intake);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* ---- the type ---- */

#define ATTRIBUTE(name, part, doc) \
    {name, get_part, NULL, PyDoc_STR(doc), (void *)(uintptr_t)(part)}

static PyGetSetDef request_attributes[] = {
    ATTRIBUTE("method", PART_METHOD, "As it was sent: \"GET\"."),
    ATTRIBUTE("path", PART_PATH,
              "Decoded, dot segments resolved, without the query; bytes that are no "
              "UTF-8 as U+FFFD."),
    ATTRIBUTE("raw_path", PART_RAW_PATH, "As it was sent, percent-encoded."),
    ATTRIBUTE("query_string", PART_QUERY_STRING,
              "What follows the question mark, percent-encoded; \"\" without one."),
    ATTRIBUTE("http_version", PART_HTTP_VERSION, "\"1.0\" or \"1.1\"."),
    ATTRIBUTE("query", PART_QUERY,
              "The query, decoded: a MultiDictProxy. Blank values are kept."),
    ATTRIBUTE("headers", PART_HEADERS,
              "A CIMultiDictProxy of str, bytes outside ASCII as latin-1."),
    ATTRIBUTE("cookies", PART_COOKIES,
              "A read-only mapping. Of several cookies of one name the first counts: "
              "clients send the most specific path first (RFC 6265, 5.4)."),
    ATTRIBUTE("params", PART_PARAMS,
              "The path parameters of the route, converted: {id:int} as int, others as "
              "str."),
    ATTRIBUTE("body", PART_BODY, "bytes; b\"\" without a body."),
    ATTRIBUTE(
        "text", PART_TEXT,
        "The body as str, by the declared charset, else UTF-8. HTTPError 415 for a "
        "charset that is not known, 400 for bytes that are not of it."),
    ATTRIBUTE("client", PART_CLIENT,
              "(address, port) of the client, as trusted proxies tell it, else of the "
              "peer; (\"\", 0) on a unix socket."),
    ATTRIBUTE("server", PART_SERVER,
              "(address, port) the peer connected to; (path, 0) of a unix socket."),
    ATTRIBUTE("scheme", PART_SCHEME,
              "\"http\", or \"https\" if a trusted proxy tells so."),
    ATTRIBUTE("host", PART_HOST,
              "The Host header, or what a trusted proxy tells; with its port if it has "
              "one. \"\" without one, which HTTP/1.0 allows."),
    ATTRIBUTE("url", PART_URL,
              "As far as the request tells: scheme, host, raw path, "
              "query."),
    {.name = NULL},
};

static PyMethodDef request_methods[] = {
    {"json", (PyCFunction)(void (*)(void))request_json, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "json($self, /, type=...)\n--\n\n"
         "The body, decoded from JSON; anew at each call.\n\n"
         "With a type (a msgspec.Struct, a dataclass, list[int], ...) checked and "
         "converted.\nHTTPError 400 if it is not JSON, 422 if it is not of that "
         "type.")},
    {"form", request_form, METH_NOARGS,
     PyDoc_STR("form($self, /)\n--\n\n"
               "The fields and files of the form that the body is: a pyrs.Form.\n\n"
               "Read once; its files are closed with the request. HTTPError 415 if it "
               "is no\nform, 400 if it is malformed, 413 past a limit.")},
    {"stream", (PyCFunction)(void (*)(void))request_stream,
     METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "stream($self, /, size=65536)\n--\n\n"
         "The body in chunks of at most that size, as it arrives: an "
         "iterator.\n\n"
         "With \"body\": \"stream\" it may wait for the client, "
         "ClientDisconnected if\nthat one goes. RuntimeError when the handler has "
         "returned.")},
    {"read", (PyCFunction)(void (*)(void))request_read, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("read($self, /, size=-1)\n--\n\n"
               "The next bytes of the body: all that are left, or so many, fewer at "
               "its\nend. As stream() otherwise.")},
    {"__bytes__", request_bytes, METH_NOARGS, PyDoc_STR("The body.")},
    {"__reduce__", request_reduce, METH_NOARGS, PyDoc_STR("Not possible: TypeError.")},
    {.ml_name = NULL},
};

static PyMemberDef request_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct request, weak_references),
     READONLY, NULL},
    {.name = NULL},
};

static PyType_Slot request_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)DOC_REQUEST},
    {Py_tp_dealloc, request_dealloc},
    {Py_tp_traverse, request_traverse},
    {Py_tp_clear, request_clear},
    {Py_tp_repr, request_repr},
    {Py_tp_str, request_str},
    {Py_tp_getset, request_attributes},
    {Py_tp_methods, request_methods},
    {Py_tp_members, request_members},
    {Py_mp_length, request_length},
    {Py_nb_bool, request_is_true},
    {0, NULL},
};

static PyType_Spec request_spec = {
    .name = "pyrs.Request",
    .basicsize = sizeof(struct request),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = request_slots,
};

PyTypeObject *request_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &request_spec, NULL);
}
