/* native.c - a C function as an endpoint (pyrs.h). Needs no interpreter, so it also
 * shows what pyrs costs without one. */
#include <dlfcn.h>
#include <stdlib.h>

#include "endpoint.h"
#include "error.h"

struct native {
    struct pyrs_endpoint endpoint;
    pyrs_native_function *function;
    void *library; /* NULL: not ours */
};

static void native_answer(struct pyrs_endpoint *endpoint,
                          struct pyrs_exchange *exchange)
{
    ((struct native *)(void *)endpoint)->function(exchange);
}

static void native_free(struct pyrs_endpoint *endpoint)
{
    struct native *native = (struct native *)(void *)endpoint;

    if (native->library)
        dlclose(native->library);
    free(native);
}

struct pyrs_endpoint *pyrs_endpoint_native(pyrs_native_function *function)
{
    static const struct endpoint_class CLASS = {.answer = native_answer,
                                                .free = native_free};
    struct native *native = calloc(1, sizeof *native);

    if (!native)
        return NULL;
    native->endpoint.class = &CLASS;
    native->function = function;
    return &native->endpoint;
}

/* The library calls pyrs_exchange_respond and its kin; Python has loaded the core with
 * its symbols hidden from others. */
static void show_core_symbols(void)
{
    Dl_info core;

    if (dladdr((const void *)pyrs_version(), &core) && core.dli_fname)
        dlopen(core.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
}

static const char *load_fault(void)
{
    const char *fault = dlerror();

    return fault ? fault : "unknown fault";
}

struct pyrs_endpoint *pyrs_endpoint_native_load(const char *library, const char *symbol,
                                                struct pyrs_error *error)
{
    struct pyrs_endpoint *endpoint;
    void *handle, *found;

    show_core_symbols();
    handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        error_set(error, 0, "cannot load the shared library: %s", load_fault());
        return NULL;
    }
    found = dlsym(handle, symbol);
    if (!found) {
        error_set(error, 0, "no such function in the library: %s", load_fault());
        dlclose(handle);
        return NULL;
    }
    /* ISO C has no conversion from an object to a function pointer; POSIX promises it.
     */
    endpoint = pyrs_endpoint_native(*(pyrs_native_function **)(void *)&found);
    if (!endpoint) {
        error_set(error, 0, "out of memory");
        dlclose(handle);
        return NULL;
    }
    ((struct native *)(void *)endpoint)->library = handle;
    return endpoint;
}
