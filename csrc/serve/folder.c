/* folder.c - see folder.h. */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "folder_walk.h"

#ifdef SYS_openat2
#include <linux/openat2.h>

/* While names are moved about in the folder, the system may have to be asked again. */
enum { TRIES_MAX = 16 };

/* A link such as /proc/self/fd/0 is followed by no rule of paths, so it never is. */
static int open_beneath(int folder, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    int descriptor;

    for (int tries = 0; tries < TRIES_MAX; tries++) {
        descriptor = (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
        if (descriptor >= 0)
            return descriptor;
        if (errno != EAGAIN && errno != EINTR)
            return errno == EXDEV || errno == ELOOP ? -ENOENT : -errno;
    }
    return folder_walk(folder, path, flags);
}

/* Sandboxes may refuse it with another errno than ENOSYS. */
static bool has_openat2(int folder)
{
    int descriptor = open_beneath(folder, ".", FOLDER_OPEN_FLAGS);

    if (descriptor >= 0)
        close(descriptor);
    return descriptor >= 0 ||
           descriptor == -EACCES; /* of the folder, not of the call */
}
#else
static int open_beneath(int folder, const char *path, int flags)
{
    return folder_walk(folder, path, flags);
}

static bool has_openat2(int folder)
{
    (void)folder;
    return false;
}
#endif

bool folder_init(struct folder *folder, const char *path, bool links_out, bool walk,
                 struct pyrs_error *error)
{
    int descriptor = open(path, FOLDER_FLAGS);

    if (descriptor < 0)
        return error_set(error, errno, "cannot open the folder %s: %s", path,
                         strerror(errno));
    *folder = (struct folder){
        .descriptor = descriptor,
        .links_out = links_out,
        .walk = walk || !has_openat2(descriptor),
    };
    return true;
}

void folder_fini(struct folder *folder)
{
    close(folder->descriptor);
}

/* Links may lead anywhere, and "anywhere" has loops too. */
static int open_anywhere(int folder, const char *path, int flags)
{
    int descriptor;

    do
        descriptor = openat(folder, path, flags);
    while (descriptor < 0 && errno == EINTR);
    if (descriptor >= 0)
        return descriptor;
    return errno == ELOOP ? -ENOENT : -errno;
}

static int open_with(const struct folder *folder, const char *path, int flags)
{
    if (*path == '\0')
        path = ".";
    if (folder->links_out)
        return open_anywhere(folder->descriptor, path, flags);
    return folder->walk ? folder_walk(folder->descriptor, path, flags)
                        : open_beneath(folder->descriptor, path, flags);
}

int folder_open(const struct folder *folder, const char *path)
{
    return open_with(folder, path, FOLDER_OPEN_FLAGS);
}

int folder_look(const struct folder *folder, const char *path)
{
    return open_with(folder, path, FOLDER_LOOK_FLAGS);
}
