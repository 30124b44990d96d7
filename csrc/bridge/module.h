/* module.h - pyrs._bridge: what the module holds.
 *
 * All Python objects of the bridge hang from the module's state, one per interpreter.
 * What is policy (how a query, a cookie or a JSON body is read) is Python code, fetched
 * from pyrs._request_parts when the first endpoint is made: the package imports this
 * module, so it cannot be fetched earlier.
 */
#ifndef PYRS_BRIDGE_MODULE_H
#define PYRS_BRIDGE_MODULE_H

#include "../serve/endpoint.h"
#include "environ_names.h"
#include "known_names.h"
#include "python.h"

struct request;
struct start_response;

/* Objects of the package, by the names they have there. */
struct policy {
    PyObject *read_query;
    PyObject *read_headers;
    PyObject *read_cookies;
    PyObject *read_text;
    PyObject *read_json;
    PyObject *read_origin;
    PyObject *read_form;
    PyObject *build_url;
    PyObject *encode_json;
    PyObject *describe_exception;
    PyObject *response_type;
    PyObject *file_type;
    PyObject *http_error_type;
    PyObject *client_disconnected_type;
    PyObject *cancelled_error_type, *task_type; /* NULL without async handlers */
    PyObject *send_items, *next_chunk, *read_chunks;
    PyObject *find_file;
    PyObject *struct_type;
};

enum known_method { KNOWN_METHOD_COUNT = 8 };

struct module_state {
    PyObject *module; /* borrowed: the state is its own */
    struct interpreter interpreter;
    struct endpoint_class handler_class, async_handler_class, wsgi_class;
    PyTypeObject *request_type;
    PyTypeObject *body_stream_type;
    PyTypeObject *tasks_type;
    PyTypeObject *coroutine_type;
    PyTypeObject *start_response_type, *wsgi_input_type, *file_wrapper_type;
    struct request *spare_request;      /* NULL, or one that nobody uses */
    struct start_response *spare_start; /* likewise */
    struct environ_names environ_names;
    struct known_names known_names;
    PyObject *methods[KNOWN_METHOD_COUNT];
    PyObject *http_versions[2];
    PyObject *scheme;
    PyObject *name_body, *name_status, *name_headers, *name_own_headers;
    PyObject *name_content_type;
    PyObject *name_items, *name_dataclass_fields, *name_close, *name_path;
    PyObject *name_trusted_proxies, *name_form_limits;
    PyObject *name_throw, *name_set_result, *name_done, *name_create_future;
    PyObject *name_cancel;
    PyObject *task_keywords; /* the names that a task is made with */
    struct policy policy;
};

static inline struct module_state *module_state(PyObject *module)
{
    return (struct module_state *)PyModule_GetState(module);
}

#endif
