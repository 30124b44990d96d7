/* entity_tag.h - "what exactly is there now" in a few bytes (RFC 9110, 8.8.3): "xyzzy",
 * or W/"xyzzy" for one that says only "means the same".
 *
 * A file's tag is made from what its file system knows of it, without reading it: two
 * states of a file differ in size, inode, or one of its times. Tags are kept as they
 * stand in a header, quotes and W/ included.
 */
#ifndef PYRS_HTTP_ENTITY_TAG_H
#define PYRS_HTTP_ENTITY_TAG_H

#include "slice.h"

struct file_state {
    uint64_t bytes;
    int64_t modified_ns; /* since 1970; may be set to anything, by cp -p and rsync */
    int64_t changed_ns;  /* of the content, or of what follows but the inode; is never
                            set, so it tells of writes that set the other one back */
    uint64_t inode;
    /* Not in the tag. They tell why changed_ns is another, and a device has another
     * number when the machine was started anew. */
    uint64_t device;
    uint64_t links;
    uint32_t mode, owner, group;
};

enum { CODING_NAME_BYTES_MAX = 16, ENTITY_TAG_BYTES_MAX = 64 };

/* Writes the strong tag of a file, no NUL; gives its length. `coding` is what the bytes
 * were encoded with ("gzip"), a token of at most CODING_NAME_BYTES_MAX, or empty: the
 * same content in another coding is another representation. */
size_t entity_tag_write(const struct file_state *state, slice coding,
                        char out[ENTITY_TAG_BYTES_MAX]);

bool entity_tag_is_valid(slice tag);

enum tag_comparison {
    COMPARE_STRONGLY, /* equal, and neither weak */
    COMPARE_WEAKLY,   /* equal, not counting W/ */
};

/* Of two valid tags (8.8.3.2). */
bool entity_tag_equal(slice a, slice b, enum tag_comparison how);

/* True if a tag of the comma-separated list equals `tag`. What stands behind the first
 * fault of a list is not looked at. */
bool entity_tag_in_list(slice list, slice tag, enum tag_comparison how);

#endif
