/* folder_walk.c - see folder_walk.h. */
#include "folder_walk.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Links on one path, as Linux counts them, and folders below each other: more than
 * sites have, few enough for the stack and for the table of descriptors. */
enum { LINKS_MAX = 40, DEPTH_MAX = 64 };

struct walk {
    int folders[DEPTH_MAX + 1]; /* from the root, which is the caller's, down */
    int depth;
    int links;
    int flags;            /* of the last name */
    char *rest;           /* the names still to be walked, terminated */
    char names[PATH_MAX]; /* which `rest` points into: room before it for links */
};

static void leave_folder(struct walk *walk)
{
    close(walk->folders[walk->depth--]);
}

/* The next name, terminated; NULL if there is none. *last tells whether neither a name
 * nor a slash follows. */
static char *next_name(struct walk *walk, bool *last)
{
    char *name = walk->rest + strspn(walk->rest, "/");
    char *end = name + strcspn(name, "/");

    *last = *end == '\0';
    walk->rest = *last ? end : end + 1;
    *end = '\0';
    return *name ? name : NULL;
}

/* Puts the names of a link before the rest. 0, or a negative errno; -EINVAL: no link.
 */
static int follow(struct walk *walk, const char *name, bool is_last)
{
    char target[PATH_MAX + 1];
    size_t rest_bytes = strlen(walk->rest) + 1;
    ssize_t length = readlinkat(walk->folders[walk->depth], name, target, PATH_MAX);

    if (length < 0)
        return -errno;
    if (++walk->links > LINKS_MAX || length == 0 || target[0] == '/')
        return -ENOENT;
    if ((size_t)length + 1 + rest_bytes > sizeof walk->names)
        return -ENAMETOOLONG;
    if (!is_last)
        target[length++] = '/';
    memmove(walk->names + length, walk->rest, rest_bytes);
    memcpy(walk->names, target, (size_t)length);
    walk->rest = walk->names;
    return 0;
}

/* A link in the place of what could not be opened (ELOOP or EMLINK, ENOTDIR of one that
 * was to be a folder); else `code` stands. One that was a link a moment ago is gone. */
static int follow_instead(struct walk *walk, const char *name, bool is_last, int code)
{
    int followed;

    if (code != ELOOP && code != ENOTDIR && code != EMLINK)
        return -code;
    followed = follow(walk, name, is_last);
    if (followed != -EINVAL)
        return followed;
    return code == ENOTDIR ? -ENOTDIR : -ENOENT;
}

static int enter_folder(struct walk *walk, const char *name)
{
    int descriptor;

    if (walk->depth == DEPTH_MAX)
        return -ENAMETOOLONG;
    descriptor = openat(walk->folders[walk->depth], name, FOLDER_FLAGS | O_NOFOLLOW);
    if (descriptor < 0)
        return follow_instead(walk, name, false, errno);
    walk->folders[++walk->depth] = descriptor;
    return 0;
}

/* Where the walk is. A folder that is only held has to be opened anew to be read. */
static int open_here(const struct walk *walk)
{
    int descriptor = openat(walk->folders[walk->depth], ".", walk->flags | O_NOFOLLOW);

    return descriptor < 0 ? -errno : descriptor;
}

static int go_up(struct walk *walk)
{
    if (walk->depth == 0)
        return -ENOENT; /* out */
    leave_folder(walk);
    return 0;
}

static bool is_link(int descriptor)
{
    struct stat about;

    return fstat(descriptor, &about) == 0 && S_ISLNK(about.st_mode);
}

/* Negative with an errno: ELOOP of a link, however it is opened. */
static int open_last(const struct walk *walk, const char *name)
{
    int descriptor = openat(walk->folders[walk->depth], name, walk->flags | O_NOFOLLOW);

    if (descriptor < 0 || walk->flags != FOLDER_LOOK_FLAGS || !is_link(descriptor))
        return descriptor;
    close(descriptor);
    errno = ELOOP;
    return -1;
}

/* Gives a descriptor at the end of the path, or a negative errno. */
static int walk_names(struct walk *walk)
{
    for (;;) {
        bool last;
        char *name = next_name(walk, &last);
        int code = 0;

        if (!name)
            return open_here(walk);
        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            code = go_up(walk);
        } else if (last) {
            int descriptor = open_last(walk, name);

            if (descriptor >= 0)
                return descriptor;
            code = follow_instead(walk, name, true, errno);
        } else {
            code = enter_folder(walk, name);
        }
        if (code < 0)
            return code;
    }
}

int folder_walk(int folder, const char *path, int flags)
{
    struct walk walk = {.folders = {folder}, .flags = flags};
    size_t length = strlen(path);
    int result;

    if (length >= sizeof walk.names)
        return -ENAMETOOLONG;
    walk.rest = memcpy(walk.names, path, length + 1);
    result = walk_names(&walk);
    while (walk.depth > 0)
        leave_folder(&walk);
    return result;
}
