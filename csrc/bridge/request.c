/* request.c - see request.h. What a query, a cookie or a JSON body means is decided in
 * src/pyrs/_request_parts.py; here is what turns bytes into the objects it is given. */
#include "request.h"

#define DOC_REQUEST                                                                    \
    "A request, made by pyrs and handed to its handler.\n\n"                           \
    "Everything is read when it is first asked for. A request may be kept: its data\n" \
    "stays valid after the handler returned. A request is true, even without a body."

static struct module_state *state_of(const struct request *request)
{
    return PyType_GetModuleState(Py_TYPE(request));
}

static bool facts_or_error(const struct request *request)
{
    if (facts_exist(&request->facts))
        return true;
    PyErr_SetString(PyExc_RuntimeError, "this request is over and was not kept");
    return false;
}

/* ---- text ---- */

static PyObject *decode_latin1(struct pyrs_slice bytes)
{
    return PyUnicode_DecodeLatin1(bytes.bytes, (Py_ssize_t)bytes.length, NULL);
}

/* UTF-8, each wrong byte as U+FFFD, and a slash for the NUL that stands for an encoded
 * one. */
static PyObject *decode_path(struct pyrs_slice path)
{
    PyObject *copy, *text;
    char *bytes;

    if (path.length == 0 || !memchr(path.bytes, 0, path.length))
        return PyUnicode_DecodeUTF8(path.bytes, (Py_ssize_t)path.length, "replace");
    copy = PyBytes_FromStringAndSize(path.bytes, (Py_ssize_t)path.length);
    if (!copy)
        return NULL;
    bytes = PyBytes_AS_STRING(copy);
    for (size_t i = 0; i < path.length; i++)
        if (bytes[i] == 0)
            bytes[i] = '/';
    text = PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)path.length, "replace");
    Py_DECREF(copy);
    return text;
}

static PyObject *part(struct request *request, enum part part); /* borrowed */

/* ---- the parts ---- */

static PyObject *make_method(struct request *request, struct module_state *state)
{
    struct pyrs_slice method = facts_slice(&request->facts, FACT_METHOD);

    for (int i = 0; i < KNOWN_METHOD_COUNT; i++) {
        PyObject *known = state->methods[i];

        if ((size_t)PyUnicode_GET_LENGTH(known) == method.length &&
            memcmp(PyUnicode_1BYTE_DATA(known), method.bytes, method.length) == 0)
            return Py_NewRef(known);
    }
    return decode_latin1(method);
}

static PyObject *make_path(struct request *request, struct module_state *state)
{
    (void)state;
    return decode_path(facts_slice(&request->facts, FACT_PATH));
}

static PyObject *make_raw_path(struct request *request, struct module_state *state)
{
    (void)state;
    return decode_latin1(facts_slice(&request->facts, FACT_RAW_PATH));
}

static PyObject *make_query_string(struct request *request, struct module_state *state)
{
    (void)state;
    return decode_latin1(facts_slice(&request->facts, FACT_QUERY));
}

static PyObject *make_http_version(struct request *request, struct module_state *state)
{
    return Py_NewRef(state->http_versions[facts_version_minor(&request->facts) != 0]);
}

static PyObject *make_query(struct request *request, struct module_state *state)
{
    PyObject *query_string = part(request, PART_QUERY_STRING);

    if (!query_string)
        return NULL;
    return PyObject_CallOneArg(state->policy.read_query, query_string);
}

static PyObject *header_pair(const struct facts *facts, uint32_t index)
{
    struct pyrs_slice name, value;

    facts_header_at(facts, index, &name, &value);
    return Py_BuildValue("(NN)", decode_latin1(name), decode_latin1(value));
}

/* A list of (name, value), in the order they came, for the policy function. */
static PyObject *header_list(const struct facts *facts)
{
    uint32_t count = facts_header_count(facts);
    PyObject *list = PyList_New(count);

    if (!list)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        PyObject *pair = header_pair(facts, i);

        if (!pair) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, pair);
    }
    return list;
}

