/* origin_reader.c - see origin_reader.h. */
#include "origin_reader.h"

#include <stdlib.h>

#include "attach.h"
#include "failure.h"
#include "origin.h"

struct origin_reader {
    struct pyrs_origin_reader reader;
    struct module_state *state;
    PyObject *module; /* keeps the state */
    PyObject *proxies;
};

/* The texts with a NUL behind each. NULL with an exception set. */
static PyObject *join(const struct origin *origin)
{
    PyObject *text = PyUnicode_FromFormat("%U%c%U%c%U", origin->host_of_client, 0,
                                          origin->scheme, 0, origin->host);
    PyObject *bytes = text ? PyUnicode_AsLatin1String(text) : NULL;

    Py_XDECREF(text);
    return bytes;
}

static struct pyrs_origin *pack(const struct origin *origin)
{
    long port = PyLong_AsLong(origin->port_of_client);
    PyObject *texts = PyErr_Occurred() ? NULL : join(origin);
    size_t length = texts ? (size_t)PyBytes_GET_SIZE(texts) + 1 : 0;
    struct pyrs_origin *packed = texts ? malloc(sizeof *packed + length) : NULL;

    if (packed) {
        memcpy(packed->bytes, PyBytes_AS_STRING(texts), length);
        packed->client = packed->bytes;
        packed->scheme = packed->client + strlen(packed->client) + 1;
        packed->host = packed->scheme + strlen(packed->scheme) + 1;
        packed->client_port = (uint16_t)port;
    } else if (texts) {
        PyErr_NoMemory();
    }
    Py_XDECREF(texts);
    return packed;
}

static struct pyrs_origin *read_packed(struct pyrs_origin_reader *base,
                                       struct pyrs_exchange *exchange)
{
    const struct origin_reader *reader = (struct origin_reader *)base;
    struct facts facts = {exchange, NULL};
    struct pyrs_origin *packed = NULL;
    struct origin origin;

    if (origin_read(&origin, reader->state, reader->proxies, &facts)) {
        packed = pack(&origin);
        origin_fini(&origin);
    }
    if (!packed)
        failure_log(reader->state, "trusted_proxies", "could not be asked", exchange);
    return packed;
}

static void free_detached(struct pyrs_origin_reader *base)
{
    struct origin_reader *reader = (struct origin_reader *)base;
    /* A copy: the state that holds it may go with its last user. */
    const struct interpreter interpreter = reader->state->interpreter;
    PyObject *module = reader->module;
    void *attached;

    if (!attach_once(&interpreter, &attached))
        return;
    Py_DECREF(reader->proxies);
    PyMem_Free(reader);
    Py_DECREF(module);
    detach_once(&interpreter, attached);
}

struct pyrs_origin_reader *origin_reader_new(struct module_state *state,
                                             PyObject *proxies)
{
    struct origin_reader *reader = PyMem_Calloc(1, sizeof *reader);

    if (!reader) {
        PyErr_NoMemory();
        return NULL;
    }
    reader->reader = (struct pyrs_origin_reader){
        .interpreter = &state->interpreter,
        .read = read_packed,
        .free = free_detached,
    };
    reader->state = state;
    reader->module = Py_NewRef(state->module);
    reader->proxies = Py_NewRef(proxies);
    return &reader->reader;
}
