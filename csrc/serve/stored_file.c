/* stored_file.c - see stored_file.h. */
#include "stored_file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../http/response_head.h"
#include "../net/file_state.h"

/* How coarse a file system's clock may be: FAT counts in twos. A file that is younger
 * than that when it is read may be written to again and show the same time. */
enum { CLOCK_GRAIN_SECONDS = 2 };

static bool is_young(const struct stat *facts, int64_t now)
{
    return facts->st_mtim.tv_sec + CLOCK_GRAIN_SECONDS >= now ||
           facts->st_ctim.tv_sec + CLOCK_GRAIN_SECONDS >= now;
}

static bool is_of(const struct file_state *state, const struct stat *facts)
{
    struct file_state other = file_state_of(facts);

    return file_state_equal(state, &other);
}

/* All of it, and nothing else: false if it is not what its state says. */
static bool read_bytes(int descriptor, const struct file_state *state, char *out)
{
    size_t length = (size_t)state->bytes, done = 0;
    struct stat after;

    while (done < length) {
        ssize_t n = pread(descriptor, out + done, length - done, (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return fstat(descriptor, &after) == 0 && is_of(state, &after);
}

/* The head of a 200, at `start`, where there is room for it. Its own lines come last.
 */
static void prepare(struct stored_file *stored, char *start)
{
    slice status = status_line(200), empty_line = SLICE("\r\n");
    struct response_head head = {.status = 200,
                                 .content_type = stored->content_type,
                                 .content_length = (int64_t)stored->length};
    char *lines = response_head_write(start, &head) - empty_line.length;
    char *end = file_fields_write(&stored->fields, 200, (slice){NULL, 0}, lines);

    stored->lines = slice_of(lines, (size_t)(end - lines));
    memcpy(end, empty_line.bytes, empty_line.length);
    end += empty_line.length;
    stored->prepared =
        slice_of(start + status.length, (size_t)(end - start) - status.length);
}

/* The block: the struct, the lines that were brought, the head of a 200, the bytes. */
static struct stored_file *allocate(const struct stat *facts,
                                    const struct stored_file_head *head, size_t bytes)
{
    struct file_fields fields;
    struct pyrs_file no_tag = {.descriptor = -1};
    struct pyrs_response response = {.fields = {head->lines.bytes, head->lines.length},
                                     .file = &no_tag};
    struct stored_file *stored;
    struct response_head longest = {.status = 200, .content_type = head->content_type};
    size_t memory;
    char *brought;

    file_fields_init(&fields, &response, facts, head->now);
    memory = sizeof *stored + head->lines.length + response_head_size_max(&longest) +
             file_fields_size_max(&fields) + bytes;
    stored = malloc(memory);
    if (!stored)
        return NULL;
    brought = (char *)(stored + 1);
    if (head->lines.length > 0)
        memcpy(brought, head->lines.bytes, head->lines.length);
    response.fields.bytes = brought;
    *stored = (struct stored_file){
        .state = file_state_of(facts),
        .content_type = head->content_type,
        .length = (uint64_t)facts->st_size,
        .memory_bytes = memory,
    };
    file_fields_init(&stored->fields, &response, facts, head->now);
    prepare(stored, brought + head->lines.length);
    return stored;
}

/* Behind the head. */
static char *room_for_bytes(struct stored_file *stored)
{
    return (char *)(uintptr_t)stored->prepared.bytes + stored->prepared.length;
}

struct stored_file *stored_file_new(int descriptor, const struct stat *facts,
                                    const struct stored_file_head *head)
{
    bool small = facts->st_size <= STORED_BYTES_MAX;
    struct stored_file *stored =
        allocate(facts, head, small ? (size_t)facts->st_size : 0);

    if (!stored)
        return NULL;
    stored->may_be_stale = is_young(facts, head->now);
    if (!small)
        return stored;
    if (!read_bytes(descriptor, &stored->state, room_for_bytes(stored))) {
        free(stored);
        return NULL;
    }
    stored->bytes = room_for_bytes(stored);
    stored->prepared.length += (size_t)stored->length;
    return stored;
}

bool stored_file_settle(struct stored_file *stored, int descriptor,
                        struct output_store *store)
{
    if (stored->bytes) {
        close(descriptor);
        return true;
    }
    stored->file = sent_file_new(store, descriptor, &stored->state);
    if (stored->file)
        return true;
    free(stored);
    return false;
}

void stored_file_free(struct stored_file *stored, struct output_store *store)
{
    if (stored->file)
        sent_file_give_up(store, stored->file);
    free(stored);
}

bool stored_file_holds(const struct stored_file *stored)
{
    return stored->bytes ||
           file_state_holds(&stored->file->state, stored->file->descriptor);
}

bool stored_file_is_of(const struct stored_file *stored, const struct stat *facts)
{
    if (!is_of(&stored->state, facts))
        return false;
    /* An open file is looked at anew whenever it is sent. */
    return !stored->may_be_stale || !stored->bytes;
}
