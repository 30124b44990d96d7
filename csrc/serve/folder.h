/* folder.h - opening what lies below a folder, and nothing else.
 *
 * Symbolic links are followed as long as they stay below the folder: a link such as
 * "current" that leads to "releases/5" is how sites are put in place. One that leads
 * out, or begins with a slash, leads nowhere, unless the folder was opened for that.
 * Linux decides this within one system call (openat2); where there is none,
 * folder_walk.h does it name by name. Both give the same answers.
 *
 * Nothing that is opened can hang: a FIFO without a writer is open at once, and it is
 * for the caller to see that it is no regular file.
 */
#ifndef PYRS_SERVE_FOLDER_H
#define PYRS_SERVE_FOLDER_H

#include <stdbool.h>

#include "../pyrs.h"

struct folder {
    int descriptor;
    bool links_out; /* links may lead anywhere */
    bool walk;      /* name by name */
};

/* Opens the folder itself; its own path may go through any links. With `walk`, openat2
 * is not used even if it is there. False with a message if it is no folder. */
bool folder_init(struct folder *folder, const char *path, bool links_out, bool walk,
                 struct pyrs_error *error);
void folder_fini(struct folder *folder);

/* Opens for reading what the path leads to: names with slashes between them, none of
 * them "..", no slash at either end; empty: the folder itself. Gives a descriptor, or a
 * negative errno: -ENOENT also where a link leads out. From any thread. */
int folder_open(const struct folder *folder, const char *path);

/* The same for fstat alone: what it leads to need not be readable. */
int folder_look(const struct folder *folder, const char *path);

#endif
