/* service.h - HTTP on one loop: what is ready, and what its answers share.
 *
 * Everything here belongs to the loop's thread; counters may be read by any.
 */
#ifndef PYRS_SERVE_SERVICE_H
#define PYRS_SERVE_SERVICE_H

#include "../http/http_date.h"
#include "../http/reject.h"
#include "../net/loop.h"
#include "access_log.h"
#include "endpoint.h"
#include "file_cache.h"
#include "mail.h"
#include "runner.h"

struct site;

struct service_counters {
    counter requests;
    counter exchanges_open;
    counter responses[6];
    counter rejections[REJECT_REASON_COUNT];
    counter handler_runs;
    counter handler_time_ns;
    counter late_responses;
};

struct service {
    struct loop loop;
    const struct site *site;
    struct service_counters counters;
    struct link ready; /* exchanges for run_ready, in order */
    struct link again; /* those that go on in the next turn */
    struct mailbox mailbox;
    struct pyrs_endpoint *unwoken; /* endpoint_class.wake is due; or NULL */
    struct runner *runner;         /* of the thread that drives the loop */
    struct runner own_runner;      /* while no crew does */
    bool attached;                 /* that thread is, to the site's interpreter */
    uint64_t
        contended_until_ms; /* others keep the interpreter: a visitor waits for it */
    bool visited; /* another thread waits for the interpreter, or has it, for this loop
                   */
    struct pool exchange_pool;
    struct access_log access_log;
    struct file_cache files;
    char *scratch; /* in the input slab, behind the bytes being read: resolved paths */

    /* "HTTP/1.1 200 OK\r\nServer: pyrs\r\nDate: ...\r\n", renewed when the second
     * changes. */
    char head_begin[352];
    size_t server_at, date_at, head_begin_bytes;
    time_t date_second;
};

bool service_init(struct service *service, const struct site *site, int *code);
void service_fini(struct service *service);

static inline struct service *service_of(struct loop *loop)
{
    return CONTAINER_OF(loop, struct service, loop);
}

/* The lines for an answer that leaves now: both, or one of them, or none. */
slice service_server_and_date(struct service *service, bool server, bool date);

/* Both, behind the status line of a 200. */
slice service_ok_begin(struct service *service);

/* Runs every ready exchange, those in Python within one attach to the interpreter.
 * False: another thread drives the loop now. */
bool service_run_ready(struct loop *loop);

/* Gives borrowed bodies back, attached if the site has an interpreter. False likewise.
 */
bool service_release_spent(struct loop *loop);

/* Does what other threads have written. */
void service_read_mail(struct loop *loop);

/* Every now and then while loop->ticks_wanted, or there are connections. */
void service_tick(struct loop *loop);

/* Takes back what waited for the interpreter on another thread. */
void service_reclaim(struct service *service);

/* The runner's thread drives the loop from now on. */
void service_driven_by(struct service *service, struct runner *runner);

/* Its loop was taken from a thread that runs `exchange`, or, with NULL, waits for the
 * interpreter and is now the loop's visitor. */
void service_take_over(struct service *service, struct pyrs_exchange *exchange);

#endif
