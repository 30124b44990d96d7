/* static_path.c - see static_path.h. */
#include "static_path.h"

#include "hidden_name.h"

static bool names_may_be_there(slice rest)
{
    while (rest.length > 0) {
        const char *slash = memchr(rest.bytes, '/', rest.length);
        size_t length = slash ? (size_t)(slash - rest.bytes) : rest.length;
        slice name = slice_of(rest.bytes, length);

        if (name_is_hidden(name) || memchr(name.bytes, '\0', name.length))
            return false;
        length += slash != NULL;
        rest = slice_of(rest.bytes + length, rest.length - length);
    }
    return true;
}

bool static_path_read(struct static_path *path, slice rest)
{
    if (rest.length > 0 && rest.bytes[rest.length - 1] == '/')
        rest.length--;
    if (rest.length >= PATH_MAX || !names_may_be_there(rest))
        return false;
    path->length = rest.length;
    if (rest.length > 0)
        memcpy(path->text, rest.bytes, rest.length);
    path->text[rest.length] = '\0';
    return true;
}

/* Unreserved characters of RFC 3986, and the slash. */
static bool stands_for_itself(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '/' || c == '-' || c == '.' || c == '_' || c == '~';
}

char *static_path_encode(slice path, char *out)
{
    static const char DIGITS[] = "0123456789ABCDEF";

    for (size_t i = 0; i < path.length; i++) {
        char c = path.bytes[i] ? path.bytes[i] : '/'; /* which belongs to its name */

        if (path.bytes[i] && stands_for_itself(c)) {
            *out++ = c;
            continue;
        }
        *out++ = '%';
        *out++ = DIGITS[(unsigned char)c >> 4];
        *out++ = DIGITS[(unsigned char)c & 15];
    }
    return out;
}
