/* output.h - bytes on their way to a socket.
 *
 * Answers made in a turn are written into the loop's output slab, one behind the other,
 * so that all answers of a connection are one segment and leave with one system call;
 * a large body is borrowed as a segment of its own. What the socket does not take is
 * moved out of the slab (output_keep) before the turn ends.
 *
 * A borrowed segment that is no longer needed goes to the loop's spent list: its owner
 * may have to be released under an interpreter, which is not for this layer to know.
 */
#ifndef PYRS_NET_OUTPUT_H
#define PYRS_NET_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "counter.h"
#include "pool.h"

enum segment_memory {
    SEGMENT_SLAB,     /* in the loop's output slab, gone when the turn ends */
    SEGMENT_HEAP,     /* malloc'd, freed with the segment */
    SEGMENT_BORROWED, /* release(owner) gives it back */
};

struct segment {
    struct segment *next;
    char *bytes; /* what is not sent yet */
    size_t length;
    enum segment_memory memory;
    void *owner; /* the heap block, or what release takes */
    void (*release)(void *owner);
};

/* What the outputs of one loop share. */
struct output_store {
    char *slab;
    size_t slab_used;
    size_t slab_bytes;
    struct pool segments;
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

/* Appends bytes that stay the owner's until release(owner). False if memory is out:
 * nothing was appended, the owner is still the caller's. */
bool output_borrow(struct output *output, struct output_store *store,
                   struct segment borrowed);

/* The first segments as an I/O vector; gives how many. */
int output_gather(const struct output *output, struct iovec *vector, int vector_max);

/* Forgets the first `length` bytes, which were sent. */
void output_drop(struct output *output, struct output_store *store, size_t length);
void output_drop_all(struct output *output, struct output_store *store);

/* What was lent and never became a segment: released with the spent ones. */
void output_spend(struct output_store *store, void (*release)(void *owner),
                  void *owner);

/* Releases what was borrowed and is spent; for borrowers that need an interpreter, the
 * caller is attached to it. */
void output_release_spent(struct output_store *store);

/* Moves what lies in the slab to memory of its own. False if memory is out. */
bool output_keep(struct output *output, struct output_store *store);

#endif
