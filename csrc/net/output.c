/* output.c - see output.h. */
#include "output.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "file_state.h"

/* Segments kept for reuse: one per connection that is answered in a turn. Files: as
 * many as are usually sent at once. */
enum { SEGMENTS_KEPT = 1024, FILES_KEPT = 64 };

/* A part of a file up to this size is read into the output, which costs a copy and
 * spares a system call; as with bodies, about a microsecond for 16 KiB. */
enum { FILE_COPY_BYTES_MAX = 16 * 1024 };

bool output_store_init(struct output_store *store, size_t slab_bytes,
                       counter *allocations)
{
    *store = (struct output_store){
        .slab = malloc(slab_bytes),
        .slab_bytes = slab_bytes,
        .allocations = allocations,
    };
    pool_init(&store->segments, sizeof(struct segment), SEGMENTS_KEPT, allocations);
    pool_init(&store->files, sizeof(struct sent_file), FILES_KEPT, allocations);
    return store->slab != NULL;
}

void output_store_fini(struct output_store *store)
{
    assert(!store->spent);
    free(store->slab);
    pool_fini(&store->segments);
    pool_fini(&store->files);
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
    else if (segment->memory == SEGMENT_FILE)
        sent_file_give_up(store, segment->owner);
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

bool output_write(struct output *output, struct output_store *store, const char *bytes,
                  size_t length)
{
    char *out = output_reserve(output, store, length);

    if (!out)
        return false;
    memcpy(out, bytes, length);
    output_commit(output, store, length);
    return true;
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

/* ---- files ---- */

struct sent_file *sent_file_new(struct output_store *store, int descriptor,
                                const struct file_state *state)
{
    struct sent_file *file = pool_take(&store->files);

    if (!file) {
        close(descriptor);
        return NULL;
    }
    *file = (struct sent_file){.descriptor = descriptor, .users = 1, .state = *state};
    return file;
}

void sent_file_give_up(struct output_store *store, struct sent_file *file)
{
    assert(file->users > 0);
    if (--file->users > 0)
        return;
    close(file->descriptor);
    pool_give(&store->files, file);
}

/* False if the file ends before, or cannot be read. */
static bool read_whole(const struct sent_file *file, char *out, size_t length,
                       uint64_t offset)
{
    while (length > 0) {
        ssize_t n = pread(file->descriptor, out, length, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        out += n;
        offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return true;
}

static enum append_result copy_file(struct output *output, struct output_store *store,
                                    const struct sent_file *file, uint64_t offset,
                                    size_t length)
{
    char *out = output_reserve(output, store, length);

    if (!out)
        return APPEND_NO_MEMORY;
    if (!read_whole(file, out, length, offset) ||
        !file_state_holds(&file->state, file->descriptor)) {
        output_commit(output, store, 0);
        return APPEND_CHANGED;
    }
    output_commit(output, store, length);
    return APPEND_DONE;
}

enum append_result output_append_file(struct output *output, struct output_store *store,
                                      struct sent_file *file, uint64_t offset,
                                      uint64_t length)
{
    struct segment part = {
        .memory = SEGMENT_FILE,
        .owner = file,
        .offset = offset,
        .length = (size_t)length,
    };

    if (length <= FILE_COPY_BYTES_MAX)
        return copy_file(output, store, file, offset, (size_t)length);
    if (!append_segment(output, store, part))
        return APPEND_NO_MEMORY;
    file->users++;
    output->bytes += part.length;
    return APPEND_DONE;
}

/* ---- sending ---- */

int output_gather(const struct output *output, struct iovec *vector, int vector_max,
                  bool *more)
{
    struct segment *s = output->first;
    int count = 0;

    for (; s && s->memory != SEGMENT_FILE && count < vector_max; s = s->next)
        vector[count++] = (struct iovec){.iov_base = s->bytes, .iov_len = s->length};
    *more = s != NULL;
    return count;
}

const struct segment *output_file_first(const struct output *output)
{
    const struct segment *first = output->first;

    return first && first->memory == SEGMENT_FILE ? first : NULL;
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
    if (output->first->memory == SEGMENT_FILE)
        output->first->offset += length;
    else
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

struct segment *output_take_spent(struct output_store *store)
{
    struct segment *spent = store->spent;

    store->spent = NULL;
    return spent;
}

void output_release(struct output_store *store, struct segment *spent)
{
    while (spent) {
        struct segment *segment = spent;

        spent = segment->next;
        segment->release(segment->owner);
        if (store)
            pool_give(&store->segments, segment);
        else
            free(segment); /* as a full pool would */
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
