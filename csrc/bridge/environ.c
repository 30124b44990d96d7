/* environ.c - see environ.h. */
#include "environ.h"

#include "origin.h"

/* ---- setting ---- */

/* One environ while it is made. */
struct making {
    struct environ *prepared;
    struct pyrs_exchange *exchange;
    PyObject *dict;
};

static bool set(const struct making *making, enum environ_key key, PyObject *value)
{
    PyObject *const *keys = making->prepared->state->environ_names.keys;

    return PyDict_SetItem(making->dict, keys[key], value) == 0;
}

/* Takes the value, which may be NULL. */
static bool set_new(const struct making *making, enum environ_key key, PyObject *value)
{
    bool done = value && set(making, key, value);

    Py_XDECREF(value);
    return done;
}

static struct pyrs_slice write_number(uint32_t number, char out[10])
{
    char *first = out + 10;

    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return (struct pyrs_slice){first, (size_t)(out + 10 - first)};
}

/* The bytes of a path as characters; the NUL for an encoded slash is a slash again. */
static PyObject *path_text(struct pyrs_slice path)
{
    PyObject *raw = str_from_latin1(path), *text;
    char *bytes;

    if (!raw || path.length == 0 || !memchr(path.bytes, 0, path.length))
        return raw;
    text = PyUnicode_New((Py_ssize_t)path.length, PyUnicode_MAX_CHAR_VALUE(raw));
    Py_DECREF(raw);
    if (!text)
        return NULL;
    bytes = (char *)PyUnicode_1BYTE_DATA(text);
    for (size_t i = 0; i < path.length; i++)
        bytes[i] = path.bytes[i] ? path.bytes[i] : '/';
    return text;
}

/* ---- what seldom changes: in the template ---- */

/* `bytes` is what it was made of: not its text, if slashes were encoded. */
static bool keep_made(struct environ *prepared, enum environ_key key,
                      struct pyrs_slice bytes, PyObject *text)
{
    PyObject *name = prepared->state->environ_names.keys[key];

    prepared->last[key] = NULL;
    if (PyDict_SetItem(prepared->template, name, text) != 0)
        return false;
    if (!memchr(bytes.bytes, 0, bytes.length))
        prepared->last[key] = text; /* the template has it */
    return true;
}

static bool keep(struct environ *prepared, enum environ_key key,
                 struct pyrs_slice bytes)
{
    PyObject *text;
    bool done;

    if (str_is_latin1(prepared->last[key], bytes))
        return true;
    text = path_text(bytes);
    done = text && keep_made(prepared, key, bytes, text);
    Py_XDECREF(text);
    return done;
}

static bool keep_number(struct environ *prepared, enum environ_key key, uint32_t number)
{
    char digits[10];

    return keep(prepared, key, write_number(number, digits));
}

static bool keep_text(struct environ *prepared, enum environ_key key, const char *text)
{
    return keep(prepared, key, (struct pyrs_slice){text, strlen(text)});
}

/* A unix socket has no port, nor a name that a URL could have. */
static bool keep_addresses(struct environ *prepared, struct pyrs_exchange *exchange)
{
    char host[PYRS_ADDRESS_BYTES];
    uint16_t port = pyrs_exchange_server(exchange, host);

    if (!keep_text(prepared, KEY_SERVER_NAME, port ? host : "localhost") ||
        !keep_number(prepared, KEY_SERVER_PORT, port ? port : 80))
        return false;
    port = pyrs_exchange_client(exchange, host);
    return keep_text(prepared, KEY_REMOTE_ADDR, host) &&
           keep_number(prepared, KEY_REMOTE_PORT, port);
}

/* They stay the same from request to request of a connection. */
static bool keep_ends(struct environ *prepared, struct pyrs_exchange *exchange)
{
    struct pyrs_slice ends = pyrs_exchange_ends(exchange);

    if (memcmp(prepared->ends, ends.bytes, ends.length) == 0)
        return true;
    memset(prepared->ends, 0, sizeof prepared->ends);
    if (!keep_addresses(prepared, exchange))
        return false;
    memcpy(prepared->ends, ends.bytes, ends.length);
    return true;
}

/* What the route has of the path, without a slash at its end. */
static struct pyrs_slice script_name(const struct pyrs_exchange *exchange)
{
    struct pyrs_slice path = pyrs_exchange_path(exchange);
    size_t length = (size_t)(pyrs_exchange_rest(exchange).bytes - path.bytes);

