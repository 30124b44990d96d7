/* kit.c - see kit.h. */
#include "kit.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <serve/error.h>

/* ---- guard pages ---- */

struct guarded {
    char *pages; /* guard, room, guard */
    size_t page_size;
    size_t room;
};

struct guarded *guarded_new(size_t size_max)
{
    struct guarded *guarded = malloc(sizeof(*guarded));
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (size_max + page_size - 1) / page_size * page_size;

    if (guarded == NULL)
        return NULL;
    char *pages =
        mmap(NULL, room + 2 * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED ||
        mprotect(pages + page_size, room, PROT_READ | PROT_WRITE) != 0) {
        free(guarded);
        return NULL;
    }
    *guarded = (struct guarded){pages, page_size, room};
    return guarded;
}

void guarded_free(struct guarded *guarded)
{
    munmap(guarded->pages, guarded->room + 2 * guarded->page_size);
    free(guarded);
}

const char *guarded_put(struct guarded *guarded, const char *bytes, size_t length)
{
    char *end = guarded->pages + guarded->page_size + guarded->room;

    if (length > guarded->room)
        abort();
    if (length > 0)
        memcpy(end - length, bytes, length);
    return end - length;
}

/* ---- a request ---- */

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void read_head(slice bytes, size_t step, const struct head_limits *limits,
                      struct kit_request *request)
{
    struct head_progress progress = {0};
    size_t given = 0;

    do {
        given = at_most(given + step, bytes.length);
        request->head_result =
            request_head_parse(slice_of(bytes.bytes, given), limits, &progress,
                               &request->head, &request->reject);
    } while (request->head_result == HEAD_MORE && given < bytes.length);
}

static void read_length(slice rest, uint64_t body_bytes_max,
                        struct kit_request *request)
{
    uint64_t length = (uint64_t)request->head.content_length;

    if (length > body_bytes_max) {
        request->head_result = HEAD_REJECTED;
        request->reject = (struct reject){REJECT_BODY_LENGTH, request->head.bytes};
        return;
    }
    request->body_length = at_most(rest.length, (size_t)length);
    memcpy(request->body, rest.bytes, request->body_length);
    request->complete = request->body_length == length;
    request->bytes = request->head.bytes + request->body_length;
}

static void read_chunked(slice rest, size_t step, uint64_t body_bytes_max,
                         struct kit_request *request)
{
    struct chunked_decoder decoder;
    enum chunked_result result = CHUNKED_MORE;
    size_t read = 0;

    chunked_init(&decoder, body_bytes_max);
    while (result != CHUNKED_DONE && read < rest.length) {
        slice piece = slice_of(rest.bytes + read, at_most(step, rest.length - read));
        slice data;
        size_t consumed = 0;

        result = chunked_next(&decoder, piece, &consumed, &data, &request->reject);
        if (result == CHUNKED_REJECTED) {
            request->head_result = HEAD_REJECTED;
            request->reject.offset += request->head.bytes;
            return;
        }
        if (result == CHUNKED_DATA) {
            memcpy(request->body + request->body_length, data.bytes, data.length);
            request->body_length += data.length;
        }
        read += consumed;
    }
    request->complete = result == CHUNKED_DONE;
    request->bytes = request->head.bytes + read;
}

void kit_read_request(slice bytes, size_t step, const struct head_limits *limits,
                      uint64_t body_bytes_max, struct kit_request *request)
{
    request->complete = false;
    request->bytes = 0;
    request->body_length = 0;
    request->reject = (struct reject){REJECT_NONE, 0};
    read_head(bytes, step, limits, request);
    if (request->head_result != HEAD_DONE)
        return;

    slice rest =
        slice_of(bytes.bytes + request->head.bytes, bytes.length - request->head.bytes);
    if (request->head.framing == BODY_CHUNKED) {
        read_chunked(rest, step, body_bytes_max, request);
    } else if (request->head.framing == BODY_LENGTH) {
        read_length(rest, body_bytes_max, request);
    } else {
        request->complete = true;
        request->bytes = request->head.bytes;
    }
}

/* ---- the router ---- */

uint64_t kit_lookup_steps;

bool kit_error_set_text(struct pyrs_error *error, const char *text)
{
    return error_set(error, 0, "%s", text);
}

/* ---- output ---- */

void kit_count_release(void *owner)
{
    int *count = owner;

    ++*count;
}

/* ---- folders and their pages ---- */

void kit_free(void *memory)
{
    free(memory);
}

bool kit_follow(void *context, const char *name, struct stat *facts)
{
    const int *folder = context;

    return fstatat(*folder, name, facts, 0) == 0;
}

bool kit_follow_late(void *context, const char *name, struct stat *facts)
{
    bool done = kit_follow(context, name, facts);

    facts->st_mtime = INT64_MAX;
    return done;
}
