/* start_response.c - see start_response.h. */
#include "start_response.h"

#include "step.h"

enum { STATUS_DIGITS = 3 };

/* ---- status ---- */

static bool refuse_status(PyObject *status)
{
    PyErr_Format(PyExc_ValueError,
                 "status %R is none: it must be \"200 OK\", from 200 to 599", status);
    return false;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : -1;
}

/* "200 OK": the reason may be empty. */
static bool set_status(struct start_response *start, PyObject *status)
{
    struct pyrs_slice text = field_text(status, "status");
    struct pyrs_slice reason;
    int number = 0;

    if (!text.bytes)
        return false;
    if (status == start->status_text) /* the last one's, often a constant */
        return true;
    if (text.length <= STATUS_DIGITS || text.bytes[STATUS_DIGITS] != ' ')
        return refuse_status(status);
    for (int i = 0; i < STATUS_DIGITS; i++) {
        if (digit_of(text.bytes[i]) < 0)
            return refuse_status(status);
        number = number * 10 + digit_of(text.bytes[i]);
    }
    reason = (struct pyrs_slice){text.bytes + STATUS_DIGITS + 1,
                                 text.length - STATUS_DIGITS - 1};
    if (number < 200 || number > 599 || !pyrs_field_value_is_valid(reason))
        return refuse_status(status);
    start->status = (uint32_t)number; /* these and status_text only together */
    start->reason = reason;
    Py_XSETREF(start->status_text, Py_NewRef(status));
    return true;
}

/* ---- headers ---- */

static bool set_content_length(struct start_response *start, PyObject *name,
                               PyObject *value, struct pyrs_slice text)
{
    int64_t length = 0;
    bool is_number = text.length > 0;

    for (size_t i = 0; i < text.length && is_number; i++) {
        is_number = digit_of(text.bytes[i]) >= 0 &&
                    length <= (INT64_MAX - digit_of(text.bytes[i])) / 10;
        length = is_number ? length * 10 + digit_of(text.bytes[i]) : 0;
    }
    if (!is_number) {
        PyErr_Format(PyExc_ValueError, "header %A: %A is no number of bytes", name,
                     value);
        return false;
    }
    if (start->content_length >= 0 && start->content_length != length) {
        PyErr_SetString(PyExc_ValueError, "two Content-Length headers that differ");
        return false;
    }
    start->content_length = start->body_left = length;
    return true;
}

static bool refuse_field(PyObject *name, PyObject *value, enum pyrs_field field)
{
    const char *why = field == PYRS_FIELD_MALFORMED
                          ? "the name is no token, or the value has a control character"
                          : "hop-by-hop headers are the server's";

    PyErr_Format(PyExc_ValueError, "header %A: %A is refused: %s", name, value, why);
    return false;
}

static bool add_field(struct start_response *start, PyObject *name, PyObject *value)
{
    struct pyrs_slice name_text = field_text(name, "header name");
    struct pyrs_slice value_text;
    enum pyrs_field field;

    if (!name_text.bytes)
        return false;
    value_text = field_text(value, "header value");
    if (!value_text.bytes)
        return false;
    field = known_names_field(&start->state->known_names, name, name_text);
    if (field == PYRS_FIELD_CONTENT_LENGTH)
        return set_content_length(start, name, value, value_text);
    if (!pyrs_field_value_is_valid(value_text))
        field = PYRS_FIELD_MALFORMED;
    switch (field) {
    case PYRS_FIELD_CONTENT_TYPE:
        return fields_set_content_type(&start->fields, value);
    case PYRS_FIELD_MALFORMED:
    case PYRS_FIELD_FRAMING:
    case PYRS_FIELD_HOP_BY_HOP:
        return refuse_field(name, value, field);
    case PYRS_FIELD_DATE:
        start->has_date = true;
        break;
    case PYRS_FIELD_SERVER:
        start->has_server = true;
        break;
    case PYRS_FIELD_CONTENT_LENGTH:
    case PYRS_FIELD_OTHER:
        break;
    }
    return fields_append(&start->fields, name_text, value_text);
}

/* Nothing here runs an application's code, so the list stays as it is. */
static bool set_headers(struct start_response *start, PyObject *headers)
{
    if (!PyList_Check(headers)) {
        PyErr_Format(PyExc_TypeError, "headers are of type %.100s: they must be a list",
                     Py_TYPE(headers)->tp_name);
        return false;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); i++) {
        PyObject *pair = PyList_GET_ITEM(headers, i);

        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
            PyErr_Format(PyExc_TypeError, "header %R is no tuple (name, value)", pair);
            return false;
        }
        if (!add_field(start, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1)))
            return false;
    }
    return true;
}

/* ---- start_response() ---- */

static void forget_head(struct start_response *start)
{
    if (start->is_set)
        fields_fini(&start->fields);
    start->is_set = false;
}

static bool set_head(struct start_response *start, PyObject *status, PyObject *headers)
{
    forget_head(start);
    fields_init(&start->fields);
    start->content_length = start->body_left = -1;
    start->has_server = start->has_date = false;
    start->is_set = true;
    if (set_status(start, status) && set_headers(start, headers))
        return true;
    forget_head(start);
    return false;
}