    if (length > 0 && path.bytes[length - 1] == '/')
        length--;
    return (struct pyrs_slice){path.bytes, length};
}

static bool keep_raw_target(struct environ *prepared, struct pyrs_slice raw_target)
{
    PyObject *text;
    bool done;

    if (str_is_latin1(prepared->last[KEY_REQUEST_URI], raw_target))
        return true;
    text = str_from_latin1(raw_target);
    done = text && keep_made(prepared, KEY_RAW_URI, raw_target, text) &&
           keep_made(prepared, KEY_REQUEST_URI, raw_target, text);
    Py_XDECREF(text);
    return done;
}

/* PATH_INFO is what follows SCRIPT_NAME, with its slash: "" and "/" are told apart.
 * Most often it is the target as well, and then one str. */
static bool keep_target(struct environ *prepared, struct pyrs_exchange *exchange)
{
    struct pyrs_slice raw_target = pyrs_exchange_raw_target(exchange);
    struct pyrs_slice path = pyrs_exchange_path(exchange);
    struct pyrs_slice script = script_name(exchange);
    struct pyrs_slice info = {path.bytes + script.length, path.length - script.length};
    PyObject *uri;

    if (!keep(prepared, KEY_SCRIPT_NAME, script) ||
        (pyrs_exchange_query(exchange).length == 0 &&
         !keep_raw_target(prepared, raw_target)))
        return false;
    uri = prepared->last[KEY_REQUEST_URI];
    if (!str_is_latin1(uri, info))
        return keep(prepared, KEY_PATH_INFO, info);
    return uri == prepared->last[KEY_PATH_INFO] ||
           keep_made(prepared, KEY_PATH_INFO, info, uri);
}

/* ---- the request line ---- */

/* GET is what the template says. */
static bool set_method(const struct making *making)
{
    struct pyrs_slice method = pyrs_exchange_method(making->exchange);
    PyObject *const *known = making->prepared->state->methods;

    for (int i = 0; i < KNOWN_METHOD_COUNT; i++)
        if (str_is_latin1(known[i], method))
            return i == 0 || set(making, KEY_REQUEST_METHOD, known[i]);
    return set_new(making, KEY_REQUEST_METHOD, str_from_latin1(method));
}

/* A target with a query is not kept: that may hold what is to be secret. */
static bool set_query(const struct making *making)
{
    struct pyrs_slice query = pyrs_exchange_query(making->exchange);
    PyObject *target;
    bool done;

    if (query.length == 0)
        return true;
    target = str_from_latin1(pyrs_exchange_raw_target(making->exchange));
    done = target && set(making, KEY_RAW_URI, target) &&
           set(making, KEY_REQUEST_URI, target) &&
           set_new(making, KEY_QUERY_STRING, str_from_latin1(query));
    Py_XDECREF(target);
    return done;
}

static bool set_request_line(const struct making *making)
{
    if (!set_method(making) || !set_query(making))
        return false;
    return pyrs_exchange_version_minor(making->exchange) != 0 ||
           set_new(making, KEY_SERVER_PROTOCOL, PyUnicode_FromString("HTTP/1.0"));
}

/* ---- headers ---- */

/* RFC 9110, 5.2; for cookies RFC 6265, 5.4. */
static bool join(const struct making *making, const struct environ_field *field,
                 PyObject *before)
{
    const char *form = field->role == ROLE_LIST_OF_COOKIES ? "%U; %U" : "%U, %U";
    PyObject *joined = PyUnicode_FromFormat(form, before, field->value);
    bool done = joined && PyDict_SetItem(making->dict, field->key, joined) == 0;

    Py_XDECREF(joined);
    return done;
}

static bool set_field(const struct making *making, const struct environ_field *field)
{
    Py_ssize_t count = PyDict_GET_SIZE(making->dict);
    PyObject *there = PyDict_SetDefault(making->dict, field->key, field->value);

    if (!there || PyDict_GET_SIZE(making->dict) > count)
        return there != NULL;
    return join(making, field, there);
}

/* A chunked body that came whole has a length like any other; what is left of its
 * coding would only mislead. */
