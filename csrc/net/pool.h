/* pool.h - a bounded free list of blocks of one size.
 *
 * Belongs to one loop: no lock. Taking from a warm pool touches one cache line; only a
 * miss allocates, and is counted, so that a test can assert that warm requests do not.
 */
#ifndef PYRS_NET_POOL_H
#define PYRS_NET_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "counter.h"

struct pool {
    void *free_blocks;
    size_t block_bytes;
    uint32_t free_count;
    uint32_t free_max; /* blocks kept beyond it go back to the heap */
    counter *allocations;
};

void pool_init(struct pool *pool, size_t block_bytes, uint32_t free_max,
               counter *allocations);

/* Frees the blocks that are in the pool; those taken must have been given back. */
void pool_fini(struct pool *pool);

/* Uninitialised memory; NULL if the heap has none. */
void *pool_take(struct pool *pool);
void pool_give(struct pool *pool, void *block);

#endif
