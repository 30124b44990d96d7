/* module.c - pyrs._bridge: making the module, and its functions. */
#include "module.h"

#include "async_handler.h"
#include "attach.h"
#include "coroutine.h"
#include "fields.h"
#include "file_wrapper.h"
#include "handler.h"
#include "origin_reader.h"
#include "request.h"
#include "start_response.h"
#include "step.h"
#include "tasks.h"
#include "wsgi.h"

#define DOC_MODULE                                                      \
    "Where the C core and Python meet: requests in, responses out.\n\n" \
    "Used by pyrs itself; its public names are those of the package."

/* ---- policy ---- */

/* Where in the state, from which module, by which name. */
static const struct {
    size_t offset;
    const char *module, *name;
} POLICY[] = {
    {offsetof(struct policy, read_query), "pyrs._request_parts", "read_query"},
    {offsetof(struct policy, read_headers), "pyrs._request_parts", "read_headers"},
    {offsetof(struct policy, read_cookies), "pyrs._request_parts", "read_cookies"},
    {offsetof(struct policy, read_text), "pyrs._request_parts", "read_text"},
    {offsetof(struct policy, read_json), "pyrs._request_parts", "read_json"},
    {offsetof(struct policy, read_origin), "pyrs._request_parts", "read_origin"},
    {offsetof(struct policy, read_form), "pyrs.form", "read_form"},
    {offsetof(struct policy, build_url), "pyrs._request_parts", "build_url"},
    {offsetof(struct policy, encode_json), "pyrs._results", "encode_json"},
    {offsetof(struct policy, describe_exception), "pyrs._results",
     "describe_exception"},
    {offsetof(struct policy, response_type), "pyrs.response", "Response"},
    {offsetof(struct policy, file_type), "pyrs.response", "File"},
    {offsetof(struct policy, http_error_type), "pyrs.errors", "HTTPError"},
    {offsetof(struct policy, client_disconnected_type), "pyrs.errors",
     "ClientDisconnected"},
    {offsetof(struct policy, cancelled_error_type), "asyncio", "CancelledError"},
    {offsetof(struct policy, task_type), "asyncio", "Task"},
    {offsetof(struct policy, send_items), "pyrs._async_parts", "send_items"},
    {offsetof(struct policy, next_chunk), "pyrs._async_parts", "next_chunk"},
    {offsetof(struct policy, read_chunks), "pyrs._async_parts", "read_chunks"},
    {offsetof(struct policy, find_file), "pyrs._wsgi_parts", "find_file"},
    {offsetof(struct policy, struct_type), "msgspec", "Struct"},
};

enum { POLICY_COUNT = sizeof POLICY / sizeof POLICY[0] };

static PyObject **policy_slot(struct policy *policy, size_t index)
{
    return (PyObject **)(void *)((char *)policy + POLICY[index].offset);
}

static PyObject *import_name(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *object;

    if (!module)
        return NULL;
    object = PyObject_GetAttrString(module, name);
    Py_DECREF(module);
    return object;
}

static bool policy_has_classes(const struct policy *policy)
{
    PyObject *const classes[] = {policy->response_type, policy->file_type,
                                 policy->http_error_type,
                                 policy->client_disconnected_type, policy->struct_type};

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (PyType_Check(classes[i]))
            continue;
        PyErr_Format(PyExc_TypeError, "%R must be a class", classes[i]);
        return false;
    }
    return true;
}

/* asyncio takes long to import, and only async handlers need it. */
static bool is_needed(size_t index, bool for_async)
{
    return for_async || strcmp(POLICY[index].module, "asyncio") != 0;
}

static bool policy_load(struct policy *policy, bool for_async)
{
    for (size_t i = 0; i < POLICY_COUNT; i++) {
        PyObject **slot = policy_slot(policy, i);
        PyObject *object;

        if (*slot || !is_needed(i, for_async))
            continue;
        object = import_name(POLICY[i].module, POLICY[i].name);
        if (!object)
            return false;
        Py_XSETREF(*slot, object);
    }
    return policy_has_classes(policy);
}

/* ---- functions ---- */

static bool source_is_right(struct module_state *state,
                            const struct handler_source *source)
{
    if (!PyCallable_Check(source->callable)) {
        PyErr_Format(PyExc_TypeError, "%U is of type %.100s, which cannot be called",
                     source->title, Py_TYPE(source->callable)->tp_name);
        return false;
    }
    if (source->tasks != Py_None && Py_TYPE(source->tasks) != state->tasks_type) {
        PyErr_SetString(PyExc_TypeError, "tasks must be of type Tasks, or None");
        return false;
    }
    return true;
}

static PyObject *bridge_endpoint(PyObject *module, PyObject *args)
{
    struct module_state *state = module_state(module);
    struct handler_source source = {.settings = Py_None, .tasks = Py_None};
    struct pyrs_endpoint *endpoint;

    if (!PyArg_ParseTuple(args, "OU|OO:endpoint", &source.callable, &source.title,
                          &source.settings, &source.tasks) ||
        !source_is_right(state, &source) ||
        !policy_load(&state->policy, source.tasks != Py_None))
        return NULL;
    endpoint = handler_new(state, &source);
    return endpoint ? PyLong_FromVoidPtr(endpoint) : NULL;
}

