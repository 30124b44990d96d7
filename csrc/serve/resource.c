#include "resource.h"

#include "error.h"

#include <errno.h>
#include <stdlib.h>

void resource_fini(struct resource *resource)
{
    method_set_fini(&resource->methods);
    free((char *)resource->allow.bytes);
}

static bool check_conflict(const struct resource *resource,
                           const struct resource_route *added, struct pyrs_error *error)
{
    const struct resource_route *each;

    for (each = resource->routes; each != NULL; each = each->next) {
        slice method = method_set_common(&each->methods, &added->methods);

        if (each->every != added->every || method.bytes == NULL)
            continue;
        if (added->every)
            method = SLICE("every method");
        return error_set(error, 0, "\"%s\" is the same path, and both answer %.*s",
                         each->route.pattern.bytes, (int)method.length, method.bytes);
    }
    return true;
}

/* Derives by_method from the routes. */
static void settle(struct resource *resource)
{
    const struct route **by_method = resource->by_method;
    const struct resource_route *each, *every = NULL;

    memset(by_method, 0, sizeof(resource->by_method));
    for (each = resource->routes; each != NULL; each = each->next) {
        if (each->every) {
            every = each;
            by_method[METHOD_OTHER] = &each->route;
        }
        for (enum method method = 0; method < METHOD_OTHER; method++) {
            if (!each->every && method_set_has(&each->methods, method))
                by_method[method] = &each->route;
        }
    }
    if (by_method[METHOD_HEAD] == NULL)
        by_method[METHOD_HEAD] = by_method[METHOD_GET];
    for (enum method method = 0; method < METHOD_OTHER; method++) {
        if (by_method[method] == NULL && every &&
            method_set_has(&every->methods, method))
            by_method[method] = &every->route;
    }
}

bool resource_add(struct resource *resource, struct resource_route *route,
                  struct pyrs_error *error)
{
    slice allow;

    if (!check_conflict(resource, route, error))
        return false;
    if (!method_set_merge(&resource->methods, &route->methods))
        return error_set(error, ENOMEM, "out of memory");
    allow = method_set_allow(&resource->methods);
    if (allow.bytes == NULL)
        return error_set(error, ENOMEM, "out of memory");
    free((char *)resource->allow.bytes);
    resource->allow = allow;
    route->next = resource->routes;
    resource->routes = route;
    settle(resource);
    return true;
}

/* Extension methods are rare, so a list will do. */
const struct route *resource_find(const struct resource *resource, enum method method,
                                  slice name)
{
    const struct resource_route *each;

    if (method != METHOD_OTHER)
        return resource->by_method[method];
    for (each = resource->routes; each != NULL; each = each->next) {
        if (method_set_has_other(&each->methods, name))
            return &each->route;
    }
    return resource->by_method[METHOD_OTHER];
}
