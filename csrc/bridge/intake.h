/* intake.h - taking a request's body from its exchange.
 *
 * A body that arrives may have to be waited for; the interpreter is left meanwhile. A
 * thread may still wait when the handler of its request returns. The exchange must not
 * go then, so whoever takes from it holds a lock, and intake_end takes that lock.
 */
#ifndef PYRS_BRIDGE_INTAKE_H
#define PYRS_BRIDGE_INTAKE_H

#include <stdint.h>

#include "../pyrs.h"
#include "python.h"

struct intake {
    PyThread_type_lock lock; /* NULL until something is taken */
    bool is_over;            /* nothing may be taken any more */
};

enum {
    INTAKE_FAILED = -3, /* beside enum pyrs_body_outcome: with an exception set */
};

/* Before the exchange goes: waits for a thread that is taking, and stops it. */
void intake_end(struct intake *intake);

void intake_fini(struct intake *intake);

/* RuntimeError: the request is over. */
void intake_set_over(void);

/* What has come, at most `room` bytes; or an enum pyrs_body_outcome, PYRS_BODY_WAIT
 * also if another thread is taking. */
int64_t intake_take_now(struct intake *intake, struct pyrs_exchange *exchange,
                        char *bytes, size_t room);

/* The same, after intake_take_now; never PYRS_BODY_WAIT. */
int64_t intake_take_waiting(struct intake *intake, struct pyrs_exchange *exchange,
                            char *bytes, size_t room);

#endif
