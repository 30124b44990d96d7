/* router.h - which endpoint answers a path and a method.
 *
 * A pattern is a list of segments, each a literal ("users"), a typed parameter
 * ("{id:int}": an optional minus and 1 to 18 digits), a parameter ("{name}"), or "*",
 * any one segment. A last "*" or "{name:path}" takes the rest, nothing included:
 * "/app/" followed by "*" matches "/app", "/app/" and all below. Patterns are written
 * decoded, in UTF-8; matching is case-sensitive; trailing slashes do not matter.
 *
 * The path decides first: segment by segment the most specific kind wins, in the order
 * above, with backtracking, whatever order the routes were added in. Then the method,
 * among the routes of that one path, which never sends a request on to a less specific
 * one:
 *
 *   - a route that names the method;
 *   - HEAD goes to the route that names GET;
 *   - a route for every method takes what is left, OPTIONS excepted: that answer is
 *     the server's, from `allow`, unless a route names OPTIONS.
 *
 * Adding allocates; finding does not, costs at most one visit of every node, and may
 * be done by any number of threads at once while nobody adds.
 */
#ifndef PYRS_SERVE_ROUTER_H
#define PYRS_SERVE_ROUTER_H

#include "../http/request_head.h"
#include "../http/slice.h"
#include "../pyrs.h"

struct router;

/* Parameters of one pattern: more than people write, few enough for the stack. */
enum { ROUTE_PARAMS_MAX = 16 };
/* Segments of one pattern: bounds how deep a lookup goes. */
enum { ROUTE_SEGMENTS_MAX = 64 };

struct route_param {
    slice name;
    enum pyrs_param_kind kind;
};

struct route {
    struct pyrs_endpoint *endpoint;
    slice pattern; /* as it was added */
    struct pyrs_route_options options;
    uint32_t number; /* of those added, from 1 */
    bool takes_rest; /* holds many paths */
    uint32_t param_count;
    struct route_param params[ROUTE_PARAMS_MAX];
};

/* What a route leads to. */
struct route_answer {
    struct pyrs_endpoint *endpoint;
    struct pyrs_route_options options;
};

enum route_result {
    ROUTE_FOUND,
    ROUTE_NO_PATH,   /* 404 */
    ROUTE_NO_METHOD, /* 405 with `allow`; for OPTIONS 204 with it */
};

/* Routes and slices are the router's, and hold until the next router_add. */
struct route_match {
    const struct route *route; /* NULL unless ROUTE_FOUND */
    slice allow;               /* "GET, HEAD, OPTIONS": empty with ROUTE_NO_PATH */
    uint32_t param_count;
    /* Within the path, in the order of route->params. That of {name:path} may be empty
     * and keeps a trailing slash: "/app/x/" gives "x/". */
    span params[ROUTE_PARAMS_MAX];
    /* What a last "*" or {name:path} took, without its leading slash; else empty, at
     * the path's end. Before it stands the path of the route itself. */
    span rest;
};

/* NULL if memory is out. */
struct router *router_new(void);

/* The endpoints are not the router's. */
void router_free(struct router *router);

/* `methods` is a list of tokens, upper-case as they come in requests, extension methods
 * too ("GET,PROPFIND"); NULL means every method. False, and nothing changed, if either
 * is malformed, or another route has the same path, whatever its parameters are called,
 * and one of the methods. Once memory was out (ENOMEM) the router is good for
 * router_free only. */
bool router_add(struct router *router, const char *pattern, const char *methods,
                const struct route_answer *answer, struct pyrs_error *error);

/* `path` as target_resolve_path gives it. `name` matters for METHOD_OTHER only. */
enum route_result router_find(const struct router *router, enum method method,
                              slice name, slice path, struct route_match *match);

/* For OPTIONS *: every method that some route answers. */
slice router_allow_all(const struct router *router);

#endif
