/* marks.c - see marks.h. */
#include "marks.h"

#include <string.h>

#include "exchange.h"

/* Quick runs in a row until a route comes back to its loop, at first and at most. A
 * route that deserves its mark is not quick so often. */
enum { ENOUGH_FIRST = 16, ENOUGH_MAX = 4096 };
/* So many times as many runs, quick or not, until one is tried on the loop. */
enum { TRIAL_FACTOR = 16 };
/* Losing a loop twice within this time is no accident. */
enum { COMPUTED_AGAIN_MS = 100 };
/* Slow paths below one folder until all of it is taken for slow. */
enum { FOLDER_PATHS = 4 };
/* Bytes of a path that count. */
enum { PATH_BYTES_MAX = 256 };

/* ---- places ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

static uint32_t slot_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32) % MARK_SLOTS;
}

static bool has_digit(slice segment)
{
    for (size_t i = 0; i < segment.length; i++)
        if (segment.bytes[i] >= '0' && segment.bytes[i] <= '9')
            return true;
    return false;
}

static uint64_t mix_segment(uint64_t hash, slice segment)
{
    if (has_digit(segment))
        return mix(hash, '#');
    for (size_t i = 0; i < segment.length; i++)
        hash = mix(hash, (uint8_t)segment.bytes[i]);
    return mix(hash, '/');
}

static slice next_segment(slice *path)
{
    const char *slash = memchr(path->bytes, '/', path->length);
    size_t length = slash ? (size_t)(slash - path->bytes) : path->length;
    slice segment = slice_of(path->bytes, length);

    length += slash != NULL;
    *path = slice_of(path->bytes + length, path->length - length);
    return segment;
}

static struct mark_place place_in(uint64_t hash, slice path)
{
    struct mark_place place = {slot_of(hash), MARK_SLOTS};

    if (path.length > PATH_BYTES_MAX)
        path.length = PATH_BYTES_MAX;
    for (int depth = 0; path.length > 0; depth++) {
        uint64_t folder = hash;

        hash = mix_segment(hash, next_segment(&path));
        if (depth > 0)
            place.folder = slot_of(mix(folder, '*'));
        place.own = slot_of(hash);
    }
    return place;
}

/* A route has the same place in each run; what answers instead of it, an error page
 * say, need not. */
static uint64_t hash_route(const struct pyrs_exchange *exchange)
{
    const struct route *route = exchange->match.route;

    if (route && route->endpoint == exchange->endpoint)
        return mix(0, route->number);
    return mix((uint64_t)(uintptr_t)exchange->endpoint, 0);
}

struct mark_place marks_place(const struct pyrs_exchange *exchange)
{
    const struct route *route = exchange->match.route;
    uint64_t hash = hash_route(exchange);

    if (!route || !route->takes_rest)
        return (struct mark_place){slot_of(hash), MARK_SLOTS};
    return place_in(mix(hash, exchange->head.method),
                    span_in(exchange->path.bytes, exchange->match.rest));
}

/* ---- marks ---- */

static bool is_set(const struct marks *marks, uint32_t slot)
{
    return slot < MARK_SLOTS &&
           atomic_load_explicit(&marks->slots[slot].set, memory_order_relaxed);
}

/* Which of the two has the mark; MARK_SLOTS: none. */
static uint32_t set_one_of(const struct marks *marks, struct mark_place place)
{
    if (is_set(marks, place.own))
        return place.own;
    return is_set(marks, place.folder) ? place.folder : MARK_SLOTS;
}

bool marks_have(const struct marks *marks, struct mark_place place)
{
    return set_one_of(marks, place) < MARK_SLOTS;
}

static void set(struct marks *marks, uint32_t slot)
{
    struct mark *mark = &marks->slots[slot];
    uint32_t enough = atomic_load_explicit(&mark->enough, memory_order_relaxed);

    enough = enough == 0 ? ENOUGH_FIRST : enough * 2;
    if (enough > ENOUGH_MAX)
        enough = ENOUGH_MAX;
    atomic_store_explicit(&mark->enough, (uint16_t)enough, memory_order_relaxed);
    atomic_store_explicit(&mark->quick, 0, memory_order_relaxed);
    atomic_store_explicit(&mark->beside, 0, memory_order_relaxed);
    if (!atomic_exchange_explicit(&mark->set, 1, memory_order_relaxed))
        atomic_fetch_add_explicit(&marks->count, 1, memory_order_relaxed);
}

static void clear(struct marks *marks, uint32_t slot)
{
    struct mark *mark = &marks->slots[slot];

    atomic_store_explicit(&mark->paths, 0, memory_order_relaxed);
    if (atomic_exchange_explicit(&mark->set, 0, memory_order_relaxed))
        atomic_fetch_sub_explicit(&marks->count, 1, memory_order_relaxed);
}

bool marks_computed_before(struct marks *marks, struct mark_place place,
                           uint64_t now_ns)
{
    uint32_t now_ms = (uint32_t)(now_ns / 1000000);
    uint32_t last_ms = atomic_exchange_explicit(&marks->slots[place.own].computed_ms,
                                                now_ms, memory_order_relaxed);

    return last_ms && now_ms - last_ms < COMPUTED_AGAIN_MS;
}

void marks_set(struct marks *marks, struct mark_place place)
{
    bool again = is_set(marks, place.own);
    uint8_t paths;

    set(marks, place.own);
    if (again || place.folder == MARK_SLOTS || is_set(marks, place.folder))
        return;
    paths = (uint8_t)(1 + atomic_fetch_add_explicit(&marks->slots[place.folder].paths,
                                                    1, memory_order_relaxed));
    if (paths >= FOLDER_PATHS)
        set(marks, place.folder);
}

static void note(struct marks *marks, uint32_t slot, bool quick)
{
    struct mark *mark = &marks->slots[slot];
    uint32_t runs = atomic_load_explicit(&mark->quick, memory_order_relaxed);

    runs = quick ? runs + 1 : 0;
    if (runs >= atomic_load_explicit(&mark->enough, memory_order_relaxed)) {
        clear(marks, slot);
        runs = 0;
    }
    atomic_store_explicit(&mark->quick, (uint16_t)runs, memory_order_relaxed);
}

void marks_note_run(struct marks *marks, struct mark_place place, bool quick)
{
    uint32_t slot = set_one_of(marks, place);

    if (slot < MARK_SLOTS)
        note(marks, slot, quick);
}

bool marks_try(struct marks *marks, struct mark_place place)
{
    uint32_t slot = set_one_of(marks, place);
    struct mark *mark = &marks->slots[slot];
    uint32_t runs, enough;

    if (slot == MARK_SLOTS)
        return false;
    runs = 1 + atomic_load_explicit(&mark->beside, memory_order_relaxed);
    enough = atomic_load_explicit(&mark->enough, memory_order_relaxed);
    if (runs <= TRIAL_FACTOR * enough) {
        atomic_store_explicit(&mark->beside, runs, memory_order_relaxed);
        return false;
    }
    atomic_store_explicit(&mark->beside, 0, memory_order_relaxed);
    return true;
}

void marks_passed(struct marks *marks, struct mark_place place)
{
    uint32_t slot = set_one_of(marks, place);

    if (slot < MARK_SLOTS)
        clear(marks, slot);
}
