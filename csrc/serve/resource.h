/* resource.h - the routes of one path, told apart by method. */
#ifndef PYRS_SERVE_RESOURCE_H
#define PYRS_SERVE_RESOURCE_H

#include "method_set.h"
#include "router.h"

/* A route with what adding needs and lookups do not. */
struct resource_route {
    struct route route;
    struct resource_route *next;
    bool every; /* added without methods */
    struct method_set methods;
};

/* All zero is one without routes. */
struct resource {
    struct resource_route *routes;
    struct method_set methods; /* of all of them */
    /* What answers each method, HEAD by GET and the rest by every method included; at
     * METHOD_OTHER the route for every method. */
    const struct route *by_method[METHOD_COUNT];
    slice allow;
};

/* The routes themselves are not the resource's. */
void resource_fini(struct resource *resource);

/* False if another route answers one of the methods already, or memory is out; the
 * resource answers as before then. A named method stands above every method, so those
 * two do not conflict. */
bool resource_add(struct resource *resource, struct resource_route *route,
                  struct pyrs_error *error);

/* NULL if no route answers the method. `name` matters for METHOD_OTHER only. */
const struct route *resource_find(const struct resource *resource, enum method method,
                                  slice name);

#endif
