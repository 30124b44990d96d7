/* site.h - what one project.pyrs describes, fixed while it is served: read by every
 * loop without a lock. */
#ifndef PYRS_SERVE_SITE_H
#define PYRS_SERVE_SITE_H

#include <stdatomic.h>

#include "../http/request_head.h"
#include "endpoint.h"
#include "log.h"
#include "router.h"

/* What the programs of all endpoints do; counted by whichever thread has them. */
struct program_counters {
    _Atomic uint64_t runs;
    _Atomic uint64_t running; /* now */
    _Atomic uint64_t waiting; /* now */
    _Atomic uint64_t killed;
};

/* Statuses that an error page may have. */
enum { ERROR_STATUS_MIN = 400, ERROR_STATUS_MAX = 599 };

struct site {
    struct pyrs_settings settings;
    struct head_limits head_limits;
    struct router *router;
    struct pyrs_endpoint *not_found, *method_not_allowed; /* NULL: a status page */
    struct pyrs_endpoint
        *error_pages[ERROR_STATUS_MAX - ERROR_STATUS_MIN + 1]; /* NULL: a plain page */
    struct log *log;
    const struct interpreter *interpreter; /* of the endpoints that need one, or NULL */
    struct program_counters *programs;
    bool others_go_on; /* with its sockets, when it stops */
    char server_name[128];
};

#endif
