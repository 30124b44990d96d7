/* body.c - see body.h. */
#include "body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CAPACITY_MIN = 16 * 1024 };

void body_init(struct body *body, size_t memory_bytes_max, counter *allocations)
{
    *body = (struct body){
        .memory_bytes_max = memory_bytes_max, .file = -1, .allocations = allocations};
}

void body_fini(struct body *body)
{
    if (body->mapped)
        munmap(body->memory, body->length);
    else
        free(body->memory);
    if (body->file >= 0)
        close(body->file);
    body->memory = NULL;
    body->mapped = false;
    body->file = -1;
}

static bool write_all(int file, slice bytes)
{
    while (bytes.length > 0) {
        ssize_t n = write(file, bytes.bytes, bytes.length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes = slice_of(bytes.bytes + n, bytes.length - (size_t)n);
    }
    return true;
}

/* A file without a name goes when its descriptor goes, whatever happens to us. */
static int open_unnamed_file(void)
{
    const char *folder = getenv("TMPDIR");
    char path[4096];
    int file;

    if (!folder || !*folder)
        folder = "/tmp";
    if (snprintf(path, sizeof path, "%s/pyrs-body-XXXXXX", folder) >=
        (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    file = mkostemp(path, O_CLOEXEC);
    if (file >= 0)
        unlink(path);
    return file;
}

static bool move_to_file(struct body *body)
{
    body->file = open_unnamed_file();
    if (body->file < 0 || !write_all(body->file, slice_of(body->memory, body->length)))
        return false;
    free(body->memory);
    body->memory = NULL;
    body->capacity = 0;
    return true;
}

static bool grow(struct body *body, size_t needed)
{
    size_t capacity = body->capacity ? body->capacity : CAPACITY_MIN;
    char *memory;

    while (capacity < needed)
        capacity *= 2;
    counter_add(body->allocations, 1);
    memory = realloc(body->memory, capacity);
    if (!memory)
        return false;
    body->memory = memory;
    body->capacity = capacity;
    return true;
}

bool body_append(struct body *body, slice bytes)
{
    size_t needed = body->length + bytes.length;

    if (body->file < 0 && needed > body->memory_bytes_max && !move_to_file(body))
        return false;
    if (body->file >= 0) {
        if (!write_all(body->file, bytes))
            return false;
    } else if (bytes.length > 0) {
        if (needed > body->capacity && !grow(body, needed))
            return false;
        memcpy(body->memory + body->length, bytes.bytes, bytes.length);
    }
    body->length = needed;
    return true;
}

bool body_whole(struct body *body, slice *whole)
{
    if (body->file >= 0 && body->length > 0 && !body->mapped) {
        void *mapping = mmap(NULL, body->length, PROT_READ, MAP_PRIVATE, body->file, 0);

        if (mapping == MAP_FAILED)
            return false;
        body->memory = mapping;
        body->mapped = true;
    }
    *whole = slice_of(body->memory, body->length);
    return true;
}

bool body_read(const struct body *body, size_t offset, char *bytes, size_t length)
{
    if (body->file < 0) {
        memcpy(bytes, body->memory + offset, length);
        return true;
    }
    while (length > 0) {
        ssize_t n = pread(body->file, bytes, length, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        offset += (size_t)n;
        length -= (size_t)n;
    }
    return true;
}
