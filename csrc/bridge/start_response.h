/* start_response.h - what an application is given to begin its answer (PEP 3333).
 *
 * Takes status and headers apart when it is called, so that whatever is wrong with them
 * is raised in the application. Nothing leaves before the first bytes of the body are
 * there, or the application has ended: until then it may call again, with exc_info, and
 * say something else.
 *
 * It is the state of a request as well; the object is used again when nobody kept it.
 */
#ifndef PYRS_BRIDGE_START_RESPONSE_H
#define PYRS_BRIDGE_START_RESPONSE_H

#include "fields.h"
#include "module.h"
#include "piece.h"
#include "wsgi_input.h"

struct start_response {
    PyObject_HEAD vectorcallfunc call;
    struct pyrs_exchange *exchange; /* NULL: the request is over */
    struct wsgi_input *input;       /* new; NULL if there is no body */
    struct module_state *state;     /* while there is an exchange */
    PyObject *write;                /* the method, made once; it holds the object */
    bool is_set;                    /* status and headers are known */
    bool has_begun;                 /* and have left */
    bool is_cut;                    /* and more came than Content-Length says */
    uint32_t status;
    struct pyrs_slice reason;
    PyObject *status_text;  /* new: of the reason */
    int64_t content_length; /* -1: the application did not tell */
    int64_t body_left;      /* of that, -1 likewise */
    bool has_server, has_date;
    struct fields fields; /* if is_set */
};

PyTypeObject *start_response_type_new(PyObject *module);

/* For a new request; the spare one, if there is one. NULL with an exception set. */
struct start_response *start_response_take(struct module_state *state,
                                           struct pyrs_exchange *exchange);

/* Before the exchange goes. Takes the reference. */
void start_response_give_back(struct module_state *state, struct start_response *start);

/* With the module's state. */
void start_response_drop_spare(struct module_state *state);

/* The answer so far, without a body. */
struct pyrs_response start_response_head(const struct start_response *start);

/* The answer is over: what the application was given is refused from now on. */
void start_response_close(struct start_response *start);

/* Begins an answer in pieces. */
enum pyrs_flow start_response_begin(struct start_response *start);

/* Shortens the piece to what Content-Length leaves of it, which is logged. False: it is
 * dropped, since nothing is left. */
bool start_response_fit(struct start_response *start, struct piece *piece);

bool start_response_is_to_head(const struct start_response *start);

#endif