static PyObject *make_headers(struct request *request, struct module_state *state)
{
    PyObject *list = header_list(&request->facts);
    PyObject *headers;

    if (!list)
        return NULL;
    headers = PyObject_CallOneArg(state->policy.read_headers, list);
    Py_DECREF(list);
    return headers;
}

static PyObject *make_cookies(struct request *request, struct module_state *state)
{
    PyObject *headers = part(request, PART_HEADERS);

    if (!headers)
        return NULL;
    return PyObject_CallOneArg(state->policy.read_cookies, headers);
}

static PyObject *param_value(enum pyrs_param_kind kind, struct pyrs_slice value)
{
    PyObject *text = decode_path(value);
    PyObject *number;

    if (!text || kind != PYRS_PARAM_INT)
        return text;
    number = PyLong_FromUnicodeObject(text, 10);
    Py_DECREF(text);
    return number;
}

static bool add_param(PyObject *params, const struct facts *facts, uint32_t index)
{
    struct pyrs_slice name, value;
    enum pyrs_param_kind kind = facts_param_at(facts, index, &name, &value);
    PyObject *name_object = decode_path(name);
    PyObject *value_object = param_value(kind, value);
    bool added = name_object && value_object &&
                 PyDict_SetItem(params, name_object, value_object) == 0;

    Py_XDECREF(name_object);
    Py_XDECREF(value_object);
    return added;
}

static PyObject *make_params(struct request *request, struct module_state *state)
{
    uint32_t count = facts_param_count(&request->facts);
    PyObject *params = PyDict_New();

    (void)state;
    if (!params)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (!add_param(params, &request->facts, i)) {
            Py_DECREF(params);
            return NULL;
        }
    }
    return params;
}

/* A kept request has its body as a part already. */
static PyObject *make_body(struct request *request, struct module_state *state)
{
    struct pyrs_slice body = request_body(request);

    (void)state;
    return PyBytes_FromStringAndSize(body.bytes, (Py_ssize_t)body.length);
}

static PyObject *make_text(struct request *request, struct module_state *state)
{
    PyObject *body = part(request, PART_BODY);
    PyObject *media_type, *text;

    if (!body)
        return NULL;
    media_type =
        decode_latin1(facts_header(&request->facts, PYRS_TEXT("content-type")));
    if (!media_type)
        return NULL;
    text =
        PyObject_CallFunctionObjArgs(state->policy.read_text, body, media_type, NULL);
    Py_DECREF(media_type);
    return text;
}

static PyObject *address_tuple(const struct address *address)
{
    return Py_BuildValue("(NI)", PyUnicode_DecodeFSDefault(address->host),
                         (unsigned int)address->port);
}

static PyObject *make_client(struct request *request, struct module_state *state)
{
    struct address address;

    (void)state;
    facts_client(&request->facts, &address);
    return address_tuple(&address);
}

static PyObject *make_server(struct request *request, struct module_state *state)
{
    struct address address;

    (void)state;
    facts_server(&request->facts, &address);
    return address_tuple(&address);
}

static PyObject *make_scheme(struct request *request, struct module_state *state)
{
    (void)request;
    return Py_NewRef(state->scheme);
}

static PyObject *make_host(struct request *request, struct module_state *state)
{
    (void)state;
    return decode_latin1(facts_header(&request->facts, PYRS_TEXT("host")));
}

static PyObject *make_url(struct request *request, struct module_state *state)
{
    PyObject *scheme = part(request, PART_SCHEME);
    PyObject *host = part(request, PART_HOST);
    PyObject *server = part(request, PART_SERVER);
    PyObject *raw_path = part(request, PART_RAW_PATH);
    PyObject *query_string = part(request, PART_QUERY_STRING);

    if (!scheme || !host || !server || !raw_path || !query_string)
        return NULL;
    return PyObject_CallFunctionObjArgs(state->policy.build_url, scheme, host, server,
                                        raw_path, query_string, NULL);
}

