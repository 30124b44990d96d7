/* request.h - pyrs.Request: a request as its handler sees it.
 *
 * Nothing is made before it is asked for, and then once. The object itself is used
 * again for the next request, unless somebody kept it: then its facts are copied before
 * the exchange is answered, and it stays valid for as long as they want.
 */
#ifndef PYRS_BRIDGE_REQUEST_H
#define PYRS_BRIDGE_REQUEST_H

#include "facts.h"
#include "module.h"
#include "reading.h"

/* One attribute each, or what one is read from. */
enum part {
    PART_METHOD,
    PART_PATH,
    PART_RAW_PATH,
    PART_QUERY_STRING,
    PART_HTTP_VERSION,
    PART_QUERY,
    PART_HEADERS,
    PART_COOKIES,
    PART_PARAMS,
    PART_BODY,
    PART_TEXT,
    PART_CLIENT,
    PART_SERVER,
    PART_SCHEME,
    PART_HOST,
    PART_URL,
    PART_ORIGIN, /* None: no proxy is trusted */
    PART_FORM,
    PART_COUNT,
};

struct request {
    PyObject_HEAD struct facts facts;
    PyObject *weak_references;
    PyObject *settings; /* the handler's, which has it; once kept, the request has */
    struct reading reading;
    bool has_parts;
    PyObject *parts[PART_COUNT]; /* NULL until asked for */
};

/* Makes the type, for the module's state. */
PyTypeObject *request_type_new(PyObject *module);

/* A new, empty one; request_take is the way to get one. */
struct request *request_new(struct module_state *state);

/* Lets go of all parts, and closes the form. Runs users' code if they left objects in
 * `params`. */
void request_clear_parts(struct request *request);

/* Copies what the exchange says. If memory is out, the request has no facts any more,
 * and its attributes raise RuntimeError. */
void request_keep(struct request *request);

/* One part of it, borrowed from the request, which keeps it until it is over; NULL with
 * an exception. */
PyObject *request_part(struct request *request, enum part part);

/* A body that has come whole, wherever it is; valid until the exchange is answered or,
 * of a kept request, as long as that. */
struct pyrs_slice request_body(const struct request *request);

static inline struct module_state *request_module_state(const struct request *request)
{
    return (struct module_state *)PyType_GetModuleState(Py_TYPE(request));
}

/* False with an exception set. */
static inline bool request_facts_or_error(const struct request *request)
{
    if (facts_exist(&request->facts))
        return true;
    PyErr_SetString(PyExc_RuntimeError, "this request is over and was not kept");
    return false;
}

/* A request for the exchange: the spare one, if it is still nobody else's. `settings`
 * is borrowed until the request is given back. NULL with an exception if memory is out.
 */
static inline struct request *request_take(struct module_state *state,
                                           PyObject *settings,
                                           struct pyrs_exchange *exchange)
{
    struct request *request = state->spare_request;

    if (request && Py_REFCNT(request) == 1)
        state->spare_request = NULL;
    else
        request = request_new(state);
    if (request) {
        request->facts.exchange = exchange;
        request->settings = settings;
        reading_begin(&request->reading);
    }
    return request;
}

/* Before the exchange is answered: makes the request the spare one, or, when somebody
 * else holds it, independent of the exchange. Takes the caller's reference. */
static inline void request_give_back(struct module_state *state,
                                     struct request *request)
{
    intake_end(&request->reading.intake);
    if (Py_REFCNT(request) == 1 && !request->weak_references) {
        request->facts.exchange = NULL;
        if (request->has_parts)
            request_clear_parts(request);
        /* Looked at again: clearing may have run anything. */
        if (!state->spare_request && Py_REFCNT(request) == 1) {
            state->spare_request = request;
            return;
        }
    } else {
        request_keep(request);
    }
    Py_DECREF(request);
}

#endif
