/* pool.c - see pool.h. A free block's first word points to the next. */
#include "pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Blocks that stand a power of two apart fall into the same few cache sets: an odd
 * number of cache lines spreads them over all. */
enum { CACHE_LINE = 64 };

static size_t spread(size_t bytes)
{
    size_t lines = (bytes + CACHE_LINE - 1) / CACHE_LINE;

    return (lines | 1) * CACHE_LINE;
}

void pool_init(struct pool *pool, size_t block_bytes, uint32_t free_max,
               counter *allocations)
{
    assert(block_bytes >= sizeof(void *));
    *pool = (struct pool){
        .block_bytes = spread(block_bytes),
        .free_max = free_max,
        .allocations = allocations,
    };
}

void pool_fini(struct pool *pool)
{
    while (pool->free_blocks) {
        void *block = pool->free_blocks;

        memcpy(&pool->free_blocks, block, sizeof(void *));
        free(block);
    }
    pool->free_count = 0;
}

void *pool_take(struct pool *pool)
{
    void *block = pool->free_blocks;

    if (!block) {
        counter_add(pool->allocations, 1);
        return malloc(pool->block_bytes);
    }
    memcpy(&pool->free_blocks, block, sizeof(void *));
    pool->free_count--;
    return block;
}

void pool_give(struct pool *pool, void *block)
{
    if (pool->free_count >= pool->free_max) {
        free(block);
        return;
    }
    memcpy(block, &pool->free_blocks, sizeof(void *));
    pool->free_blocks = block;
    pool->free_count++;
}