static PyObject *(*const MAKE[PART_COUNT])(struct request *, struct module_state *) = {
    [PART_METHOD] = make_method,
    [PART_PATH] = make_path,
    [PART_RAW_PATH] = make_raw_path,
    [PART_QUERY_STRING] = make_query_string,
    [PART_HTTP_VERSION] = make_http_version,
    [PART_QUERY] = make_query,
    [PART_HEADERS] = make_headers,
    [PART_COOKIES] = make_cookies,
    [PART_PARAMS] = make_params,
    [PART_BODY] = make_body,
    [PART_TEXT] = make_text,
    [PART_CLIENT] = make_client,
    [PART_SERVER] = make_server,
    [PART_SCHEME] = make_scheme,
    [PART_HOST] = make_host,
    [PART_URL] = make_url,
};

/* Borrowed from the request, which keeps a part until it is over; NULL with an
 * exception. */
static PyObject *part(struct request *request, enum part part)
{
    PyObject *made;

    if (request->parts[part])
        return request->parts[part];
    if (!facts_or_error(request))
        return NULL;
    made = MAKE[part](request, state_of(request));
    if (!made)
        return NULL;
    if (request->parts[part]) { /* another thread made it meanwhile */
        Py_DECREF(made);
        return request->parts[part];
    }
    request->parts[part] = made;
    request->has_parts = true;
    return made;
}

static PyObject *get_part(PyObject *self, void *closure)
{
    return Py_XNewRef(part((struct request *)self, (enum part)(uintptr_t)closure));
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
    const struct request *request = (struct request *)self;

    if (!request->parts[PART_BODY] && !facts_or_error(request))
        return -1;
    return (Py_ssize_t)request_body(request).length;
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
    body = part(request, PART_BODY);
    if (!body)
        return NULL;
    /* Without a type, no second argument: the policy function's default says what that
     * means. */
    return PyObject_CallFunctionObjArgs(state_of(request)->policy.read_json, body, type,
                                        NULL);
}

static PyObject *request_repr(PyObject *self)
{
    struct request *request = (struct request *)self;
    PyObject *method, *raw_path, *query_string;

    if (!facts_exist(&request->facts))
        return PyUnicode_FromString("<pyrs.Request, over>");
    method = part(request, PART_METHOD);
    raw_path = part(request, PART_RAW_PATH);
    query_string = part(request, PART_QUERY_STRING);
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
    request->has_parts = false;
    memset(request->parts, 0, sizeof request->parts);
    /* Tracked for good, since the same object serves request after request: that costs
     * nothing a request, tracking at the first part would. */
    PyObject_GC_Track(request);
    return request;
}

void request_clear_parts(struct request *request)
{
    request->has_parts = false;
    for (int i = 0; i < PART_COUNT; i++)
        Py_CLEAR(request->parts[i]);
}

void request_keep(struct request *request)
{
    if (!part(request, PART_BODY)) {
        PyErr_Clear();
        facts_drop(&request->facts);
        return;
    }
    (void)facts_keep(&request->facts);
}

static int request_traverse(PyObject *self, visitproc visit, void *arg)
{
    const struct request *request = (struct request *)self;

    Py_VISIT(Py_TYPE(self));
    for (int i = 0; i < PART_COUNT; i++)
        Py_VISIT(request->parts[i]);
    return 0;
}

static int request_clear(PyObject *self)
{
    request_clear_parts((struct request *)self);
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
    facts_drop(&request->facts);
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
              "(address, port) of the peer; (\"\", 0) on a unix socket."),
    ATTRIBUTE("server", PART_SERVER,
              "(address, port) the peer connected to; (path, 0) of a unix socket."),
    ATTRIBUTE("scheme", PART_SCHEME, "\"http\"."),
    ATTRIBUTE("host", PART_HOST,
              "The Host header, with its port if it has one; \"\" without one, which "
              "HTTP/1.0 allows."),
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
