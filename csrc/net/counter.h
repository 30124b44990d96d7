/* counter.h - a number that one thread counts and any thread may read.
 *
 * One writer means no locked instruction: a relaxed load and store, plain moves on
 * every common machine, and still no data race.
 */
#ifndef PYRS_NET_COUNTER_H
#define PYRS_NET_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct counter {
    _Atomic uint64_t value;
} counter;

static inline uint64_t counter_read(const counter *c)
{
    return atomic_load_explicit(&c->value, memory_order_relaxed);
}

static inline void counter_add(counter *c, uint64_t n)
{
    atomic_store_explicit(&c->value, counter_read(c) + n, memory_order_relaxed);
}

static inline void counter_subtract(counter *c, uint64_t n)
{
    atomic_store_explicit(&c->value, counter_read(c) - n, memory_order_relaxed);
}

#endif
