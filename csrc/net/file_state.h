/* file_state.h - which state of a file is being sent, and whether it is still there. */
#ifndef PYRS_NET_FILE_STATE_H
#define PYRS_NET_FILE_STATE_H

#include <sys/stat.h>

#include "../http/entity_tag.h"

static inline struct file_state file_state_of(const struct stat *facts)
{
    return (struct file_state){
        .bytes = (uint64_t)facts->st_size,
        .modified_ns = (int64_t)((uint64_t)facts->st_mtim.tv_sec * 1000000000 +
                                 (uint64_t)facts->st_mtim.tv_nsec),
        .inode = facts->st_ino,
    };
}

/* False if the open file was written to, or made shorter or longer. One that another
 * file has taken the place of is what it was. */
static inline bool file_state_holds(const struct file_state *state, int descriptor)
{
    struct stat facts;
    struct file_state now;

    if (fstat(descriptor, &facts) != 0)
        return false;
    now = file_state_of(&facts);
    return now.bytes == state->bytes && now.modified_ns == state->modified_ns;
}

#endif
