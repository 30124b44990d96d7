/* environ_names.h - the keys of a WSGI environ, made once for all requests. */
#ifndef PYRS_BRIDGE_ENVIRON_NAMES_H
#define PYRS_BRIDGE_ENVIRON_NAMES_H

#include "field_keys.h"

/* What a request sets. */
enum environ_key {
    KEY_REQUEST_METHOD,
    KEY_SCRIPT_NAME,
    KEY_PATH_INFO,
    KEY_QUERY_STRING,
    KEY_RAW_URI,
    KEY_REQUEST_URI,
    KEY_SERVER_NAME,
    KEY_SERVER_PORT,
    KEY_SERVER_PROTOCOL,
    KEY_REMOTE_ADDR,
    KEY_REMOTE_PORT,
    KEY_CONTENT_LENGTH,
    KEY_HTTP_HOST,
    KEY_URL_SCHEME,
    KEY_INPUT,
    ENVIRON_KEY_COUNT,
};

/* In the module's state. */
struct environ_names {
    PyObject *keys[ENVIRON_KEY_COUNT]; /* interned */
    struct field_keys fields;
};

/* False with an exception set. */
bool environ_names_init(struct environ_names *names);
void environ_names_fini(struct environ_names *names);

#endif
