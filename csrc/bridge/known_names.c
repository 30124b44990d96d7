/* known_names.c - see known_names.h. */
#include "known_names.h"

/* Longer ones are not worth the memory. */
enum { NAME_BYTES_MAX = 64 };

/* Objects stand 16 bytes apart or more. */
static size_t slot_of(const PyObject *name)
{
    uintptr_t address = (uintptr_t)name >> 4;

    return (address ^ address >> 8) % KNOWN_NAME_SLOTS;
}

enum pyrs_field known_names_field(struct known_names *names, PyObject *name,
                                  struct pyrs_slice text)
{
    struct known_name *known = &names->slots[slot_of(name)];

    if (known->name == name)
        return known->field;
    /* A subclass may hold anything, and its end may run anything. */
    if (text.length > NAME_BYTES_MAX || !PyUnicode_CheckExact(name))
        return pyrs_field_of(text);
    known->field = pyrs_field_of(text);
    Py_XSETREF(known->name, Py_NewRef(name));
    return known->field;
}

void known_names_fini(struct known_names *names)
{
    for (int i = 0; i < KNOWN_NAME_SLOTS; i++)
        Py_CLEAR(names->slots[i].name);
}