static bool is_told_otherwise(const struct making *making, enum field_role role)
{
    return role == ROLE_TRANSFER_ENCODING &&
           !pyrs_exchange_body_streams(making->exchange);
}

static bool set_length(const struct making *making)
{
    size_t length = pyrs_exchange_body(making->exchange).length;

    return set_new(making, KEY_CONTENT_LENGTH, PyUnicode_FromFormat("%zu", length));
}

static bool set_header(const struct making *making, uint32_t index)
{
    struct field_keys *keys = &making->prepared->state->environ_names.fields;
    struct pyrs_slice name, value;
    struct environ_field field;
    bool done;

    pyrs_exchange_header_at(making->exchange, index, &name, &value);
    if (!field_keys_read(keys, name, value, &field))
        return false;
    if (!field.key)
        return true;
    done = is_told_otherwise(making, field.role) ? set_length(making)
                                                 : set_field(making, &field);
    Py_DECREF(field.key);
    Py_DECREF(field.value);
    return done;
}

static bool set_headers(const struct making *making)
{
    uint32_t count = pyrs_exchange_header_count(making->exchange);

    for (uint32_t i = 0; i < count; i++)
        if (!set_header(making, i))
            return false;
    return true;
}

/* ---- behind proxies ---- */

static bool set_if_told(const struct making *making, enum environ_key key,
                        PyObject *text)
{
    return PyUnicode_GET_LENGTH(text) == 0 || set(making, key, text);
}

static bool set_told(const struct making *making, const struct origin *origin)
{
    return set(making, KEY_REMOTE_ADDR, origin->host_of_client) &&
           set_new(making, KEY_REMOTE_PORT, PyObject_Str(origin->port_of_client)) &&
           set_if_told(making, KEY_URL_SCHEME, origin->scheme) &&
           set_if_told(making, KEY_HTTP_HOST, origin->host);
}

static bool set_origin(const struct making *making)
{
    const struct environ *prepared = making->prepared;
    struct facts facts = {making->exchange, NULL};
    struct origin origin;
    bool done;

    if (!prepared->proxies)
        return true;
    if (!origin_read(&origin, prepared->state, prepared->proxies, &facts))
        return false;
    done = set_told(making, &origin);
    origin_fini(&origin);
    return done;
}

/* ---- the whole ---- */

/* All threads have one template, and what is kept in it is of this request until it is
 * copied. So nothing before the copy may run Python code, which could let another
 * thread in: only str are made, which the collector does not count, and the copy clones
 * the keys and values before it makes the dict that it does count, since nothing is
 * ever deleted from the template. */
PyObject *environ_make(struct environ *prepared, struct pyrs_exchange *exchange,
                       struct wsgi_input *input)
{
    struct making making = {prepared, exchange, NULL};

    if (!keep_ends(prepared, exchange) || !keep_target(prepared, exchange))
        return NULL;
    making.dict = PyDict_Copy(prepared->template);
    if (!making.dict)
        return NULL;
    if (set_request_line(&making) && set_headers(&making) && set_origin(&making) &&
        (!input || set(&making, KEY_INPUT, (PyObject *)input)))
        return making.dict;
    Py_DECREF(making.dict);
    return NULL;
}

static bool set_empty_input(struct environ *prepared)
{
    PyObject *key = prepared->state->environ_names.keys[KEY_INPUT];
    PyObject *input = (PyObject *)wsgi_input_new(prepared->state, NULL);
    bool done = input && PyDict_SetItem(prepared->template, key, input) == 0;

    Py_XDECREF(input);
    return done;
}

bool environ_init(struct environ *prepared, struct module_state *state,
                  PyObject *template, PyObject *settings)
{
    PyObject *proxies = PyObject_GetAttr(settings, state->name_trusted_proxies);
    int are_there = proxies ? PyObject_IsTrue(proxies) : -1;

    *prepared = (struct environ){.state = state};
    if (are_there > 0)
        prepared->proxies = Py_NewRef(proxies);
    Py_XDECREF(proxies);
    prepared->template = are_there < 0 ? NULL : PyDict_Copy(template);
    if (prepared->template && set_empty_input(prepared))
        return true;
    environ_fini(prepared);
    return false;
}

void environ_fini(struct environ *prepared)
{
    Py_CLEAR(prepared->template);
    Py_CLEAR(prepared->proxies);
}
