/* method_set.h - a set of request methods: what a route answers, what Allow says. */
#ifndef PYRS_SERVE_METHOD_SET_H
#define PYRS_SERVE_METHOD_SET_H

#include "../http/request_head.h"
#include "../pyrs.h"

/* All zero is the empty set. */
struct method_set {
    uint32_t known; /* a bit for each enum method but METHOD_OTHER */
    uint32_t other_count;
    slice *others; /* extension methods; the bytes are borrowed */
};

/* Reads "GET,POST" into the empty set, blanks around the commas allowed. The set
 * borrows from `list`. False: *set stays empty, and the error says what is wrong with
 * which method. */
bool method_set_parse(const char *list, struct method_set *set,
                      struct pyrs_error *error);

void method_set_fini(struct method_set *set);

/* What a route without a list of methods answers: all, but OPTIONS, which is the
 * server's, only if it wants to. */
struct method_set method_set_every(bool own_options);

static inline bool method_set_has(const struct method_set *set, enum method method)
{
    return (set->known & UINT32_C(1) << method) != 0;
}

/* For METHOD_OTHER, by name. */
bool method_set_has_other(const struct method_set *set, slice name);

/* False if memory is out; *set may hold a part of `more` then. */
bool method_set_merge(struct method_set *set, const struct method_set *more);

/* One method that is in both; empty if there is none. */
slice method_set_common(const struct method_set *a, const struct method_set *b);

/* The value of an Allow header, "GET, HEAD, OPTIONS": HEAD comes with GET, and OPTIONS
 * always. NULL bytes if memory is out; else to be freed. */
slice method_set_allow(const struct method_set *set);

#endif
