#include "slice_map.h"

#include <assert.h>
#include <stdlib.h>

enum { CAPACITY_FIRST = 8 };

static void place(struct slice_map *map, struct slice_map_entry entry)
{
    size_t at = (size_t)entry.hash & (map->capacity - 1);

    while (map->entries[at].key.bytes != NULL)
        at = (at + 1) & (map->capacity - 1);
    map->entries[at] = entry;
}

static bool grow(struct slice_map *map)
{
    struct slice_map larger = *map;

    larger.capacity = map->capacity == 0 ? CAPACITY_FIRST : 2 * map->capacity;
    larger.entries = calloc(larger.capacity, sizeof(*larger.entries));
    if (larger.entries == NULL)
        return false;
    for (size_t at = 0; at < map->capacity; at++) {
        if (map->entries[at].key.bytes != NULL)
            place(&larger, map->entries[at]);
    }
    free(map->entries);
    *map = larger;
    return true;
}

bool slice_map_add(struct slice_map *map, slice key, void *value)
{
    assert(key.length > 0);
    if (2 * (map->count + 1) > map->capacity && !grow(map))
        return false;
    place(map, (struct slice_map_entry){slice_map_hash(key), key, value});
    map->count++;
    if (key.length > map->key_bytes_max)
        map->key_bytes_max = key.length;
    return true;
}

void slice_map_fini(struct slice_map *map)
{
    free(map->entries);
    *map = (struct slice_map){0};
}
