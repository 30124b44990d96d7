/* Patterns without a parameter or star are most specific in every segment, so they need
 * no walk: one hash of the whole path finds them. All others stand in a trie, where a
 * pattern is a path of nodes, one per segment; a lookup goes down it, the most specific
 * child first, and back up where it finds no end. A node stands at one depth, so at one
 * segment of the request: no lookup visits it twice.
 *
 * Either way the result is a resource: the routes of one path, told apart by method.
 */
#include "router.h"

#include "error.h"
#include "resource.h"
#include "route_pattern.h"
#include "slice_map.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* A route, and the text that all its slices point into. */
struct stored_route {
    struct stored_route *next;
    struct resource_route route;
    slice normal; /* the pattern, normalised */
    char text[];
};

struct stored_resource {
    struct stored_resource *next;
    struct resource resource;
};

struct node {
    struct node *next;
    struct slice_map literals; /* of struct node */
    struct node *typed;
    struct node *param;
    struct node *any;
    struct resource *end;  /* of patterns that end here */
    struct resource *rest; /* of patterns that take the rest from here */
};

struct router {
    struct slice_map literals; /* of struct resource, by the whole path */
    struct node *root;
    struct method_set methods; /* of all routes */
    slice allow;
    struct node *nodes; /* all there are, for freeing */
    struct stored_resource *resources;
    struct stored_route *routes;
};

/* ---- lifetimes ---- */

static void stored_route_free(struct stored_route *stored)
{
    method_set_fini(&stored->route.methods);
    free(stored);
}

static struct node *node_new(struct router *router)
{
    struct node *node = calloc(1, sizeof(*node));

    if (node == NULL)
        return NULL;
    node->next = router->nodes;
    router->nodes = node;
    return node;
}

static struct resource *resource_new(struct router *router)
{
    struct stored_resource *stored = calloc(1, sizeof(*stored));

    if (stored == NULL)
        return NULL;
    stored->next = router->resources;
    router->resources = stored;
    return &stored->resource;
}

struct router *router_new(void)
{
    struct router *router = calloc(1, sizeof(*router));

    if (router == NULL)
        return NULL;
    router->root = node_new(router);
    router->allow = method_set_allow(&router->methods);
    if (router->root == NULL || router->allow.bytes == NULL) {
        router_free(router);
        return NULL;
    }
    return router;
}

void router_free(struct router *router)
{
    if (router == NULL)
        return;
    for (struct node *node = router->nodes, *next; node != NULL; node = next) {
        next = node->next;
        slice_map_fini(&node->literals);
        free(node);
    }
    for (struct stored_resource *each = router->resources, *next; each != NULL;
         each = next) {
        next = each->next;
        resource_fini(&each->resource);
        free(each);
    }
    for (struct stored_route *each = router->routes, *next; each != NULL; each = next) {
        next = each->next;
        stored_route_free(each);
    }
    slice_map_fini(&router->literals);
    method_set_fini(&router->methods);
    free((char *)router->allow.bytes);
    free(router);
}

/* ---- adding ---- */

static bool out_of_memory(struct pyrs_error *error)
{
    return error_set(error, ENOMEM, "out of memory");
}

static void set_params(struct route *route, const struct route_pattern *parsed)
{
    for (uint32_t at = 0; at < parsed->segment_count; at++) {
        struct segment segment = parsed->segments[at];

        if (segment.kind == SEGMENT_LITERAL || segment.text.length == 0)
            continue;
        route->params[route->param_count++] = (struct route_param){
            segment.text, segment.kind == SEGMENT_INT    ? PYRS_PARAM_INT
                          : segment.kind == SEGMENT_REST ? PYRS_PARAM_PATH
                                                         : PYRS_PARAM_STR};
    }
}

/* NULL if anything is malformed. `parsed` points into the stored route. */
static struct stored_route *stored_route_new(const char *pattern, const char *methods,
                                             const struct route_answer *answer,
                                             struct route_pattern *parsed,
                                             struct pyrs_error *error)
{
    size_t pattern_size = strlen(pattern) + 1;
    size_t methods_size = methods == NULL ? 0 : strlen(methods) + 1;
    struct stored_route *stored =
        calloc(1, sizeof(*stored) + 2 * pattern_size + methods_size);
    struct resource_route *route;
    char *normal, *list;

