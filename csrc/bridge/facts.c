/* facts.c - see facts.h. */
#include "facts.h"

struct pair {
    struct pyrs_slice name, value;
    enum pyrs_param_kind kind; /* of a path parameter */
};

/* Followed by the bytes that its slices point to. */
struct kept_facts {
    struct pyrs_slice slices[FACT_COUNT];
    struct address client, server;
    uint32_t version_minor, header_count, param_count;
    struct pair pairs[]; /* headers, then parameters */
};

/* ---- reading ---- */

static struct pyrs_slice exchange_slice(const struct pyrs_exchange *exchange,
                                        enum fact fact)
{
    switch (fact) {
    case FACT_METHOD:
        return pyrs_exchange_method(exchange);
    case FACT_RAW_PATH:
        return pyrs_exchange_raw_path(exchange);
    case FACT_PATH:
        return pyrs_exchange_path(exchange);
    case FACT_QUERY:
        return pyrs_exchange_query(exchange);
    case FACT_COUNT:
        break;
    }
    Py_UNREACHABLE();
}

struct pyrs_slice facts_slice(const struct facts *facts, enum fact fact)
{
    return facts->kept ? facts->kept->slices[fact]
                       : exchange_slice(facts->exchange, fact);
}

uint32_t facts_version_minor(const struct facts *facts)
{
    return facts->kept ? facts->kept->version_minor
                       : pyrs_exchange_version_minor(facts->exchange);
}

uint32_t facts_header_count(const struct facts *facts)
{
    return facts->kept ? facts->kept->header_count
                       : pyrs_exchange_header_count(facts->exchange);
}

void facts_header_at(const struct facts *facts, uint32_t index, struct pyrs_slice *name,
                     struct pyrs_slice *value)
{
    if (!facts->kept) {
        pyrs_exchange_header_at(facts->exchange, index, name, value);
        return;
    }
    *name = facts->kept->pairs[index].name;
    *value = facts->kept->pairs[index].value;
}

struct pyrs_slice facts_header(const struct facts *facts, struct pyrs_slice name)
{
    if (!facts->kept)
        return pyrs_exchange_header(facts->exchange, name);
    for (uint32_t i = 0; i < facts->kept->header_count; i++)
        if (name_equals(facts->kept->pairs[i].name, name))
            return facts->kept->pairs[i].value;
    return (struct pyrs_slice){NULL, 0};
}

uint32_t facts_param_count(const struct facts *facts)
{
    return facts->kept ? facts->kept->param_count
                       : pyrs_exchange_param_count(facts->exchange);
}

enum pyrs_param_kind facts_param_at(const struct facts *facts, uint32_t index,
                                    struct pyrs_slice *name, struct pyrs_slice *value)
{
    const struct pair *pair;

    if (!facts->kept)
        return pyrs_exchange_param_at(facts->exchange, index, name, value);
    pair = &facts->kept->pairs[facts->kept->header_count + index];
    *name = pair->name;
    *value = pair->value;
    return pair->kind;
}

void facts_client(const struct facts *facts, struct address *address)
{
    if (facts->kept)
        *address = facts->kept->client;
    else
        address->port = pyrs_exchange_client(facts->exchange, address->host);
}

void facts_server(const struct facts *facts, struct address *address)
{
    if (facts->kept)
        *address = facts->kept->server;
    else
        address->port = pyrs_exchange_server(facts->exchange, address->host);
}

static bool bytes_equal_lower(const char *bytes, const char *lower, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char byte = bytes[i];

        if (byte >= 'A' && byte <= 'Z')
            byte = (char)(byte | 0x20);
        if (byte != lower[i])
            return false;
    }
    return true;
}

bool name_equals(struct pyrs_slice name, struct pyrs_slice lower_name)
{
    return name.length == lower_name.length &&
           bytes_equal_lower(name.bytes, lower_name.bytes, name.length);
}

/* ---- keeping ---- */

/* Moves a slice to *out, which goes on behind it. */
static void move_slice(struct pyrs_slice *slice, char **out)
{
    if (slice->length > 0)
        memcpy(*out, slice->bytes, slice->length);
    slice->bytes = *out;
    *out += slice->length;
}

/* Fills `kept`, which has room for all pairs, with slices of the exchange; gives the
 * bytes they have together. */
static size_t gather(const struct pyrs_exchange *exchange, struct kept_facts *kept)
{
    uint32_t pair_count = kept->header_count + kept->param_count;
    size_t bytes = 0;

    for (int i = 0; i < FACT_COUNT; i++) {
        kept->slices[i] = exchange_slice(exchange, (enum fact)i);
        bytes += kept->slices[i].length;
    }
    for (uint32_t i = 0; i < pair_count; i++) {
        struct pair *pair = &kept->pairs[i];

        if (i < kept->header_count)
            pyrs_exchange_header_at(exchange, i, &pair->name, &pair->value);
        else
            pair->kind = pyrs_exchange_param_at(exchange, i - kept->header_count,
                                                &pair->name, &pair->value);
        bytes += pair->name.length + pair->value.length;
    }
    return bytes;
}

static struct kept_facts *copy_facts(const struct pyrs_exchange *exchange)
{
    uint32_t header_count = pyrs_exchange_header_count(exchange);
    uint32_t param_count = pyrs_exchange_param_count(exchange);
    size_t pair_count = (size_t)header_count + param_count;
    size_t head = sizeof(struct kept_facts) + pair_count * sizeof(struct pair);
    struct kept_facts *kept, *grown;
    char *out;

    kept = PyMem_Calloc(1, head);
    if (!kept)
        return NULL;
    kept->header_count = header_count;
    kept->param_count = param_count;
    grown = PyMem_Realloc(kept, head + gather(exchange, kept));
    if (!grown) {
        PyMem_Free(kept);
        return NULL;
    }
    kept = grown;
    out = (char *)kept + head;
    for (int i = 0; i < FACT_COUNT; i++)
        move_slice(&kept->slices[i], &out);
    for (size_t i = 0; i < pair_count; i++) {
        move_slice(&kept->pairs[i].name, &out);
        move_slice(&kept->pairs[i].value, &out);
    }
    kept->version_minor = pyrs_exchange_version_minor(exchange);
    kept->client.port = pyrs_exchange_client(exchange, kept->client.host);
    kept->server.port = pyrs_exchange_server(exchange, kept->server.host);
    return kept;
}

bool facts_keep(struct facts *facts)
{
    facts->kept = copy_facts(facts->exchange);
    facts->exchange = NULL;
    return facts->kept != NULL;
}

void facts_drop(struct facts *facts)
{
    PyMem_Free(facts->kept);
    facts->kept = NULL;
    facts->exchange = NULL;
}
