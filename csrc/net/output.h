/* output.h - bytes on their way to a socket.
 *
 * Answers made in a turn are written into the loop's output slab, one behind the other,
 * so that all answers of a connection are one segment and leave with one system call;
 * a large body is borrowed as a segment of its own, and so is a large part of a file,
 * which the system sends without its bytes ever being here. What the socket does not
 * take is moved out of the slab (output_keep) before the turn ends.
 *
 * A borrowed segment that is no longer needed goes to the loop's spent list: its owner
 * may have to be released under an interpreter, which is not for this layer to know.
 */
#ifndef PYRS_NET_OUTPUT_H
#define PYRS_NET_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "../http/entity_tag.h"
#include "counter.h"
#include "pool.h"

enum segment_memory {
    SEGMENT_SLAB,     /* in the loop's output slab, gone when the turn ends */
    SEGMENT_HEAP,     /* malloc'd, freed with the segment */
    SEGMENT_BORROWED, /* release(owner) gives it back */
    SEGMENT_FILE,     /* not in memory: a part of a file */
};

/* A file that is being sent, perhaps by several segments; closed with the last. */
struct sent_file {
    int descriptor;
    uint32_t users;
    struct file_state state; /* that its head has told of */
};

struct segment {
    struct segment *next;
    char *bytes; /* what is not sent yet; NULL of a file */
    size_t length;
    enum segment_memory memory;
    void *owner; /* the heap block, the struct sent_file, or what release takes */
    void (*release)(void *owner);
    uint64_t offset; /* in the file, of what is not sent yet */
};

/* What the outputs of one loop share. */
struct output_store {
    char *slab;
    size_t slab_used;
    size_t slab_bytes;
    struct pool segments;
    struct pool files;
    struct segment *spent; /* borrowed ones, to be released */
    counter *allocations;
};

struct output {
    struct segment *first, *last;
    size_t bytes; /* in all segments */
};

/* False if memory is out. */
bool output_store_init(struct output_store *store, size_t slab_bytes,
                       counter *allocations);
void output_store_fini(struct output_store *store);

/* Room for at most `length` bytes at the end of the output; NULL if memory is out. The
 * caller writes there, then says with output_commit how many bytes it wrote. */
char *output_reserve(struct output *output, struct output_store *store, size_t length);
void output_commit(struct output *output, struct output_store *store, size_t length);

/* Both at once, of bytes that are there. False if memory is out. */
bool output_write(struct output *output, struct output_store *store, const char *bytes,
                  size_t length);

/* Appends bytes that stay the owner's until release(owner). False if memory is out:
 * nothing was appended, the owner is still the caller's. */
bool output_borrow(struct output *output, struct output_store *store,
                   struct segment borrowed);

/* Takes over a descriptor, open for reading, of a regular file in that state. NULL if
 * memory is out; it is closed then. The caller is its first user. */
struct sent_file *sent_file_new(struct output_store *store, int descriptor,
                                const struct file_state *state);

/* One user less. */
void sent_file_give_up(struct output_store *store, struct sent_file *file);

enum append_result {
    APPEND_DONE,
    APPEND_CHANGED, /* the file is not what it was, or cannot be read */
    APPEND_NO_MEMORY,
};

/* Appends a part of the file: a small one is read now, to leave with what stands before
 * it in one system call; a large one becomes a segment that is a user of the file. */
enum append_result output_append_file(struct output *output, struct output_store *store,
                                      struct sent_file *file, uint64_t offset,
                                      uint64_t length);

/* The first segments as an I/O vector, up to a file; gives how many. *more says whether
 * others follow. */
int output_gather(const struct output *output, struct iovec *vector, int vector_max,
                  bool *more);

/* The first segment if it is a part of a file, else NULL. */
const struct segment *output_file_first(const struct output *output);

/* Forgets the first `length` bytes, which were sent. */
void output_drop(struct output *output, struct output_store *store, size_t length);
void output_drop_all(struct output *output, struct output_store *store);

/* What was lent and never became a segment: released with the spent ones. */
void output_spend(struct output_store *store, void (*release)(void *owner),
                  void *owner);

/* What was borrowed and is spent, to be released. */
struct segment *output_take_spent(struct output_store *store);

/* Releases such a list; for borrowers that need an interpreter, the caller is attached
 * to it. The segments go back to the store, or, if that is not the caller's any more
 * (NULL), to the heap. */
void output_release(struct output_store *store, struct segment *spent);

/* Moves what lies in the slab to memory of its own. False if memory is out. */
bool output_keep(struct output *output, struct output_store *store);

#endif
