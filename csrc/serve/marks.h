/* marks.h - which routes are known to block.
 *
 * A route is marked when its handler lost a loop while it slept, or soon again while it
 * computed, and from then on begins on other threads; when it was quick there for long
 * enough it comes back to the loop. Each time it has to be marked again it must have
 * been quick for twice as long. Where many threads wait for the interpreter nothing is
 * quick, so now and then one run is tried on the loop.
 *
 * A route that takes a rest ("/" followed by "*": a WSGI application, a framework)
 * holds many paths, of which one may be slow and the others not: there the mark is kept
 * by path, in which a segment with a digit counts as any other (/users/17, /users/42).
 * Where several paths below a folder are slow (/reports/ and a name), the folder is
 * marked.
 *
 * Marks stand in a table of fixed size, found by a hash: two paths may share one, which
 * costs the innocent a thread switch. Read and written by any thread without a lock: a
 * lost update costs as little.
 */
#ifndef PYRS_SERVE_MARKS_H
#define PYRS_SERVE_MARKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pyrs_exchange;

enum { MARK_SLOTS = 4096 };

struct mark {
    _Atomic uint8_t set;
    _Atomic uint8_t paths;        /* of a folder: slow ones below it */
    _Atomic uint16_t quick;       /* runs in a row */
    _Atomic uint16_t enough;      /* so many, and the mark goes */
    _Atomic uint32_t beside;      /* runs since it was set or tried */
    _Atomic uint32_t computed_ms; /* when it lost a loop last while it computed */
};

struct marks {
    _Atomic uint32_t count; /* now set */
    struct mark slots[MARK_SLOTS];
};

/* Where the marks of a request stand. */
struct mark_place {
    uint32_t own;
    uint32_t folder; /* MARK_SLOTS: none */
};

struct mark_place marks_place(const struct pyrs_exchange *exchange);

static inline bool marks_any(const struct marks *marks)
{
    return atomic_load_explicit(&marks->count, memory_order_relaxed) > 0;
}

bool marks_have(const struct marks *marks, struct mark_place place);

/* It has lost a loop while it computed: true if it did so shortly before as well. */
bool marks_computed_before(struct marks *marks, struct mark_place place,
                           uint64_t now_ns);

/* It has lost a loop. */
void marks_set(struct marks *marks, struct mark_place place);

/* True if this run is the one to be tried on the loop, which loses it if the route
 * still blocks. */
bool marks_try(struct marks *marks, struct mark_place place);

/* It kept the loop. */
void marks_passed(struct marks *marks, struct mark_place place);

/* It ran on a thread of its own. */
void marks_note_run(struct marks *marks, struct mark_place place, bool quick);

#endif
