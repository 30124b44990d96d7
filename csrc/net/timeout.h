/* timeout.h - many deadlines that are nearly always postponed: a timing wheel.
 *
 * A keep-alive connection moves its deadline with every request and hardly ever meets
 * it. So postponing is one store: the entry stays in its slot, and only when the slot
 * comes round is the deadline looked at and the entry moved on. Deadlines are met up to
 * TIMEOUT_TICK_MS late, never early. The clock is the caller's.
 */
#ifndef PYRS_NET_TIMEOUT_H
#define PYRS_NET_TIMEOUT_H

#include <stdint.h>

#include "list.h"

enum { TIMEOUT_TICK_MS = 128, TIMEOUT_SLOTS = 256 };

struct timeout {
    struct link link;
    uint64_t deadline_ms;
    uint64_t slot_tick; /* of the slot it stands in */
};

struct timeout_wheel {
    struct link slots[TIMEOUT_SLOTS];
    struct link due;
    uint64_t tick; /* every slot before it has been emptied */
    uint32_t count;
};

void timeout_wheel_init(struct timeout_wheel *wheel, uint64_t now_ms);

void timeout_init(struct timeout *timeout);

/* Sets or moves the deadline. */
void timeout_set(struct timeout_wheel *wheel, struct timeout *timeout,
                 uint64_t deadline_ms);
void timeout_cancel(struct timeout_wheel *wheel, struct timeout *timeout);

/* Takes one entry out whose deadline has passed; NULL if there is none (any more). Any
 * entry may be set or cancelled between two calls. */
struct timeout *timeout_take_due(struct timeout_wheel *wheel, uint64_t now_ms);

#endif
