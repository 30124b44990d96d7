/* origin.c - see origin.h. */
#include "origin.h"

/* ---- headers ---- */

static PyObject *header_pair(const struct facts *facts, uint32_t index)
{
    struct pyrs_slice name, value;

    facts_header_at(facts, index, &name, &value);
    return Py_BuildValue("(NN)", str_from_latin1(name), str_from_latin1(value));
}

/* A list of (name, value), in the order they came, for the policy function. */
static PyObject *header_list(const struct facts *facts)
{
    uint32_t count = facts_header_count(facts);
    PyObject *list = PyList_New(count);

    if (!list)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        PyObject *pair = header_pair(facts, i);

        if (!pair) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, pair);
    }
    return list;
}

PyObject *headers_read(struct module_state *state, const struct facts *facts)
{
    PyObject *list = header_list(facts);
    PyObject *headers;

    if (!list)
        return NULL;
    headers = PyObject_CallOneArg(state->policy.read_headers, list);
    Py_DECREF(list);
    return headers;
}

/* ---- addresses ---- */

PyObject *address_tuple(const struct address *address)
{
    return Py_BuildValue("(NI)", PyUnicode_DecodeFSDefault(address->host),
                         (unsigned int)address->port);
}

PyObject *client_tuple(const struct facts *facts)
{
    struct address address;

    facts_client(facts, &address);
    return address_tuple(&address);
}

/* ---- origins ---- */

PyObject *origin_make(struct module_state *state, PyObject *proxies,
                      const struct facts *facts, PyObject *headers)
{
    PyObject *client = client_tuple(facts);
    PyObject *host = str_from_latin1(facts_header(facts, PYRS_TEXT("host")));
    PyObject *origin = NULL;

    if (client && host)
        origin = PyObject_CallFunctionObjArgs(state->policy.read_origin, proxies,
                                              client, host, headers, NULL);
    Py_XDECREF(client);
    Py_XDECREF(host);
    return origin;
}

bool origin_read(struct origin *origin, struct module_state *state, PyObject *proxies,
                 const struct facts *facts)
{
    PyObject *headers = headers_read(state, facts);

    origin->object = headers ? origin_make(state, proxies, facts, headers) : NULL;
    Py_XDECREF(headers);
    if (!origin->object)
        return false;
    if (PyArg_ParseTuple(origin->object, "(UO)UU:Origin", &origin->host_of_client,
                         &origin->port_of_client, &origin->scheme, &origin->host))
        return true;
    origin_fini(origin);
    return false;
}

void origin_fini(struct origin *origin)
{
    Py_CLEAR(origin->object);
}