/* As "raise exc_info[1].with_traceback(exc_info[2])". */
static void raise_again(PyObject *exc_info)
{
    PyErr_Restore(Py_NewRef(PyTuple_GET_ITEM(exc_info, 0)),
                  Py_NewRef(PyTuple_GET_ITEM(exc_info, 1)),
                  Py_NewRef(PyTuple_GET_ITEM(exc_info, 2)));
}

static bool is_exc_info(PyObject *exc_info)
{
    return PyTuple_Check(exc_info) && PyTuple_GET_SIZE(exc_info) == 3 &&
           PyExceptionClass_Check(PyTuple_GET_ITEM(exc_info, 0)) &&
           PyExceptionInstance_Check(PyTuple_GET_ITEM(exc_info, 1)) &&
           (PyTraceBack_Check(PyTuple_GET_ITEM(exc_info, 2)) ||
            PyTuple_GET_ITEM(exc_info, 2) == Py_None);
}

/* Whether this call may be, after those before it. */
static bool may_start(const struct start_response *start, PyObject *exc_info)
{
    if (!start->exchange) {
        PyErr_SetString(PyExc_RuntimeError,
                        "start_response was called when the request was over");
        return false;
    }
    if (!exc_info || exc_info == Py_None) {
        if (!start->is_set)
            return true;
        PyErr_SetString(PyExc_RuntimeError,
                        "start_response was called twice, without exc_info");
        return false;
    }
    if (!is_exc_info(exc_info)) {
        PyErr_SetString(PyExc_TypeError, "exc_info must be what sys.exc_info() gives");
        return false;
    }
    if (!start->has_begun)
        return true;
    raise_again(exc_info);
    return false;
}

/* The third one, by its place or its name. NULL without an exception if left out. */
static bool get_exc_info(PyObject *const *args, Py_ssize_t count, PyObject *names,
                         PyObject **exc_info)
{
    Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;

    *exc_info = NULL;
    if (count + named > 3 || count < 2)
        goto fail;
    if (named == 1 &&
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "exc_info") != 0)
        goto fail;
    if (count + named == 3)
        *exc_info = args[2];
    return true;
fail:
    PyErr_SetString(PyExc_TypeError,
                    "start_response takes (status, headers) or (status, headers, "
                    "exc_info)");
    return false;
}

static PyObject *start_response_call(PyObject *self, PyObject *const *args,
                                     size_t count_and_flag, PyObject *names)
{
    struct start_response *start = (struct start_response *)self;
    PyObject *exc_info;

    if (!get_exc_info(args, PyVectorcall_NARGS(count_and_flag), names, &exc_info) ||
        !may_start(start, exc_info) || !set_head(start, args[0], args[1]))
        return NULL;
    return Py_NewRef(start->write);
}

/* ---- the answer ---- */

struct pyrs_response start_response_head(const struct start_response *start)
{
    struct pyrs_response response = {
        .status = start->status,
        .reason = start->reason,
        .fields = {start->fields.bytes, start->fields.length},
        .has_server = start->has_server,
        .has_date = start->has_date,
    };

    if (start->fields.content_type)
        response.content_type = field_text(start->fields.content_type, "Content-Type");
    return response;
}

void start_response_close(struct start_response *start)
{
    start->exchange = NULL;
}

enum pyrs_flow start_response_begin(struct start_response *start)
{
    struct pyrs_response head = start_response_head(start);

    start->has_begun = true;
    return pyrs_exchange_begin(start->exchange, &head, start->content_length);
}

static void log_cut(struct start_response *start)
{
    if (!start->is_cut)
        pyrs_exchange_log(start->exchange, PYRS_LOG_ERROR,
                          PYRS_TEXT("the body is longer than its Content-Length: cut "
                                    "there"));
    start->is_cut = true;
}

bool start_response_fit(struct start_response *start, struct piece *piece)
{
    if (start->body_left < 0)
        return true;
    if (piece->bytes.length > (size_t)start->body_left) {
        log_cut(start);
        piece->bytes.length = (size_t)start->body_left;
        if (piece->bytes.length == 0) {
            piece_drop(piece);
            return false;
        }
    }
    start->body_left -= (int64_t)piece->bytes.length;
    return true;
}

bool start_response_is_to_head(const struct start_response *start)
{
    struct pyrs_slice method = pyrs_exchange_method(start->exchange);

    return method.length == 4 && memcmp(method.bytes, "HEAD", 4) == 0;
}

/* ---- write() ---- */

static bool may_write(const struct start_response *start)
{
    const char *why;

    if (!start->exchange || !start->is_set)
        why = "write() belongs to a request that is over";
    else if (!step_is_of(start->exchange))
        why = "write() was called while its application did not run on this thread";
    else
        return true;
    PyErr_SetString(PyExc_RuntimeError, why);
    return false;
}

/* The thread waits for a client that reads slowly: there is nothing else to do. */
static enum pyrs_flow wait_for_client(struct pyrs_exchange *exchange)
{
    Py_BEGIN_ALLOW_THREADS pyrs_exchange_wait(exchange);
    Py_END_ALLOW_THREADS return pyrs_exchange_flow(exchange);
}

