/* file_cache.c - see file_cache.h. */
#include "file_cache.h"

#include <stdlib.h>
#include <unistd.h>

/* A changed file is noticed within a second, of which a turn may take some. */
enum { BELIEVED_MS = 900 };
/* Until an unused descriptor is closed. */
enum { DESCRIPTOR_IDLE_MS = 2000 };
/* A power of two; two entries to a bucket at most, on average. */
enum { BUCKETS = FILE_CACHE_ENTRIES_MAX / 2 };

void file_cache_init(struct file_cache *cache, struct output_store *store)
{
    *cache = (struct file_cache){.store = store};
    list_init(&cache->used);
}

/* ---- looking up ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static uint64_t hash_of(const struct file_key *key)
{
    uint64_t hash = mix((uintptr_t)key->owner, key->path.length * 2 + key->is_folder);
    const char *bytes = key->path.bytes;
    size_t left = key->path.length;
    uint64_t word = 0;

    for (; left >= sizeof word; left -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = mix(hash, word);
    }
    word = 0;
    if (left > 0)
        memcpy(&word, bytes, left);
    return mix(hash, word);
}

static struct link *bucket_of(const struct file_cache *cache, uint64_t hash)
{
    return &cache->buckets[hash % BUCKETS];
}

static bool is_at(const struct cached_file *entry, uint64_t hash,
                  const struct file_key *key)
{
    return entry->hash == hash && entry->owner == key->owner &&
           entry->is_folder == key->is_folder &&
           slice_equal(slice_of(entry->path, entry->path_bytes), key->path);
}

static struct cached_file *look_up(const struct file_cache *cache, uint64_t hash,
                                   const struct file_key *key)
{
    struct link *bucket;

    if (!cache->buckets)
        return NULL;
    bucket = bucket_of(cache, hash);
    for (struct link *link = bucket->next; link != bucket; link = link->next) {
        struct cached_file *entry = CONTAINER_OF(link, struct cached_file, chain);

        if (is_at(entry, hash, key))
            return entry;
    }
    return NULL;
}

static void note_use(struct file_cache *cache, struct cached_file *entry,
                     int64_t now_ms)
{
    entry->used_ms = now_ms;
    list_remove(&entry->used);
    list_append(&cache->used, &entry->used);
}

static bool is_believed(int64_t checked_ms, int64_t now_ms)
{
    return now_ms - checked_ms < BELIEVED_MS;
}

struct cached_file *file_cache_find(struct file_cache *cache,
                                    const struct file_key *key, int64_t now_ms)
{
    struct cached_file *entry = look_up(cache, hash_of(key), key);

    if (!entry || !is_believed(entry->checked_ms, now_ms))
        return NULL;
    note_use(cache, entry, now_ms);
    return entry;
}

struct stored_file *file_cache_stored(const struct cached_file *entry,
                                      enum content_coding coding, int64_t now_ms)
{
    struct stored_file *stored = entry->stored[coding];

    if (!stored || !is_believed(entry->stored_checked_ms[coding], now_ms))
        return NULL;
    return stored_file_holds(stored) ? stored : NULL;
}

/* ---- letting go ---- */

static void drop_stored(struct file_cache *cache, struct cached_file *entry,
                        enum content_coding coding)
{
    struct stored_file *stored = entry->stored[coding];

    if (!stored)
        return;
    cache->bytes -= stored->memory_bytes;
    cache->descriptors -= stored->file != NULL;
    stored_file_free(stored, cache->store);
    entry->stored[coding] = NULL;
}

static void drop_entry(struct file_cache *cache, struct cached_file *entry)
{
    for (enum content_coding coding = 0; coding < CODING_COUNT; coding++)
        drop_stored(cache, entry, coding);
    list_remove(&entry->used);
    list_remove(&entry->chain);
    cache->bytes -= sizeof *entry + entry->path_bytes;
    cache->entries--;
    free(entry);
}

static struct cached_file *least_used(const struct file_cache *cache)
{
    return CONTAINER_OF(cache->used.next, struct cached_file, used);
}

static void drop_descriptors(struct file_cache *cache, struct cached_file *entry)
{
    for (enum content_coding coding = 0; coding < CODING_COUNT; coding++)
        if (entry->stored[coding] && entry->stored[coding]->file)
            drop_stored(cache, entry, coding);
}

/* Entries without descriptors may be much younger than those with. */
static void close_least_used(struct file_cache *cache)
{
    struct link *link = cache->used.next;

    while (cache->descriptors > FILE_CACHE_DESCRIPTORS_MAX) {
        drop_descriptors(cache, CONTAINER_OF(link, struct cached_file, used));
        link = link->next;
    }
}

