/* output.c - see output.h. */
#include "output.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* Segments kept for reuse: one per connection that is answered in a turn. */
enum { SEGMENTS_KEPT = 1024 };

bool output_store_init(struct output_store *store, size_t slab_bytes,
                       counter *allocations)
{
    *store = (struct output_store){
        .slab = malloc(slab_bytes),
        .slab_bytes = slab_bytes,
        .allocations = allocations,
    };
    pool_init(&store->segments, sizeof(struct segment), SEGMENTS_KEPT, allocations);
    return store->slab != NULL;
}

void output_store_fini(struct output_store *store)
{
    assert(!store->spent);
    free(store->slab);
    pool_fini(&store->segments);
}

static struct segment *append_segment(struct output *output, struct output_store *store,
                                      struct segment content)
{
    struct segment *segment = pool_take(&store->segments);

    if (!segment)
        return NULL;
    *segment = content;
    segment->next = NULL;
    if (output->last)
        output->last->next = segment;
    else
        output->first = segment;
    output->last = segment;
    return segment;
}

static void end_segment(struct output_store *store, struct segment *segment)
{
    if (segment->memory == SEGMENT_BORROWED) {
        segment->next = store->spent;
        store->spent = segment;
        return;
    }
    if (segment->memory == SEGMENT_HEAP)
        free(segment->owner);
    pool_give(&store->segments, segment);
}

/* Whether what is reserved next continues the last segment. */
static bool ends_at_slab_end(const struct output *output,
                             const struct output_store *store)
{
    const struct segment *last = output->last;

    return last && last->memory == SEGMENT_SLAB &&
           last->bytes + last->length == store->slab + store->slab_used;
}

char *output_reserve(struct output *output, struct output_store *store, size_t length)
{
    char *bytes;

    if (store->slab_bytes - store->slab_used >= length) {
        bytes = store->slab + store->slab_used;
        if (ends_at_slab_end(output, store))
            return bytes;
        return append_segment(output, store,
                              (struct segment){.bytes = bytes, .memory = SEGMENT_SLAB})
                   ? bytes
                   : NULL;
    }
    /* The slab is full: many large answers in one turn. */
    counter_add(store->allocations, 1);
    bytes = malloc(length);
    if (!bytes)
        return NULL;
    if (!append_segment(
            output, store,
            (struct segment){.bytes = bytes, .memory = SEGMENT_HEAP, .owner = bytes})) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

void output_commit(struct output *output, struct output_store *store, size_t length)
{
    output->last->length += length;
    output->bytes += length;
    if (output->last->memory == SEGMENT_SLAB)
        store->slab_used += length;
}

bool output_borrow(struct output *output, struct output_store *store,
                   struct segment borrowed)
{
    assert(borrowed.memory == SEGMENT_BORROWED && borrowed.release);
    if (!append_segment(output, store, borrowed))
        return false;
    output->bytes += borrowed.length;
    return true;
}

int output_gather(const struct output *output, struct iovec *vector, int vector_max)
{
    int count = 0;

    for (struct segment *s = output->first; s && count < vector_max; s = s->next)
        vector[count++] = (struct iovec){.iov_base = s->bytes, .iov_len = s->length};
    return count;
}

void output_drop(struct output *output, struct output_store *store, size_t length)
{
    assert(length <= output->bytes);
    output->bytes -= length;
    while (output->first && length >= output->first->length) {
        struct segment *segment = output->first;

        length -= segment->length;
        output->first = segment->next;
        end_segment(store, segment);
    }
    if (!output->first) {
        output->last = NULL;
        return;
    }
    output->first->bytes += length;
    output->first->length -= length;
}

void output_drop_all(struct output *output, struct output_store *store)
{
    output_drop(output, store, output->bytes);
}

void output_spend(struct output_store *store, void (*release)(void *owner), void *owner)
{
    struct segment *segment;

    while (!(segment = pool_take(&store->segments)))
        uv_sleep(1); /* it is the owner's memory that may become free */
    *segment = (struct segment){
        .memory = SEGMENT_BORROWED, .owner = owner, .release = release};
    end_segment(store, segment);
}

void output_release_spent(struct output_store *store)
{
    struct segment *segment;

    while ((segment = store->spent)) {
        store->spent = segment->next;
        segment->release(segment->owner);
        pool_give(&store->segments, segment);
    }
}

bool output_keep(struct output *output, struct output_store *store)
{
    for (struct segment *s = output->first; s; s = s->next) {
        char *copy;

        if (s->memory != SEGMENT_SLAB)
            continue;
        counter_add(store->allocations, 1);
        copy = malloc(s->length ? s->length : 1);
        if (!copy)
            return false;
        memcpy(copy, s->bytes, s->length);
        s->bytes = copy;
        s->owner = copy;
        s->memory = SEGMENT_HEAP;
    }
    return true;
}