/* Takes the piece. Empty ones begin nothing (PEP 3333, "Buffering and Streaming"). */
static enum pyrs_flow write_piece(struct start_response *start, struct piece *piece)
{
    enum pyrs_flow flow = PYRS_FLOW_GO_ON;

    if (!start->has_begun && piece->bytes.length > 0)
        flow = start_response_begin(start);
    if (!start->has_begun || flow == PYRS_FLOW_GONE) {
        piece_drop(piece);
        return flow;
    }
    flow = piece_send(piece, start->exchange);
    return flow == PYRS_FLOW_PAUSE ? wait_for_client(start->exchange) : flow;
}

/* What is written is dropped, by the rules of HTTP. */
static bool has_no_body(const struct start_response *start)
{
    return start->status == 204 || start->status == 304 ||
           start_response_is_to_head(start);
}

static void set_disconnected(const struct start_response *start)
{
    PyErr_SetString(start->state->policy.client_disconnected_type,
                    "the client went before its answer was whole");
}

static PyObject *start_response_write(PyObject *self, PyObject *data)
{
    struct start_response *start = (struct start_response *)self;
    enum pyrs_flow flow;
    struct piece piece;

    if (!may_write(start) || !piece_of_bytes(&piece, Py_NewRef(data)))
        return NULL;
    flow = start_response_fit(start, &piece) ? write_piece(start, &piece)
                                             : pyrs_exchange_flow(start->exchange);
    if (flow != PYRS_FLOW_GONE || has_no_body(start))
        Py_RETURN_NONE;
    set_disconnected(start);
    return NULL;
}

static PyMethodDef write_method = {
    "write", start_response_write, METH_O,
    PyDoc_STR("write($self, data, /)\n--\n\nSends bytes of the body at once.")};

/* ---- life ---- */

/* Its method holds it, and it its method: the spare one is nobody else's if these are
 * the only references. */
static bool is_free(const struct start_response *start)
{
    return Py_REFCNT(start) == 2 && Py_REFCNT(start->write) == 1;
}

static struct start_response *start_response_new(struct module_state *state)
{
    struct start_response *start =
        PyObject_GC_New(struct start_response, state->start_response_type);

    if (!start)
        return NULL;
    memset((char *)start + sizeof(PyObject), 0,
           sizeof(struct start_response) - sizeof(PyObject));
    start->call = start_response_call;
    start->state = state;
    start->write = PyCFunction_New(&write_method, (PyObject *)start);
    PyObject_GC_Track((PyObject *)start);
    if (start->write)
        return start;
    Py_DECREF(start);
    return NULL;
}

struct start_response *start_response_take(struct module_state *state,
                                           struct pyrs_exchange *exchange)
{
    struct start_response *start = state->spare_start;

    if (start && is_free(start)) {
        state->spare_start = NULL;
    } else {
        start = start_response_new(state);
        if (!start)
            return NULL;
    }
    start->exchange = exchange;
    start->has_begun = start->is_cut = false;
    return start;
}

void start_response_give_back(struct module_state *state, struct start_response *start)
{
    if (start->input)
        wsgi_input_over(start->input);
    start->input = NULL;
    start->exchange = NULL;
    forget_head(start);
    if (!state->spare_start && is_free(start)) {
        state->spare_start = start;
        return;
    }
    Py_CLEAR(start->write); /* the ring, unless somebody has it */
    Py_DECREF(start);
}

void start_response_drop_spare(struct module_state *state)
{
    struct start_response *start = state->spare_start;

    state->spare_start = NULL;
    if (!start)
        return;
    Py_CLEAR(start->write);
    Py_DECREF(start);
}

static int start_response_traverse(PyObject *self, visitproc visit, void *arg)
{
    const struct start_response *start = (struct start_response *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(start->write);
    Py_VISIT((PyObject *)start->input);
    Py_VISIT(start->status_text);
    return 0;
}

static int start_response_clear(PyObject *self)
{
    Py_CLEAR(((struct start_response *)self)->write);
    return 0;
}

static void start_response_dealloc(PyObject *self)
{
    struct start_response *start = (struct start_response *)self;
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    Py_CLEAR(start->write);
    Py_XDECREF((PyObject *)start->input);
    Py_XDECREF(start->status_text);
    forget_head(start);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* ---- the type ---- */

static PyMemberDef start_response_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct start_response, call),
     READONLY, NULL},
    {.name = NULL},
};

static PyType_Slot start_response_slots[] = {
    {Py_tp_doc,
     (void *)(uintptr_t)"start_response(status, headers, exc_info=None): see PEP "
                        "3333."},
    {Py_tp_dealloc, start_response_dealloc},
    {Py_tp_traverse, start_response_traverse},
    {Py_tp_clear, start_response_clear},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, start_response_members},
    {0, NULL},
};

static PyType_Spec start_response_spec = {
    .name = "pyrs._bridge.StartResponse",
    .basicsize = sizeof(struct start_response),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = start_response_slots,
};

PyTypeObject *start_response_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &start_response_spec, NULL);
}
