/* result.h - what a handler returned, as a response.
 *
 * A body of up to BORROWED_BODY_BYTES_MIN bytes is copied by the core at once; a larger
 * one is lent to it, the object that has it held until the core gives it back.
 *
 *     struct result result;
 *
 *     if (result_from_value(&result, state, request, value))
 *         result_send(&result, exchange);
 */
#ifndef PYRS_BRIDGE_RESULT_H
#define PYRS_BRIDGE_RESULT_H

#include "fields.h"
#include "request.h"

/* Below it, copying is cheaper than remembering whose bytes they are. */
enum { BORROWED_BODY_BYTES_MIN = 16 * 1024 };

struct result {
    struct pyrs_response
        response;           /* release and owner: of the body, whatever its size */
    PyObject *content_type; /* new: owns response.content_type, or NULL */
    bool has_fields;
    struct fields fields; /* if has_fields */
};

/* Takes the reference to `value`. False, with nothing to send and an exception set, if
 * it cannot be an answer. */
bool result_from_value(struct result *result, struct module_state *state,
                       struct request *request, PyObject *value);

/* Of an HTTPError. */
bool result_from_http_error(struct result *result, struct module_state *state,
                            PyObject *error);

/* Of whatever went wrong: it says nothing more. */
void result_internal_server_error(struct result *result);

/* Answers the exchange and lets go of everything. */
void result_send(struct result *result, struct pyrs_exchange *exchange);

#endif
