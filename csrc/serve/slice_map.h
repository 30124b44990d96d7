/* slice_map.h - from bytes to a pointer, for tables that are filled once and asked
 * often.
 *
 * Open addressing with linear probing, never more than half full, the whole hash beside
 * each key, so that a wrong key is hardly ever compared. Keys come from the project
 * file, not from clients: what a client sends is only looked up, so the hash needs no
 * secret.
 */
#ifndef PYRS_SERVE_SLICE_MAP_H
#define PYRS_SERVE_SLICE_MAP_H

#include "../http/slice.h"

/* Counts the steps of a lookup: the tests define it. */
#ifndef LOOKUP_STEP
#define LOOKUP_STEP() ((void)0)
#endif

struct slice_map_entry {
    uint64_t hash;
    slice key; /* NULL bytes: free */
    void *value;
};

/* All zero is an empty map. */
struct slice_map {
    struct slice_map_entry *entries;
    size_t capacity; /* a power of two */
    size_t count;
    size_t key_bytes_max; /* longer keys are not even hashed */
};

/* The key is borrowed, not empty and not in the map yet. False if memory is out. */
bool slice_map_add(struct slice_map *map, slice key, void *value);

void slice_map_fini(struct slice_map *map);

static inline uint64_t slice_map_load(const char *bytes, size_t length)
{
    uint64_t wide = 0;
    uint32_t front, back;

    if (length >= 8) {
        memcpy(&wide, bytes, 8);
        return wide;
    }
    if (length >= 4) { /* two halves that overlap */
        memcpy(&front, bytes, 4);
        memcpy(&back, bytes + length - 4, 4);
        return (uint64_t)back << 32 | front;
    }
    return (uint64_t)(unsigned char)bytes[0] << 16 |
           (uint64_t)(unsigned char)bytes[length / 2] << 8 |
           (uint64_t)(unsigned char)bytes[length - 1];
}

/* Spreads every bit of the hash over all of them: one multiplication moves bits only
 * upwards, the shift brings them down again. */
static inline uint64_t slice_map_mix(uint64_t hash)
{
    hash *= 0x9E3779B97F4A7C15; /* 2^64 over the golden ratio */
    return hash ^ hash >> 32;
}

/* 8 bytes a step, the last 8 overlapping. Mixed twice at the end: the last bytes of a
 * word are its highest bits, and keys differ in their last bytes. */
static inline uint64_t slice_map_hash(slice key)
{
    uint64_t hash = key.length;
    size_t at = 0;

    for (; at + 8 < key.length; at += 8)
        hash = slice_map_mix(hash ^ slice_map_load(key.bytes + at, 8));
    if (key.length >= 8)
        at = key.length - 8;
    hash ^= slice_map_load(key.bytes + at, key.length - at);
    return slice_map_mix(slice_map_mix(hash));
}

/* NULL if it is not there. */
static inline void *slice_map_find(const struct slice_map *map, slice key)
{
    uint64_t hash;

    if (key.length - 1 >= map->key_bytes_max) /* an empty key too; an empty map has 0 */
        return NULL;
    hash = slice_map_hash(key);
    for (size_t at = (size_t)hash;; at++) {
        const struct slice_map_entry *entry = &map->entries[at & (map->capacity - 1)];

        LOOKUP_STEP();
        if (entry->hash == hash && entry->key.bytes != NULL &&
            slice_equal(entry->key, key))
            return entry->value;
        if (entry->key.bytes == NULL)
            return NULL;
    }
}

#endif