static PyObject *bridge_wsgi_endpoint(PyObject *module, PyObject *args)
{
    struct module_state *state = module_state(module);
    struct wsgi_source source;
    struct pyrs_endpoint *endpoint;

    if (!PyArg_ParseTuple(args, "OUO!O:wsgi_endpoint", &source.application,
                          &source.title, &PyDict_Type, &source.environ,
                          &source.settings) ||
        !policy_load(&state->policy, false))
        return NULL;
    endpoint = wsgi_new(state, &source);
    return endpoint ? PyLong_FromVoidPtr(endpoint) : NULL;
}

static PyObject *bridge_origin_reader(PyObject *module, PyObject *proxies)
{
    struct module_state *state = module_state(module);
    struct pyrs_origin_reader *reader = NULL;

    if (policy_load(&state->policy, false))
        reader = origin_reader_new(state, proxies);
    return reader ? PyLong_FromVoidPtr(reader) : NULL;
}

static PyObject *bridge_endpoint_free(PyObject *module, PyObject *address)
{
    struct pyrs_endpoint *endpoint = PyLong_AsVoidPtr(address);

    if (!endpoint) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "no endpoint has the address 0");
        return NULL;
    }
    if (endpoint->class == &module_state(module)->wsgi_class)
        wsgi_free(endpoint);
    else
        handler_free(endpoint);
    Py_RETURN_NONE;
}

static PyObject *bridge_check_field(PyObject *module, PyObject *args)
{
    PyObject *name, *value;

    (void)module;
    if (!PyArg_ParseTuple(args, "OO:check_field", &name, &value) ||
        !field_check(name, value))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *bridge_call_after_step(PyObject *module, PyObject *callable)
{
    (void)module;
    return PyBool_FromLong(step_call_at_end(callable));
}

static PyMethodDef bridge_functions[] = {
    {"endpoint", bridge_endpoint, METH_VARARGS,
     PyDoc_STR("endpoint(callable, name, settings=None, tasks=None, /)\n--\n\n"
               "The address of a new pyrs_endpoint that calls callable(request).\n\n"
               "It belongs to the server it is given to; name stands in the log, "
               "settings\nare pyrs._request_parts.RequestSettings. An async callable "
               "runs among tasks.")},
    {"wsgi_endpoint", bridge_wsgi_endpoint, METH_VARARGS,
     PyDoc_STR("wsgi_endpoint(application, name, environ, settings, /)\n--\n\n"
               "The same for a WSGI application; what environ has stands in that of "
               "every request.")},
    {"origin_reader", bridge_origin_reader, METH_O,
     PyDoc_STR("origin_reader(trusted_proxies, /)\n--\n\n"
               "The address of a new pyrs_origin_reader, which belongs to the endpoint "
               "it is\ngiven to.")},
    {"endpoint_free", bridge_endpoint_free, METH_O,
     PyDoc_STR("endpoint_free(address, /)\n--\n\n"
               "Frees an endpoint that no server was given.")},
    {"check_field", bridge_check_field, METH_VARARGS,
     PyDoc_STR("check_field(name, value, /)\n--\n\n"
               "ValueError or TypeError if a response cannot carry this header.")},
    {"call_after_step", bridge_call_after_step, METH_O,
     PyDoc_STR("call_after_step(callable, /)\n--\n\n"
               "Lets it be called, once, when the step of the WSGI application that "
               "runs on this\nthread is over, at the end of its body at the latest. "
               "False if none runs.")},
    {.ml_name = NULL},
};

/* ---- state ---- */

static PyObject *intern(const char *text)
{
    return PyUnicode_InternFromString(text);
}

static bool make_methods(struct module_state *state)
{
    static const char *const names[KNOWN_METHOD_COUNT] = {
        "GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"};

    for (int i = 0; i < KNOWN_METHOD_COUNT; i++)
        if (!(state->methods[i] = intern(names[i])))
            return false;
    return true;
}

static bool make_names(struct module_state *state)
{
    return (state->http_versions[0] = intern("1.0")) &&
           (state->http_versions[1] = intern("1.1")) &&
           (state->scheme = intern("http")) && (state->name_body = intern("body")) &&
           (state->name_status = intern("status")) &&
           (state->name_headers = intern("headers")) &&
           (state->name_own_headers = intern("_headers")) &&
           (state->name_content_type = intern("content_type")) &&
           (state->name_items = intern("items")) &&
           (state->name_dataclass_fields = intern("__dataclass_fields__")) &&
           (state->name_close = intern("close")) &&
           (state->name_path = intern("path")) &&
           (state->name_trusted_proxies = intern("trusted_proxies")) &&
           (state->name_form_limits = intern("form_limits")) &&
           (state->name_throw = intern("throw")) &&
           (state->name_set_result = intern("set_result")) &&
           (state->name_done = intern("done")) &&
           (state->name_create_future = intern("create_future")) &&
           (state->name_cancel = intern("cancel")) &&
           environ_names_init(&state->environ_names) &&
           (state->task_keywords = coroutine_task_keywords());
}

static bool make_types(struct module_state *state)
{
    PyObject *module = state->module;

    return (state->request_type = request_type_new(module)) &&
           (state->body_stream_type = reading_stream_type_new(module)) &&
           (state->tasks_type = tasks_type_new(module)) &&
           (state->coroutine_type = coroutine_type_new(module)) &&
           (state->start_response_type = start_response_type_new(module)) &&
           (state->wsgi_input_type = wsgi_input_type_new(module)) &&
           (state->file_wrapper_type = file_wrapper_type_new(module)) &&
           PyModule_AddType(module, state->request_type) == 0 &&
           PyModule_AddType(module, state->body_stream_type) == 0 &&
           PyModule_AddType(module, state->tasks_type) == 0 &&
           PyModule_AddType(module, state->coroutine_type) == 0 &&
           PyModule_AddType(module, state->file_wrapper_type) == 0;
}

static int bridge_exec(PyObject *module)
{
    struct module_state *state = module_state(module);

    state->module = module;
    state->interpreter = attach_callbacks();
    state->handler_class = handler_class(&state->interpreter);
    state->async_handler_class = async_handler_class(&state->interpreter);
    state->wsgi_class = wsgi_class(&state->interpreter);
    return make_methods(state) && make_names(state) && make_types(state) ? 0 : -1;
}

static int bridge_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct module_state *state = module_state(module);

    Py_VISIT(state->request_type);
    Py_VISIT(state->body_stream_type);
    Py_VISIT(state->tasks_type);
    Py_VISIT(state->coroutine_type);
    Py_VISIT(state->start_response_type);
    Py_VISIT(state->wsgi_input_type);
    Py_VISIT(state->file_wrapper_type);
    Py_VISIT(state->spare_request);
    Py_VISIT((PyObject *)state->spare_start);
    for (size_t i = 0; i < POLICY_COUNT; i++)
        Py_VISIT(*policy_slot(&state->policy, i));
    return 0;
}

