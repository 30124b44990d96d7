/* attach.h - how a thread enters and leaves the interpreter.
 *
 * A thread that Python knows (one that called pyrs_server_run through cffi) uses the
 * state Python made for it. A loop's thread, which C made, gets a state at its first
 * attach and keeps it until thread_end: a state is only ever used by the thread that
 * made it, and making one per attach would cost more than most handlers.
 *
 * Once the interpreter finalises, a loop's thread never comes back from attach: the
 * server should have been stopped before, and nothing it could return to is left.
 */
#ifndef PYRS_BRIDGE_ATTACH_H
#define PYRS_BRIDGE_ATTACH_H

#include "../serve/endpoint.h"
#include "python.h"

/* Callbacks for the interpreter that the caller is attached to. */
struct interpreter attach_callbacks(void);

/* For a call from outside the server's life: a state made for it is deleted again.
 * False if the interpreter is gone. */
bool attach_once(const struct interpreter *interpreter, void **attached);
void detach_once(const struct interpreter *interpreter, void *attached);

#endif
