#include "method_set.h"

#include "../http/response_head.h"
#include "error.h"

#include <stdlib.h>

#define METHOD_BIT(method) (UINT32_C(1) << (method))

static bool add_other(struct method_set *set, slice name)
{
    slice *others;

    if (method_set_has_other(set, name))
        return true;
    others = realloc(set->others, (set->other_count + 1) * sizeof(*others));
    if (others == NULL)
        return false;
    set->others = others;
    set->others[set->other_count++] = name;
    return true;
}

bool method_set_has_other(const struct method_set *set, slice name)
{
    for (uint32_t at = 0; at < set->other_count; at++) {
        if (slice_equal(set->others[at], name))
            return true;
    }
    return false;
}

/* "get" is a legal token that no client sends: whoever writes it means GET. */
static slice meant_method(slice name)
{
    for (enum method method = 0; method < METHOD_OTHER; method++) {
        if (slice_equal_ignoring_case(name, method_name(method)))
            return method_name(method);
    }
    return slice_of(NULL, 0);
}

static bool parse_one(slice name, struct method_set *set, struct pyrs_error *error)
{
    enum method method = method_from_name(name);
    slice meant = meant_method(name);
    int length = name.length > 64 ? 64 : (int)name.length;

    if (!field_is_valid(name, SLICE(""))) /* both are tokens: RFC 9110, 5.1 and 9.1 */
        return error_set(error, 0, "method \"%.*s\" is not a token", length,
                         name.bytes);
    if (slice_equal(name, SLICE("CONNECT")))
        return error_set(error, 0, "method CONNECT is not served");
    if (method == METHOD_OTHER && meant.bytes != NULL)
        return error_set(error, 0, "method \"%.*s\": case matters, write \"%.*s\"",
                         length, name.bytes, (int)meant.length, meant.bytes);
    if (method == METHOD_OTHER ? method_set_has_other(set, name)
                               : method_set_has(set, method))
        return error_set(error, 0, "method \"%.*s\" is listed twice", length,
                         name.bytes);
    if (method != METHOD_OTHER)
        set->known |= METHOD_BIT(method);
    else if (!add_other(set, name))
        return error_set(error, 0, "out of memory");
    return true;
}

bool method_set_parse(const char *list, struct method_set *set,
                      struct pyrs_error *error)
{
    static const char blanks[] = " \t";
    struct method_set parsed = {0};
    const char *at = list;

    for (;;) {
        const char *start = at + strspn(at, blanks);
        const char *end = start + strcspn(start, ",");
        const char *last = end;

        while (last > start && strchr(blanks, last[-1]) != NULL)
            last--;
        if (!parse_one(slice_of(start, (size_t)(last - start)), &parsed, error))
            break;
        if (*end == '\0') {
            *set = parsed;
            return true;
        }
        at = end + 1;
    }
    method_set_fini(&parsed);
    return false;
}

void method_set_fini(struct method_set *set)
{
    free(set->others);
    *set = (struct method_set){0};
}

struct method_set method_set_every(bool own_options)
{
    uint32_t known = METHOD_BIT(METHOD_OTHER) - 1;

    if (!own_options)
        known &= ~METHOD_BIT(METHOD_OPTIONS);
    return (struct method_set){.known = known};
}

bool method_set_merge(struct method_set *set, const struct method_set *more)
{
    set->known |= more->known;
    for (uint32_t at = 0; at < more->other_count; at++) {
        if (!add_other(set, more->others[at]))
            return false;
    }
    return true;
}

slice method_set_common(const struct method_set *a, const struct method_set *b)
{
    for (enum method method = 0; method < METHOD_OTHER; method++) {
        if ((a->known & b->known & METHOD_BIT(method)) != 0)
            return method_name(method);
    }
    for (uint32_t at = 0; at < a->other_count; at++) {
        if (method_set_has_other(b, a->others[at]))
            return a->others[at];
    }
    return slice_of(NULL, 0);
}

static char *append(char *out, const char *start, slice name)
{
    if (out != start) {
        *out++ = ',';
        *out++ = ' ';
    }
    memcpy(out, name.bytes, name.length);
    return out + name.length;
}

slice method_set_allow(const struct method_set *set)
{
    uint32_t known = set->known | METHOD_BIT(METHOD_OPTIONS);
    size_t size = 0;
    char *start, *out;

    if ((known & METHOD_BIT(METHOD_GET)) != 0)
        known |= METHOD_BIT(METHOD_HEAD);
    for (enum method method = 0; method < METHOD_OTHER; method++)
        size += method_name(method).length + 2;
    for (uint32_t at = 0; at < set->other_count; at++)
        size += set->others[at].length + 2;
    start = out = malloc(size);
    if (start == NULL)
        return slice_of(NULL, 0);
    for (enum method method = 0; method < METHOD_OTHER; method++) {
        if ((known & METHOD_BIT(method)) != 0)
            out = append(out, start, method_name(method));
    }
    for (uint32_t at = 0; at < set->other_count; at++)
        out = append(out, start, set->others[at]);
    return slice_of(start, (size_t)(out - start));
}
