/* byteranges.c - see byteranges.h. */
#include "byteranges.h"

/* One list of pieces for measuring and for writing. */
enum { PIECES_MAX = 10 };

struct pieces {
    slice texts[PIECES_MAX];
    size_t count;
    char content_range[CONTENT_RANGE_BYTES_MAX];
};

static void add(struct pieces *pieces, slice text)
{
    pieces->texts[pieces->count++] = text;
}

static void list_pieces(const struct byteranges *body, const struct byte_range *range,
                        struct pieces *pieces)
{
    pieces->count = 0;
    add(pieces, SLICE("\r\n--"));
    add(pieces, body->boundary);
    if (!range) {
        add(pieces, SLICE("--\r\n"));
        return;
    }
    if (body->content_type.length > 0) {
        add(pieces, SLICE("\r\nContent-Type: "));
        add(pieces, body->content_type);
    }
    add(pieces, SLICE("\r\nContent-Range: "));
    add(pieces,
        slice_of(pieces->content_range,
                 content_range_write(range, body->length, pieces->content_range)));
    add(pieces, SLICE("\r\n\r\n"));
}

size_t byteranges_head_size(const struct byteranges *body,
                            const struct byte_range *range)
{
    struct pieces pieces;
    size_t size = 0;

    list_pieces(body, range, &pieces);
    for (size_t i = 0; i < pieces.count; i++)
        size += pieces.texts[i].length;
    return size;
}

char *byteranges_write_head(const struct byteranges *body,
                            const struct byte_range *range, char *out)
{
    struct pieces pieces;

    list_pieces(body, range, &pieces);
    for (size_t i = 0; i < pieces.count; i++) {
        memcpy(out, pieces.texts[i].bytes, pieces.texts[i].length);
        out += pieces.texts[i].length;
    }
    return out;
}

uint64_t byteranges_size(const struct byteranges *body, const struct range_set *set)
{
    uint64_t size = byteranges_head_size(body, NULL);

    for (uint32_t i = 0; i < set->count; i++)
        size += byteranges_head_size(body, &set->ranges[i]) + set->ranges[i].length;
    return size;
}