    if (stored == NULL) {
        out_of_memory(error);
        return NULL;
    }
    memcpy(stored->text, pattern, pattern_size);
    normal = stored->text + pattern_size;
    route_pattern_normalise(pattern, normal);
    stored->normal = slice_of_text(normal);
    list = normal + pattern_size;
    if (methods != NULL)
        memcpy(list, methods, methods_size);

    route = &stored->route;
    route->every = methods == NULL;
    if (route->every)
        route->methods = method_set_every(answer->options.own_options);
    else if (!method_set_parse(list, &route->methods, error))
        goto fail;
    if (!route_pattern_parse(normal, parsed, error))
        goto fail;
    route->route.endpoint = answer->endpoint;
    route->route.options = answer->options;
    route->route.takes_rest =
        parsed->segment_count > 0 &&
        parsed->segments[parsed->segment_count - 1].kind == SEGMENT_REST;
    route->route.pattern = slice_of(stored->text, pattern_size - 1);
    set_params(&route->route, parsed);
    return stored;
fail:
    stored_route_free(stored);
    return NULL;
}

static struct node *literal_child(struct router *router, struct node *node, slice text)
{
    struct node *child = slice_map_find(&node->literals, text);

    if (child != NULL)
        return child;
    child = node_new(router);
    if (child == NULL || !slice_map_add(&node->literals, text, child))
        return NULL;
    return child;
}

static struct node *child_for(struct router *router, struct node *node,
                              struct segment segment)
{
    struct node **child = segment.kind == SEGMENT_INT     ? &node->typed
                          : segment.kind == SEGMENT_PARAM ? &node->param
                                                          : &node->any;

    if (segment.kind == SEGMENT_LITERAL)
        return literal_child(router, node, segment.text);
    if (*child == NULL)
        *child = node_new(router);
    return *child;
}

static struct resource *literal_resource(struct router *router, slice normal)
{
    struct resource *resource = slice_map_find(&router->literals, normal);

    if (resource != NULL)
        return resource;
    resource = resource_new(router);
    if (resource == NULL || !slice_map_add(&router->literals, normal, resource))
        return NULL;
    return resource;
}

/* The resource of the pattern's path, new if need be; NULL if memory is out. The maps
 * borrow their keys from the stored route's text, so it has to stay from here on. */
static struct resource *resource_for(struct router *router, slice normal,
                                     const struct route_pattern *parsed)
{
    struct node *node = router->root;
    struct resource **place;

    if (parsed->is_literal)
        return literal_resource(router, normal);
    place = &node->end;
    for (uint32_t at = 0; at < parsed->segment_count; at++) {
        struct segment segment = parsed->segments[at];

        if (segment.kind == SEGMENT_REST) {
            place = &node->rest;
            break;
        }
        node = child_for(router, node, segment);
        if (node == NULL)
            return NULL;
        place = &node->end;
    }
    if (*place == NULL)
        *place = resource_new(router);
    return *place;
}

static bool renew_allow(struct router *router, const struct method_set *more)
{
    slice allow;

    if (!method_set_merge(&router->methods, more))
        return false;
    allow = method_set_allow(&router->methods);
    if (allow.bytes == NULL)
        return false;
    free((char *)router->allow.bytes);
    router->allow = allow;
    return true;
}

/* Errors do not name the pattern yet. */
static bool add(struct router *router, const char *pattern, const char *methods,
                const struct route_answer *answer, struct pyrs_error *error)
{
    struct route_pattern parsed;
    struct stored_route *stored =
        stored_route_new(pattern, methods, answer, &parsed, error);
    struct resource *resource;

    if (stored == NULL)
        return false;
    stored->route.route.number =
        router->routes ? router->routes->route.route.number + 1 : 1;
    stored->next = router->routes;
    router->routes = stored;
    resource = resource_for(router, stored->normal, &parsed);
    if (resource == NULL)
        return out_of_memory(error);
    if (!resource_add(resource, &stored->route, error))
        return false;
    return renew_allow(router, &stored->route.methods) || out_of_memory(error);
}

