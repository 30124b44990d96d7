/* failure.c - see failure.h. Whatever goes wrong on the way to the log (out of memory,
 * a message that cannot be encoded, an exception whose text raises) ends in a plainer
 * record, never in a missing answer. */
#include "failure.h"

#include <stdio.h>

#define RAISED   "raised"
#define RETURNED "returned what cannot be answered"

static void log_plain(const char *handler, const char *what, PyObject *exception,
                      struct pyrs_exchange *exchange)
{
    char text[512];
    int length = snprintf(text, sizeof text,
                          "%.200s %s: %.100s (no traceback: it could "
                          "not be made)",
                          handler, what, Py_TYPE(exception)->tp_name);

    pyrs_exchange_log(exchange, PYRS_LOG_ERROR,
                      (struct pyrs_slice){text, (size_t)length});
}

/* "api.Api.hello raised:\nTraceback (most recent call last): ...", as bytes. */
static PyObject *describe(struct module_state *state, const char *handler,
                          const char *what, PyObject *exception)
{
    PyObject *text = PyObject_CallFunction(state->policy.describe_exception, "ssO",
                                           handler, what, exception);
    PyObject *bytes;

    if (!text)
        return NULL;
    bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    Py_DECREF(text);
    return bytes;
}

static void log_exception(struct module_state *state, int level, const char *handler,
                          const char *what, PyObject *exception,
                          struct pyrs_exchange *exchange)
{
    PyObject *bytes = describe(state, handler, what, exception);

    if (!bytes) {
        PyErr_Clear();
        log_plain(handler, what, exception, exchange);
        return;
    }
    pyrs_exchange_log(
        exchange, level,
        (struct pyrs_slice){PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes)});
    Py_DECREF(bytes);
}

/* The client's doing, whatever it was: the core has told it, if it is still there. */
static void log_disconnected(const char *handler, struct pyrs_exchange *exchange)
{
    char text[512];
    int length = snprintf(text, sizeof text,
                          "%.200s: nobody waits for its answer any more", handler);

    PyErr_Clear();
    pyrs_exchange_log(exchange, PYRS_LOG_INFO,
                      (struct pyrs_slice){text, (size_t)length});
}

void failure_log(struct module_state *state, const char *handler, const char *what,
                 struct pyrs_exchange *exchange)
{
    PyObject *exception;

    if (PyErr_ExceptionMatches(state->policy.client_disconnected_type)) {
        log_disconnected(handler, exchange);
        return;
    }
    exception = exception_take();
    log_exception(state, PYRS_LOG_ERROR, handler, what, exception, exchange);
    Py_DECREF(exception);
}

/* It may have gone just now: less than a fault. */
static void log_missing_file(struct module_state *state, const char *handler,
                             struct pyrs_exchange *exchange)
{
    PyObject *exception = exception_take();

    log_exception(state, PYRS_LOG_WARNING, handler, "has no file to send", exception,
                  exchange);
    Py_DECREF(exception);
}

static void log_and_give_500(struct result *result, struct module_state *state,
                             const char *handler, const char *what,
                             struct pyrs_exchange *exchange)
{
    failure_log(state, handler, what, exchange);
    result_internal_server_error(result);
}

void failure_of_result(struct result *result, struct module_state *state,
                       const char *handler, struct pyrs_exchange *exchange)
{
    if (!result->file_is_missing) {
        log_and_give_500(result, state, handler, RETURNED, exchange);
        return;
    }
    log_missing_file(state, handler, exchange);
    result_not_found(result);
}

void failure_of_handler(struct result *result, struct module_state *state,
                        const char *handler, struct pyrs_exchange *exchange)
{
    PyObject *error;
    bool answered;

    if (!PyErr_ExceptionMatches(state->policy.http_error_type)) {
        log_and_give_500(result, state, handler, RAISED, exchange);
        return;
    }
    error = exception_take();
    answered = result_from_http_error(result, state, error);
    Py_DECREF(error);
    if (!answered)
        log_and_give_500(result, state, handler,
                         "raised an HTTPError that cannot be "
                         "answered",
                         exchange);
}
