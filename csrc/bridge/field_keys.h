/* field_keys.h - the names that headers have in an environ: "HTTP_ACCEPT".
 *
 * Each is made once and found by the header's bytes afterwards, in a table of fixed
 * size; what comes when it is full is made anew each time, so that a client cannot fill
 * memory with names. The last value of a name stays with it, if it is short and no
 * secret: clients tend to say the same again.
 */
#ifndef PYRS_BRIDGE_FIELD_KEYS_H
#define PYRS_BRIDGE_FIELD_KEYS_H

#include <stdint.h>

#include "../pyrs.h"
#include "python.h"

enum { FIELD_KEY_SLOTS = 512, FIELD_KEYS_MAX = 256, FIELD_KEY_NAME_BYTES = 48 };

enum field_role {
    ROLE_PLAIN,
    ROLE_LIST_OF_COOKIES, /* several are joined by a semicolon */
    ROLE_TRANSFER_ENCODING,
    ROLE_HIDDEN, /* not handed on: a name with an underscore */
};

struct field_key {
    PyObject *key; /* interned; NULL: the slot is free */
    PyObject *value;
    uint8_t role; /* enum field_role */
    uint8_t length;
    char name[FIELD_KEY_NAME_BYTES]; /* upper-case, hyphens as underscores */
};

struct field_keys {
    uint32_t count;
    struct field_key slots[FIELD_KEY_SLOTS];
};

/* What a header becomes: new references; key is NULL if it is left out. */
struct environ_field {
    PyObject *key, *value;
    enum field_role role;
};

/* False with an exception set. */
bool field_keys_read(struct field_keys *keys, struct pyrs_slice name,
                     struct pyrs_slice value, struct environ_field *field);

/* With the names that clients send anyway, which nobody can crowd out. False with an
 * exception set. */
bool field_keys_init(struct field_keys *keys);
void field_keys_fini(struct field_keys *keys);

#endif
