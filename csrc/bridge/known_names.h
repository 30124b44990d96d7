/* known_names.h - names of response headers that have been given before, by the
 * identity of the str: nearly always a constant of the application's code, so that it
 * is looked at once and not for each answer.
 */
#ifndef PYRS_BRIDGE_KNOWN_NAMES_H
#define PYRS_BRIDGE_KNOWN_NAMES_H

#include "python.h"

#include "../pyrs.h"

/* A power of two. A name takes the place of another one with the same slot. */
enum { KNOWN_NAME_SLOTS = 64 };

struct known_name {
    PyObject *name; /* new, so that no other str can be where it was; or NULL */
    enum pyrs_field field;
};

/* In the module's state. */
struct known_names {
    struct known_name slots[KNOWN_NAME_SLOTS];
};

/* As pyrs_field_of(text), which is the text of the str. */
enum pyrs_field known_names_field(struct known_names *names, PyObject *name,
                                  struct pyrs_slice text);

void known_names_fini(struct known_names *names);

#endif
