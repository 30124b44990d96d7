/* body_stream.c - see body_stream.h. */
#include "body_stream.h"

#include <stdlib.h>
#include <string.h>

#include "../pyrs.h"

enum { CAPACITY_MIN = 16 * 1024 };

struct body_stream *body_stream_new(void)
{
    struct body_stream *stream = calloc(1, sizeof *stream);

    if (!stream)
        return NULL;
    if (uv_mutex_init(&stream->lock) != 0) {
        free(stream);
        return NULL;
    }
    if (uv_cond_init(&stream->changed) != 0) {
        uv_mutex_destroy(&stream->lock);
        free(stream);
        return NULL;
    }
    return stream;
}

void body_stream_free(struct body_stream *stream)
{
    if (!stream)
        return;
    uv_cond_destroy(&stream->changed);
    uv_mutex_destroy(&stream->lock);
    free(stream->bytes);
    free(stream);
}

/* Room for so many bytes behind those that are here. */
static bool make_room(struct body_stream *stream, size_t more)
{
    size_t needed = stream->length + more;
    size_t capacity = stream->capacity ? stream->capacity : CAPACITY_MIN;
    char *grown;

    if (stream->start > 0 && stream->start + needed > stream->capacity) {
        memmove(stream->bytes, stream->bytes + stream->start, stream->length);
        stream->start = 0;
    }
    if (needed <= stream->capacity)
        return true;
    while (capacity < needed)
        capacity *= 2;
    grown = realloc(stream->bytes, capacity);
    if (!grown)
        return false;
    stream->bytes = grown;
    stream->capacity = capacity;
    return true;
}

static bool changed(struct body_stream *stream)
{
    bool tell = stream->awaited;

    stream->awaited = false;
    uv_cond_signal(&stream->changed);
    return tell;
}

bool body_stream_put(struct body_stream *stream, slice bytes, bool *stored)
{
    bool tell = false;

    *stored = true;
    if (bytes.length == 0)
        return false;
    uv_mutex_lock(&stream->lock);
    *stored = make_room(stream, bytes.length);
    if (*stored) {
        memcpy(stream->bytes + stream->start + stream->length, bytes.bytes,
               bytes.length);
        stream->length += bytes.length;
        tell = changed(stream);
    }
    uv_mutex_unlock(&stream->lock);
    return tell;
}

bool body_stream_finish(struct body_stream *stream, enum body_stream_end end)
{
    bool tell = false;

    uv_mutex_lock(&stream->lock);
    if (stream->end == BODY_STREAM_OPEN) {
        stream->end = end;
        tell = changed(stream);
    }
    uv_mutex_unlock(&stream->lock);
    return tell;
}

bool body_stream_is_full(struct body_stream *stream)
{
    bool full;

    uv_mutex_lock(&stream->lock);
    full = stream->length >= BODY_STREAM_BYTES_MAX;
    stream->full = full;
    uv_mutex_unlock(&stream->lock);
    return full;
}

/* Under the lock. */
static int64_t take(struct body_stream *stream, char *bytes, size_t room)
{
    size_t taken = stream->length < room ? stream->length : room;

    if (taken == 0)
        return stream->end == BODY_STREAM_OPEN    ? PYRS_BODY_WAIT
               : stream->end == BODY_STREAM_WHOLE ? PYRS_BODY_END
                                                  : PYRS_BODY_GONE;
    memcpy(bytes, stream->bytes + stream->start, taken);
    stream->length -= taken;
    stream->start = stream->length > 0 ? stream->start + taken : 0;
    return (int64_t)taken;
}

int64_t body_stream_take(struct body_stream *stream, char *bytes, size_t room,
                         bool wait, bool *tell_loop)
{
    int64_t taken;

    uv_mutex_lock(&stream->lock);
    *tell_loop = !stream->wanted;
    stream->wanted = true;
    while ((taken = take(stream, bytes, room)) == PYRS_BODY_WAIT && wait && !*tell_loop)
        uv_cond_wait(&stream->changed, &stream->lock);
    if (taken == PYRS_BODY_WAIT)
        stream->awaited = !wait;
    if (stream->full && stream->length < BODY_STREAM_BYTES_MAX / 2) {
        stream->full = false;
        *tell_loop = true;
    }
    uv_mutex_unlock(&stream->lock);
    return taken;
}