/* The last one used stays, so that it can be answered with. */
static void keep_limits(struct file_cache *cache)
{
    while (cache->entries > 1 && (cache->entries > FILE_CACHE_ENTRIES_MAX ||
                                  cache->bytes > FILE_CACHE_BYTES_MAX))
        drop_entry(cache, least_used(cache));
    close_least_used(cache);
}

void file_cache_fini(struct file_cache *cache)
{
    while (!list_is_empty(&cache->used))
        drop_entry(cache, least_used(cache));
    free(cache->buckets);
}

bool file_cache_sweep(struct file_cache *cache, int64_t now_ms)
{
    for (struct link *link = cache->used.next;
         link != &cache->used && cache->descriptors > 0; link = link->next) {
        struct cached_file *entry = CONTAINER_OF(link, struct cached_file, used);

        if (now_ms - entry->used_ms < DESCRIPTOR_IDLE_MS)
            break; /* those behind it were used later */
        drop_descriptors(cache, entry);
    }
    return cache->descriptors > 0;
}

/* ---- putting in ---- */

static bool make_buckets(struct file_cache *cache)
{
    if (cache->buckets)
        return true;
    cache->buckets = malloc(BUCKETS * sizeof *cache->buckets);
    if (!cache->buckets)
        return false;
    for (size_t i = 0; i < BUCKETS; i++)
        list_init(&cache->buckets[i]);
    return true;
}

static struct cached_file *add_entry(struct file_cache *cache, uint64_t hash,
                                     const struct file_key *key)
{
    size_t bytes = sizeof(struct cached_file) + key->path.length;
    struct cached_file *entry = make_buckets(cache) ? calloc(1, bytes) : NULL;

    if (!entry)
        return NULL;
    counter_add(cache->store->allocations, 1);
    entry->hash = hash;
    entry->owner = key->owner;
    entry->is_folder = key->is_folder;
    entry->path_bytes = key->path.length;
    if (key->path.length > 0)
        memcpy(entry->path, key->path.bytes, key->path.length);
    list_init(&entry->used);
    list_append(bucket_of(cache, hash), &entry->chain);
    cache->entries++;
    cache->bytes += bytes;
    return entry;
}

static void believe(struct file_cache *cache, struct cached_file *entry,
                    enum content_coding coding, int64_t now_ms)
{
    entry->checked_ms = entry->stored_checked_ms[coding] = now_ms;
    note_use(cache, entry, now_ms);
}

struct stored_file *file_cache_confirm(struct file_cache *cache,
                                       const struct file_key *key,
                                       const struct file_found *found, int64_t now_ms)
{
    struct cached_file *entry = look_up(cache, hash_of(key), key);
    struct stored_file *stored = entry ? entry->stored[found->coding] : NULL;

    if (!stored || entry->codings != found->codings ||
        !stored_file_is_of(stored, &found->facts))
        return NULL;
    believe(cache, entry, found->coding, now_ms);
    return stored;
}

/* The entry, without what is out of date. Which codings there are is said in the lines
 * of each (Vary). */
static struct cached_file *entry_for(struct file_cache *cache,
                                     const struct file_key *key,
                                     const struct file_found *found)
{
    uint64_t hash = hash_of(key);
    struct cached_file *entry = look_up(cache, hash, key);

    if (!entry)
        entry = add_entry(cache, hash, key);
    if (!entry)
        return NULL;
    for (enum content_coding coding = 0; coding < CODING_COUNT; coding++)
        if (coding == found->coding || entry->codings != found->codings)
            drop_stored(cache, entry, coding);
    entry->codings = found->codings;
    return entry;
}

bool file_cache_put(struct file_cache *cache, const struct file_key *key,
                    const struct file_found *found, struct stored_file *stored,
                    int64_t now_ms)
{
    struct cached_file *entry = entry_for(cache, key, found);

    if (!entry) {
        close(found->descriptor);
        stored_file_free(stored, NULL);
        return false;
    }
    counter_add(cache->store->allocations,
                1); /* of the file; it was not at home then */
    believe(cache, entry, found->coding, now_ms);
    if (!stored_file_settle(stored, found->descriptor, cache->store))
        return false;
    entry->stored[found->coding] = stored;
    cache->bytes += stored->memory_bytes;
    cache->descriptors += stored->file != NULL;
    keep_limits(cache);
    return true;
}
