/* listing_entries.h - what is in a folder, as far as it is shown, in an order. */
#ifndef PYRS_SERVE_LISTING_ENTRIES_H
#define PYRS_SERVE_LISTING_ENTRIES_H

#include "listing.h"

enum listing_key { LISTING_BY_NAME, LISTING_BY_SIZE, LISTING_BY_DATE };

struct listing_order {
    enum listing_key key;
    bool descending;
};

/* Of folders only the names and dates mean anything. */
struct listing_entry {
    uint64_t size;
    int64_t modified; /* seconds since 1970 */
    size_t name_length;
    char name[];
};

struct listing_group {
    struct listing_entry **entries;
    uint32_t count, capacity;
};

/* All zero is none. */
struct listing_entries {
    struct listing_group folders, files;
    bool cut; /* there are more */
};

/* What the query asks for, the last word counting; by name without one. */
struct listing_order listing_order_read(slice query);

/* Reads listing->folder, and closes it. False with errno if that fails, and *entries is
 * to be freed all the same. */
bool listing_entries_read(struct listing_entries *entries,
                          const struct listing *listing);

/* Names as a person sorts them: "Zoo" behind "apple", "file10" behind "file9". Those
 * that are equal by another key follow each other so. */
void listing_entries_sort(struct listing_entries *entries, struct listing_order order);

void listing_entries_free(struct listing_entries *entries);

#endif
