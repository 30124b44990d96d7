/* result.h - what a handler returned, as a response.
 *
 * A body is lent to the core, with the object that has it; the core copies a small one
 * and gives it back at once, a large one when it has left. An iterator is a body that
 * is still to be made, and goes another way (stream.h).
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

struct result {
    struct pyrs_response response;
    PyObject *stream;       /* new: the iterator that makes the body, or NULL */
    struct pyrs_file file;  /* if response.file */
    bool file_is_missing;   /* why it cannot be an answer */
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

/* Of whatever went wrong, and of a file that is not there: they say nothing more. */
void result_internal_server_error(struct result *result);
void result_not_found(struct result *result);

/* To where it is kept: it cannot be copied, since it refers to itself. */
void result_move(struct result *to, struct result *from);

/* Lets go of everything. */
void result_drop(struct result *result);

/* Answers the exchange and lets go of everything. Not for a stream: stream.h. */
void result_send(struct result *result, struct pyrs_exchange *exchange);

#endif
