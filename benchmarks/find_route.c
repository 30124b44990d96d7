/* find_route.c - what one lookup of the router costs, in nanoseconds.
 *
 *     cc -O3 -DNDEBUG -D_GNU_SOURCE -Icsrc -o find_route benchmarks/find_route.c \
 *         csrc/http/*.c csrc/serve/{error,method_set,resource,route_pattern}.c \
 *         csrc/serve/{router,slice_map}.c
 *
 * Every row is the best of several passes over the same requests, in an order that no
 * branch predictor learns, so that the neighbours of a shared machine fall out.
 */
#include "serve/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { REQUESTS = 4096, PASSES = 400, REQUEST_BYTES_MAX = 96 };

struct request {
    char bytes[REQUEST_BYTES_MAX];
    slice path;
};

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Both formats take the number of a route. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void measure(const char *pattern, const char *path, uint32_t route_count)
{
    static struct request requests[REQUESTS];
    struct router *router = router_new();
    struct pyrs_error error;
    struct route_match match;
    uint32_t random = 1;
    double best = 1e12;
    unsigned found = 0;

    for (uint32_t at = 0; router != NULL && at < route_count; at++) {
        char text[REQUEST_BYTES_MAX];

        snprintf(text, sizeof(text), pattern, at);
        if (!router_add(router, text, "GET", &(struct route_answer){0}, &error)) {
            fprintf(stderr, "%s\n", error.message);
            exit(1);
        }
    }
    for (uint32_t at = 0; at < REQUESTS; at++) {
        struct request *request = &requests[at];
        int length = snprintf(request->bytes, sizeof(request->bytes), path,
                              next_random(&random) % route_count);

        request->path = slice_of(request->bytes, (size_t)length);
    }
    for (int pass = 0; router != NULL && pass < PASSES; pass++) {
        double start = now_ns(), each;

        for (uint32_t at = 0; at < REQUESTS; at++)
            found += router_find(router, METHOD_GET, SLICE("GET"), requests[at].path,
                                 &match) == ROUTE_FOUND;
        each = (now_ns() - start) / REQUESTS;
        best = each < best ? each : best;
    }
    printf("%-36s %-36s %5u routes %6.1f ns%s\n", pattern, path, route_count, best,
           found == 0 ? "  (not found)" : "");
    router_free(router);
}

int main(void)
{
    static const char *const cases[][2] = {
        {"/route%u", "/route%u"},
        {"/api/v1/resources/route%u/list", "/api/v1/resources/route%u/list"},
        {"/route%u/{id:int}", "/route%u/4711"},
        {"/api/{version}/route%u/{id}/*", "/api/v1/route%u/4711/a/b/c"},
        {"/route%u", "/nowhere%u"},
    };

    for (size_t at = 0; at < sizeof(cases) / sizeof(*cases); at++) {
        measure(cases[at][0], cases[at][1], 10);
        measure(cases[at][0], cases[at][1], 1000);
    }
    return 0;
}
