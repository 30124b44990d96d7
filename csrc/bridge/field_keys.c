/* field_keys.c - see field_keys.h. */
#include "field_keys.h"

/* Longer ones are rarely the same again. */
enum { VALUE_KEPT_BYTES_MAX = 256 };

#define PREFIX "HTTP_"

/* ---- names ---- */

/* A letter in upper case, a hyphen as an underscore; 0 for an underscore itself, by
 * which somebody could pretend to be another header. */
static char key_char(char c)
{
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    if (c == '-')
        return '_';
    return c == '_' ? '\0' : c;
}

/* False: it has an underscore. */
static bool write_name(struct pyrs_slice name, char *out)
{
    for (size_t i = 0; i < name.length; i++)
        if (!(out[i] = key_char(name.bytes[i])))
            return false;
    return true;
}

static bool is_name(const struct field_key *key, struct pyrs_slice name)
{
    if (key->length != name.length)
        return false;
    for (size_t i = 0; i < name.length; i++)
        if (key_char(name.bytes[i]) != key->name[i])
            return false;
    return true;
}

/* Names differ in length, or early or late; case must not matter. */
static uint32_t slot_of(struct pyrs_slice name)
{
    uint32_t first = (uint8_t)(name.bytes[0] | 0x20);
    uint32_t middle = (uint8_t)(name.bytes[name.length / 2] | 0x20);
    uint32_t last = (uint8_t)(name.bytes[name.length - 1] | 0x20);
    uint32_t hash = (uint32_t)name.length;

    hash = hash * 31 + first;
    hash = hash * 31 + middle;
    hash = hash * 31 + last;
    return hash % FIELD_KEY_SLOTS;
}

static bool is_text(struct pyrs_slice name, const char *text)
{
    return strlen(text) == name.length && memcmp(name.bytes, text, name.length) == 0;
}

static enum field_role role_of(struct pyrs_slice key_name)
{
    if (is_text(key_name, "COOKIE"))
        return ROLE_LIST_OF_COOKIES;
    if (is_text(key_name, "TRANSFER_ENCODING"))
        return ROLE_TRANSFER_ENCODING;
    return ROLE_PLAIN;
}

static PyObject *make_key(struct pyrs_slice key_name)
{
    bool is_bare =
        is_text(key_name, "CONTENT_TYPE") || is_text(key_name, "CONTENT_LENGTH");
    size_t prefix = is_bare ? 0 : sizeof PREFIX - 1;
    PyObject *key = PyUnicode_New((Py_ssize_t)(prefix + key_name.length), 0x7f);

    if (!key)
        return NULL;
    memcpy(PyUnicode_1BYTE_DATA(key), PREFIX, prefix);
    memcpy(PyUnicode_1BYTE_DATA(key) + prefix, key_name.bytes, key_name.length);
    return key;
}

/* ---- the table ---- */

/* The slot that has the name, or the free one where it would stand. */
static struct field_key *find(struct field_keys *keys, struct pyrs_slice name)
{
    uint32_t slot = slot_of(name);

    while (keys->slots[slot].key && !is_name(&keys->slots[slot], name))
        slot = (slot + 1) % FIELD_KEY_SLOTS;
    return &keys->slots[slot];
}

/* False with an exception set. The slot stays free if the name is to be hidden. */
static bool remember(struct field_keys *keys, struct pyrs_slice name,
                     struct field_key *slot)
{
    struct pyrs_slice key_name = {slot->name, name.length};
    PyObject *key;

    if (!write_name(name, slot->name))
        return true;
    key = make_key(key_name);
    if (!key)
        return false;
    PyUnicode_InternInPlace(&key);
    slot->key = key;
    slot->value = NULL;
    slot->role = (uint8_t)role_of(key_name);
    slot->length = (uint8_t)name.length;
    keys->count++;
    return true;
}

bool field_keys_init(struct field_keys *keys)
{
    static const char *const common[] = {
        "Host",
        "Connection",
        "User-Agent",
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "Cookie",
        "Authorization",
        "Content-Type",
        "Content-Length",
        "Transfer-Encoding",
        "Expect",
        "Range",
        "If-None-Match",
        "If-Modified-Since",
        "Cache-Control",
        "Pragma",
        "Origin",
        "Referer",
        "Te",
        "Upgrade-Insecure-Requests",
        "Dnt",
        "Sec-Fetch-Dest",
        "Sec-Fetch-Mode",
        "Sec-Fetch-Site",
        "Sec-Fetch-User",
        "Sec-Ch-Ua",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Real-Ip",
        "X-Forwarded-Host",
        "X-Requested-With",
    };

    for (size_t i = 0; i < sizeof common / sizeof *common; i++) {
        struct pyrs_slice name = {common[i], strlen(common[i])};

        if (!remember(keys, name, find(keys, name)))
            return false;
    }
    return true;
}

void field_keys_fini(struct field_keys *keys)
{
    for (int i = 0; i < FIELD_KEY_SLOTS; i++) {
        Py_CLEAR(keys->slots[i].key);
        Py_CLEAR(keys->slots[i].value);
    }
    keys->count = 0;
}

/* ---- values ---- */

static bool is_secret(const struct field_key *slot)
{
    struct pyrs_slice name = {slot->name, slot->length};

    return slot->role == ROLE_LIST_OF_COOKIES || is_text(name, "AUTHORIZATION") ||
           is_text(name, "PROXY_AUTHORIZATION");
}

static PyObject *value_of(struct field_key *slot, struct pyrs_slice value)
{
    PyObject *made;

    if (str_is_latin1(slot->value, value))
        return Py_NewRef(slot->value);
    made = str_from_latin1(value);
    if (made && value.length <= VALUE_KEPT_BYTES_MAX && !is_secret(slot))
        Py_XSETREF(slot->value, Py_NewRef(made));
    return made;
}

/* ---- reading ---- */

/* Of a name that has no place in the table. */
static bool read_rare(struct pyrs_slice name, struct pyrs_slice value,
                      struct environ_field *field)
{
    char *key_name = PyMem_Malloc(name.length);

    field->key = field->value = NULL;
    field->role = ROLE_HIDDEN;
    if (!key_name) {
        PyErr_NoMemory();
        return false;
    }
    if (write_name(name, key_name)) {
        field->role = role_of((struct pyrs_slice){key_name, name.length});
        field->key = make_key((struct pyrs_slice){key_name, name.length});
        field->value = str_from_latin1(value);
    }
    PyMem_Free(key_name);
    if (field->role == ROLE_HIDDEN || (field->key && field->value))
        return true;
    Py_XDECREF(field->key);
    Py_XDECREF(field->value);
    return false;
}

bool field_keys_read(struct field_keys *keys, struct pyrs_slice name,
                     struct pyrs_slice value, struct environ_field *field)
{
    struct field_key *slot;

    if (name.length > FIELD_KEY_NAME_BYTES)
        return read_rare(name, value, field);
    slot = find(keys, name);
    if (!slot->key && keys->count < FIELD_KEYS_MAX && !remember(keys, name, slot))
        return false;
    if (!slot->key)
        return read_rare(name, value, field);
    field->role = slot->role;
    field->value = value_of(slot, value);
    field->key = field->value ? Py_NewRef(slot->key) : NULL;
    return field->value != NULL;
}
