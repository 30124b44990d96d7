/* file_cache.h - what a loop holds ready of static files, found by the path that was
 * asked for.
 *
 * An entry is what a path leads to: the file, and its siblings in other codings
 * (accept_encoding.h). It is believed for a second; then its file is opened anew, and
 * if it is what it was, the entry is believed again. The least recently used go when
 * there are too many, or too many bytes or descriptors. Descriptors that nobody wants
 * any more are closed within seconds: they would keep a deleted file's space.
 *
 * Belongs to one loop, so nothing is locked.
 */
#ifndef PYRS_SERVE_FILE_CACHE_H
#define PYRS_SERVE_FILE_CACHE_H

#include "../http/accept_encoding.h"
#include "../net/list.h"
#include "stored_file.h"

/* A site's popular files; the rest is in the system's memory anyway. */
enum { FILE_CACHE_BYTES_MAX = 32 * 1024 * 1024 };
enum { FILE_CACHE_ENTRIES_MAX = 16 * 1024 };
/* Large files that are asked for again and again, per loop. */
enum { FILE_CACHE_DESCRIPTORS_MAX = 64 };

struct file_key {
    const void *owner; /* whose path it is: the endpoint */
    slice path;
    bool is_folder; /* asked for with a slash at its end */
};

struct cached_file {
    struct link used;  /* in file_cache.used */
    struct link chain; /* in its bucket */
    uint64_t hash;
    int64_t checked_ms;
    int64_t used_ms;
    unsigned codings; /* that there are, bits 1 << enum content_coding */
    struct stored_file *stored[CODING_COUNT]; /* those that are held */
    int64_t stored_checked_ms[CODING_COUNT];
    const void *owner;
    bool is_folder;
    size_t path_bytes;
    char path[];
};

struct file_cache {
    struct link *buckets; /* NULL until something is put in */
    struct link used;     /* the least recently used first */
    struct output_store *store;
    uint32_t entries;
    uint32_t descriptors;
    size_t bytes;
};

void file_cache_init(struct file_cache *cache, struct output_store *store);
void file_cache_fini(struct file_cache *cache);

/* NULL if nothing is known of it, or not for certain any more. */
struct cached_file *file_cache_find(struct file_cache *cache,
                                    const struct file_key *key, int64_t now_ms);

/* What is held of an entry in that coding, if it may still be sent; else NULL. */
struct stored_file *file_cache_stored(const struct cached_file *entry,
                                      enum content_coding coding, int64_t now_ms);

/* What was opened and read. */
struct file_found {
    enum content_coding coding;
    unsigned codings; /* that there are */
    int descriptor;   /* of the file in that coding */
    struct stat facts;
};

/* If what is held is of a file with those facts, it is believed again, and given. Else
 * NULL. */
struct stored_file *file_cache_confirm(struct file_cache *cache,
                                       const struct file_key *key,
                                       const struct file_found *found, int64_t now_ms);

/* Takes what was made of it, and its descriptor. False if memory is out: both are gone.
 */
bool file_cache_put(struct file_cache *cache, const struct file_key *key,
                    const struct file_found *found, struct stored_file *stored,
                    int64_t now_ms);

/* Closes descriptors that were not used lately. True if some are left. */
bool file_cache_sweep(struct file_cache *cache, int64_t now_ms);

#endif
