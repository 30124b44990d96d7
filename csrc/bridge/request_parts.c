/* request_parts.c - what a request consists of: see request.h.
 *
 * What a query, a cookie or a JSON body means is decided in src/pyrs/_request_parts.py;
 * here is what turns bytes into the objects it is given. */
#include "origin.h"
#include "request.h"

/* ---- text ---- */

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
    return str_from_latin1(method);
}

static PyObject *make_path(struct request *request, struct module_state *state)
{
    (void)state;
    return decode_path(facts_slice(&request->facts, FACT_PATH));
}

static PyObject *make_raw_path(struct request *request, struct module_state *state)
{
    (void)state;
    return str_from_latin1(facts_slice(&request->facts, FACT_RAW_PATH));
}

static PyObject *make_query_string(struct request *request, struct module_state *state)
{
    (void)state;
    return str_from_latin1(facts_slice(&request->facts, FACT_QUERY));
}

static PyObject *make_http_version(struct request *request, struct module_state *state)
{
    return Py_NewRef(state->http_versions[facts_version_minor(&request->facts) != 0]);
}

static PyObject *make_query(struct request *request, struct module_state *state)
{
    PyObject *query_string = request_part(request, PART_QUERY_STRING);

    if (!query_string)
        return NULL;
    return PyObject_CallOneArg(state->policy.read_query, query_string);
}

static PyObject *make_headers(struct request *request, struct module_state *state)
{
    return headers_read(state, &request->facts);
}

static PyObject *make_cookies(struct request *request, struct module_state *state)
{
    PyObject *headers = request_part(request, PART_HEADERS);

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

/* A kept request has its body as a part already, if it was there. */
static PyObject *make_body(struct request *request, struct module_state *state)
{
    struct pyrs_slice body = request_body(request);

    (void)state;
    if (reading_arrives(request))
        return reading_whole(request);
    if (!request->facts.exchange) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this request's body had not been read when its handler "
                        "returned");
        return NULL;
    }
    return PyBytes_FromStringAndSize(body.bytes, (Py_ssize_t)body.length);
}

static PyObject *make_text(struct request *request, struct module_state *state)
{
    PyObject *body = request_part(request, PART_BODY);
    PyObject *media_type, *text;

    if (!body)
        return NULL;
    media_type =
        str_from_latin1(facts_header(&request->facts, PYRS_TEXT("content-type")));
    if (!media_type)
        return NULL;
    text =
        PyObject_CallFunctionObjArgs(state->policy.read_text, body, media_type, NULL);
    Py_DECREF(media_type);
    return text;
}

/* ---- where it came from ---- */

/* What the handler's settings say under that name; None without any. */
static PyObject *setting(const struct request *request, PyObject *name)
{
    if (!request->settings)
        Py_RETURN_NONE;
    return PyObject_GetAttr(request->settings, name);
}

static PyObject *host_header(const struct request *request)
{
    return str_from_latin1(facts_header(&request->facts, PYRS_TEXT("host")));
}

static PyObject *read_origin(struct request *request, struct module_state *state,
                             PyObject *proxies)
{
    PyObject *headers = request_part(request, PART_HEADERS);

    return headers ? origin_make(state, proxies, &request->facts, headers) : NULL;
}

static PyObject *make_origin(struct request *request, struct module_state *state)
{
    PyObject *proxies = setting(request, state->name_trusted_proxies);
    int are_there = proxies ? PyObject_IsTrue(proxies) : -1;
    PyObject *origin = NULL;

    if (are_there == 0)
        origin = Py_NewRef(Py_None);
    else if (are_there > 0)
        origin = read_origin(request, state, proxies);
    Py_XDECREF(proxies);
    return origin;
}

/* Of a name that an origin has; otherwise what the connection tells. */
static PyObject *from_origin(struct request *request, const char *name, bool *is_told)
{
    PyObject *origin = request_part(request, PART_ORIGIN);

    *is_told = origin != Py_None;
    return *is_told && origin ? PyObject_GetAttrString(origin, name) : NULL;
}

static PyObject *make_client(struct request *request, struct module_state *state)
{
    bool is_told;
    PyObject *client = from_origin(request, "client", &is_told);

    (void)state;
    return is_told ? client : client_tuple(&request->facts);
}

static PyObject *make_scheme(struct request *request, struct module_state *state)
{
    bool is_told;
    PyObject *scheme = from_origin(request, "scheme", &is_told);

    return is_told ? scheme : Py_NewRef(state->scheme);
}

static PyObject *make_host(struct request *request, struct module_state *state)
{
    bool is_told;
    PyObject *host = from_origin(request, "host", &is_told);

    (void)state;
    return is_told ? host : host_header(request);
}

static PyObject *make_server(struct request *request, struct module_state *state)
{
    struct address address;

    (void)state;
    facts_server(&request->facts, &address);
    return address_tuple(&address);
}

static PyObject *make_url(struct request *request, struct module_state *state)
{
    PyObject *scheme = request_part(request, PART_SCHEME);
    PyObject *host = request_part(request, PART_HOST);
    PyObject *server = request_part(request, PART_SERVER);
    PyObject *raw_path = request_part(request, PART_RAW_PATH);
    PyObject *query_string = request_part(request, PART_QUERY_STRING);

    if (!scheme || !host || !server || !raw_path || !query_string)
        return NULL;
    return PyObject_CallFunctionObjArgs(state->policy.build_url, scheme, host, server,
                                        raw_path, query_string, NULL);
}

/* ---- forms ---- */

/* Without a copy of it all, as long as its handler runs. */
static PyObject *body_chunks(struct request *request)
{
    enum { CHUNK_BYTES = 64 * 1024 };
    PyObject *body;

    if (request->facts.exchange)
        return reading_stream(request, CHUNK_BYTES);
    body = request_part(request, PART_BODY);
    return body ? PyTuple_Pack(1, body) : NULL;
}

static PyObject *read_form(struct request *request, struct module_state *state)
{
    PyObject *chunks = body_chunks(request);
    PyObject *type, *limits, *form = NULL;

    if (!chunks)
        return NULL;
    type = str_from_latin1(facts_header(&request->facts, PYRS_TEXT("content-type")));
    limits = setting(request, state->name_form_limits);
    if (type && limits)
        form = PyObject_CallFunctionObjArgs(state->policy.read_form, type, chunks,
                                            limits, NULL);
    Py_XDECREF(type);
    Py_XDECREF(limits);
    Py_DECREF(chunks);
    return form;
}

/* From the body's beginning, whoever read a part of a whole one before. */
static PyObject *make_form(struct request *request, struct module_state *state)
{
    size_t at = request->reading.at;
    PyObject *form;

    if (reading_arrives(request)) {
        if (!reading_is_untouched(request))
            return NULL;
        return read_form(request, state);
    }
    request->reading.at = 0;
    form = read_form(request, state);
    request->reading.at = at;
    return form;
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
    [PART_ORIGIN] = make_origin,
    [PART_FORM] = make_form,
};

PyObject *request_part(struct request *request, enum part part)
{
    PyObject *made;

    if (request->parts[part])
        return request->parts[part];
    if (!request_facts_or_error(request))
        return NULL;
    made = MAKE[part](request, request_module_state(request));
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
