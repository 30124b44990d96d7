/* facts.h - what a request says, read from its exchange or from a copy.
 *
 * While the handler runs, a request reads straight from the exchange. If somebody keeps
 * it, facts_keep copies everything but the body into one block before the exchange is
 * answered; the body lives on as the request's bytes object.
 */
#ifndef PYRS_BRIDGE_FACTS_H
#define PYRS_BRIDGE_FACTS_H

#include "../pyrs.h"
#include "python.h"

enum fact {
    FACT_METHOD,
    FACT_RAW_PATH,
    FACT_PATH,
    FACT_QUERY,
    FACT_COUNT,
};

struct address {
    char host[PYRS_ADDRESS_BYTES];
    uint16_t port;
};

struct kept_facts;

/* One of the two is NULL; both are once a request is over that nobody kept. */
struct facts {
    struct pyrs_exchange *exchange;
    struct kept_facts *kept;
};

static inline bool facts_exist(const struct facts *facts)
{
    return facts->exchange || facts->kept;
}

struct pyrs_slice facts_slice(const struct facts *facts, enum fact fact);
uint32_t facts_version_minor(const struct facts *facts);
uint32_t facts_header_count(const struct facts *facts);
void facts_header_at(const struct facts *facts, uint32_t index, struct pyrs_slice *name,
                     struct pyrs_slice *value);
/* The first of that name, given in lower case; NULL bytes if there is none. */
struct pyrs_slice facts_header(const struct facts *facts, struct pyrs_slice name);
uint32_t facts_param_count(const struct facts *facts);
enum pyrs_param_kind facts_param_at(const struct facts *facts, uint32_t index,
                                    struct pyrs_slice *name, struct pyrs_slice *value);
void facts_client(const struct facts *facts, struct address *address);
void facts_server(const struct facts *facts, struct address *address);

/* Copies, and lets go of the exchange. False, without an exception set, if memory is
 * out: the facts are gone then. */
bool facts_keep(struct facts *facts);

/* Lets go of either. */
void facts_drop(struct facts *facts);

/* True if `name` is `lower_name` in any case (ASCII). */
bool name_equals(struct pyrs_slice name, struct pyrs_slice lower_name);

#endif
