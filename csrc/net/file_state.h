/* file_state.h - which state of a file is being sent, and whether it is still there.
 *
 * One notion for all that asks "is this the same content?": the tag that clients keep
 * (http/entity_tag.h), what is held ready, and what is on its way. The file system's
 * clock is what it can tell by: a file that is written to twice within one tick of it,
 * some milliseconds, has one state.
 */
#ifndef PYRS_NET_FILE_STATE_H
#define PYRS_NET_FILE_STATE_H

#include <sys/stat.h>

#include "../http/entity_tag.h"

static inline int64_t file_time_ns(struct timespec time)
{
    return (int64_t)((uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec);
}

static inline struct file_state file_state_of(const struct stat *facts)
{
    return (struct file_state){
        .bytes = (uint64_t)facts->st_size,
        .modified_ns = file_time_ns(facts->st_mtim),
        .changed_ns = file_time_ns(facts->st_ctim),
        .inode = facts->st_ino,
        .device = facts->st_dev,
        .links = facts->st_nlink,
        .mode = facts->st_mode,
        .owner = facts->st_uid,
        .group = facts->st_gid,
    };
}

static inline bool file_state_equal(const struct file_state *a,
                                    const struct file_state *b)
{
    return a->bytes == b->bytes && a->modified_ns == b->modified_ns &&
           a->changed_ns == b->changed_ns && a->inode == b->inode &&
           a->device == b->device;
}

/* True if something is another that a file can change in without being written to: a
 * link to it was made or is gone (another file was moved over it), chmod, chown. */
static inline bool file_state_differs_in_use(const struct file_state *a,
                                             const struct file_state *b)
{
    return a->links != b->links || a->mode != b->mode || a->owner != b->owner ||
           a->group != b->group;
}

/* False if the open file was written to, or made shorter or longer; or if it changed
 * and nothing tells that it was in something else than its content: then its time may
 * have been set back. One that another file has taken the place of is what it was. */
static inline bool file_state_holds(const struct file_state *state, int descriptor)
{
    struct stat facts;
    struct file_state now;

    if (fstat(descriptor, &facts) != 0)
        return false;
    now = file_state_of(&facts);
    return now.bytes == state->bytes && now.modified_ns == state->modified_ns &&
           (now.changed_ns == state->changed_ns ||
            file_state_differs_in_use(&now, state));
}

#endif