bool router_add(struct router *router, const char *pattern, const char *methods,
                const struct route_answer *answer, struct pyrs_error *error)
{
    struct pyrs_error inner = {0};

    if (add(router, pattern, methods, answer, &inner))
        return true;
    return error_set(error, inner.code, "route \"%s\": %s", pattern, inner.message);
}

/* ---- finding ---- */

struct walk {
    slice path;     /* without a trailing slash */
    uint32_t depth; /* parameters taken so far */
    span *params;
    size_t rest_at; /* where a rest begins, its slash included */
};

/* An optional minus and digits that fit an int64 whatever they are. */
static bool is_int(slice text)
{
    size_t sign = text.length > 0 && text.bytes[0] == '-';

    if (text.length == sign || text.length - sign > 18)
        return false;
    for (size_t at = sign; at < text.length; at++) {
        if (text.bytes[at] < '0' || text.bytes[at] > '9')
            return false;
    }
    return true;
}

static const struct resource *walk_down(struct walk *walk, const struct node *node,
                                        size_t at);

static const struct resource *take_rest(struct walk *walk, const struct node *node,
                                        size_t at)
{
    walk->rest_at = at;
    return node->rest;
}

static const struct resource *walk_param(struct walk *walk, const struct node *node,
                                         slice segment)
{
    size_t offset = (size_t)(segment.bytes - walk->path.bytes);
    const struct resource *found;

    assert(walk->depth < ROUTE_PARAMS_MAX);
    walk->params[walk->depth++] = (span){(uint32_t)offset, (uint32_t)segment.length};
    found = walk_down(walk, node, offset + segment.length);
    if (found == NULL)
        walk->depth--;
    return found;
}

/* `at` is the slash of the next segment, or the path's end. Goes as deep as the longest
 * pattern, ROUTE_SEGMENTS_MAX. */
static const struct resource *walk_down(struct walk *walk, const struct node *node,
                                        size_t at)
{
    const struct resource *found = NULL;
    const struct node *child;
    const char *slash;
    slice segment;
    size_t next;

    LOOKUP_STEP();
    if (at == walk->path.length)
        return node->end != NULL ? node->end : take_rest(walk, node, at);
    segment = slice_of(walk->path.bytes + at + 1, walk->path.length - at - 1);
    slash = memchr(segment.bytes, '/', segment.length);
    if (slash != NULL)
        segment.length = (size_t)(slash - segment.bytes);
    next = at + 1 + segment.length;

    child = slice_map_find(&node->literals, segment);
    if (child != NULL)
        found = walk_down(walk, child, next);
    if (found == NULL && node->typed != NULL && is_int(segment))
        found = walk_param(walk, node->typed, segment);
    if (found == NULL && node->param != NULL)
        found = walk_param(walk, node->param, segment);
    if (found == NULL && node->any != NULL)
        found = walk_down(walk, node->any, next);
    return found != NULL ? found : take_rest(walk, node, at);
}

enum route_result router_find(const struct router *router, enum method method,
                              slice name, slice path, struct route_match *match)
{
    bool trailing = path.length > 1 && path.bytes[path.length - 1] == '/';
    struct walk walk = {.path = slice_of(path.bytes, path.length - trailing),
                        .params = match->params,
                        .rest_at = path.length};
    const struct resource *resource = slice_map_find(&router->literals, walk.path);
    const struct route *route;
    size_t rest;

    assert(path.length > 0 && path.bytes[0] == '/');
    match->route = NULL;
    match->allow = slice_of(NULL, 0);
    match->param_count = 0;
    if (resource == NULL) /* the root's one slash is no segment */
        resource = walk_down(&walk, router->root, walk.path.length == 1);
    if (resource == NULL)
        return ROUTE_NO_PATH;
    match->allow = resource->allow;
    route = resource_find(resource, method, name);
    if (route == NULL)
        return ROUTE_NO_METHOD;

    match->route = route;
    match->param_count = route->param_count;
    rest = walk.rest_at < path.length ? walk.rest_at + 1 : path.length;
    match->rest = (span){(uint32_t)rest, (uint32_t)(path.length - rest)};
    if (route->param_count > walk.depth) /* {name:path} */
        match->params[walk.depth] = match->rest;
    return ROUTE_FOUND;
}

slice router_allow_all(const struct router *router)
{
    return router->allow;
}