static int bridge_clear(PyObject *module)
{
    struct module_state *state = module_state(module);

    Py_CLEAR(state->spare_request);
    start_response_drop_spare(state);
    Py_CLEAR(state->start_response_type);
    Py_CLEAR(state->wsgi_input_type);
    Py_CLEAR(state->file_wrapper_type);
    environ_names_fini(&state->environ_names);
    known_names_fini(&state->known_names);
    Py_CLEAR(state->request_type);
    Py_CLEAR(state->body_stream_type);
    Py_CLEAR(state->tasks_type);
    Py_CLEAR(state->coroutine_type);
    for (size_t i = 0; i < POLICY_COUNT; i++)
        Py_CLEAR(*policy_slot(&state->policy, i));
    for (int i = 0; i < KNOWN_METHOD_COUNT; i++)
        Py_CLEAR(state->methods[i]);
    Py_CLEAR(state->http_versions[0]);
    Py_CLEAR(state->http_versions[1]);
    Py_CLEAR(state->scheme);
    Py_CLEAR(state->name_body);
    Py_CLEAR(state->name_status);
    Py_CLEAR(state->name_headers);
    Py_CLEAR(state->name_own_headers);
    Py_CLEAR(state->name_content_type);
    Py_CLEAR(state->name_items);
    Py_CLEAR(state->name_dataclass_fields);
    Py_CLEAR(state->name_close);
    Py_CLEAR(state->name_throw);
    Py_CLEAR(state->name_set_result);
    Py_CLEAR(state->name_done);
    Py_CLEAR(state->name_create_future);
    Py_CLEAR(state->name_cancel);
    Py_CLEAR(state->task_keywords);
    Py_CLEAR(state->name_path);
    Py_CLEAR(state->name_trusted_proxies);
    Py_CLEAR(state->name_form_limits);
    return 0;
}

static void bridge_free(void *module)
{
    (void)bridge_clear(module);
}

/* Not declared yet: Py_MOD_PER_INTERPRETER_GIL_SUPPORTED. The bridge shares nothing
 * between interpreters, but an endpoint needs msgspec, which loads in the main one
 * only. */
static PyModuleDef_Slot bridge_slots[] = {
    {Py_mod_exec, bridge_exec},
#if PY_VERSION_HEX >= 0x030d0000
    /* The spare request and the parts of a request count on it. */
    {Py_mod_gil, Py_MOD_GIL_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef bridge_module = {
    PyModuleDef_HEAD_INIT,         .m_name = "pyrs._bridge",
    .m_doc = DOC_MODULE,           .m_size = sizeof(struct module_state),
    .m_methods = bridge_functions, .m_slots = bridge_slots,
    .m_traverse = bridge_traverse, .m_clear = bridge_clear,
    .m_free = bridge_free,
};

PyMODINIT_FUNC PyInit__bridge(void);

PyMODINIT_FUNC PyInit__bridge(void)
{
    return PyModuleDef_Init(&bridge_module);
}
