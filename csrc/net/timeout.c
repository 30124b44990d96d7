/* timeout.c - see timeout.h. */
#include "timeout.h"

static uint64_t tick_of(uint64_t ms)
{
    return ms / TIMEOUT_TICK_MS;
}

void timeout_wheel_init(struct timeout_wheel *wheel, uint64_t now_ms)
{
    for (int i = 0; i < TIMEOUT_SLOTS; i++)
        list_init(&wheel->slots[i]);
    list_init(&wheel->due);
    wheel->tick = tick_of(now_ms);
    wheel->count = 0;
}

void timeout_init(struct timeout *timeout)
{
    list_init(&timeout->link);
    timeout->deadline_ms = 0;
    timeout->slot_tick = 0;
}

/* The slot that comes round once the deadline is over, or the furthest there is. */
static void enter_slot(struct timeout_wheel *wheel, struct timeout *timeout)
{
    uint64_t tick = tick_of(timeout->deadline_ms) + 1;

    if (tick < wheel->tick)
        tick = wheel->tick;
    if (tick >= wheel->tick + TIMEOUT_SLOTS)
        tick = wheel->tick + TIMEOUT_SLOTS - 1;
    timeout->slot_tick = tick;
    list_append(&wheel->slots[tick % TIMEOUT_SLOTS], &timeout->link);
}

void timeout_set(struct timeout_wheel *wheel, struct timeout *timeout,
                 uint64_t deadline_ms)
{
    timeout->deadline_ms = deadline_ms;
    if (list_is_linked(&timeout->link)) {
        if (tick_of(deadline_ms) + 1 >= timeout->slot_tick)
            return;
        list_remove(&timeout->link);
    } else {
        wheel->count++;
    }
    enter_slot(wheel, timeout);
}

void timeout_cancel(struct timeout_wheel *wheel, struct timeout *timeout)
{
    if (!list_is_linked(&timeout->link))
        return;
    list_remove(&timeout->link);
    wheel->count--;
}

static void empty_slots(struct timeout_wheel *wheel, uint64_t now_tick)
{
    /* After a long sleep one revolution sees every slot. */
    if (now_tick >= wheel->tick + TIMEOUT_SLOTS)
        wheel->tick = now_tick - TIMEOUT_SLOTS + 1;
    for (; wheel->tick <= now_tick; wheel->tick++)
        list_move_all(&wheel->due, &wheel->slots[wheel->tick % TIMEOUT_SLOTS]);
}

struct timeout *timeout_take_due(struct timeout_wheel *wheel, uint64_t now_ms)
{
    struct link *link;

    empty_slots(wheel, tick_of(now_ms));
    while ((link = list_take_first(&wheel->due))) {
        struct timeout *timeout = CONTAINER_OF(link, struct timeout, link);

        if (timeout->deadline_ms <= now_ms) {
            wheel->count--;
            return timeout;
        }
        enter_slot(wheel, timeout);
    }
    return NULL;
}
