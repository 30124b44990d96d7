/* folder_walk.h - opening what lies below a folder name by name, where the system has
 * no call that does it at once (folder.h).
 *
 * No name is ever opened through a link: one that turns out to be a link is read, and
 * its names take its place. ".." goes back to the folder that the walk came from, so
 * that a folder which is moved elsewhere meanwhile leads nobody out.
 */
#ifndef PYRS_SERVE_FOLDER_WALK_H
#define PYRS_SERVE_FOLDER_WALK_H

#include <fcntl.h>

/* How a folder is held, and one on the way. */
#ifdef O_PATH
#define FOLDER_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)
#else
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#endif

/* How what is asked for is opened: nothing is waited for, no terminal taken. */
#define FOLDER_OPEN_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* How it is looked at, which needs no right to read it. A link is opened as well, where
 * it must not be followed. */
#ifdef O_PATH
#define FOLDER_LOOK_FLAGS (O_PATH | O_CLOEXEC)
#else
#define FOLDER_LOOK_FLAGS FOLDER_OPEN_FLAGS
#endif

/* As folder_open, or with other flags than that; of a path that is not empty. */
int folder_walk(int folder, const char *path, int flags);

#endif
