/* server.h - a server from inside: what its files share.
 *
 *   server.c     making, routes, running
 *   listening.c  addresses, and which socket which loop accepts from
 *   control.c    the thread that waits: signals, stops, loops that end
 *   counters.c   what the loops have counted, summed
 */
#ifndef PYRS_SERVE_SERVER_H
#define PYRS_SERVE_SERVER_H

#include <signal.h>

#include "../net/listener.h"
#include "crew.h"
#include "service.h"
#include "site.h"

enum { HANDLED_SIGNALS = 3 };

struct bound {
    struct listen_address address;
    int *sockets; /* one for each loop; -1 once a loop owns it */
    bool is_lent; /* by pyrs_bind: other processes have them too */
    struct listener *listeners;
};

struct control {
    uv_loop_t uv;
    uv_async_t wakeup;
    uv_timer_t stop_timer;
    uv_signal_t signals[HANDLED_SIGNALS];
    struct sigaction before[HANDLED_SIGNALS]; /* whatever the host program had set */
    sigset_t mask_before;
    bool is_open;
};

struct pyrs_server {
    struct site site;
    struct connection_limit connections;
    struct pyrs_endpoint **endpoints; /* each once, to be freed */
    size_t endpoint_count;
    struct bound *bound;
    uint32_t bound_count;
    struct service *services; /* one for each loop */
    struct program_counters programs;
    struct crew crew;
    struct control control;
    int signals; /* enum pyrs_signals */
    int told;    /* a descriptor, when all accept; or -1 */
    bool has_run;
    bool abandoned; /* a handler never returned: its thread still uses all this */
    _Atomic int stop_wishes;
    int stop_wishes_seen;
    _Atomic uint32_t services_running;
    _Atomic uint64_t pause_record_ns; /* when the log last heard of an accept pause */
};

void server_log_text(struct pyrs_server *server, int level, const char *text);

/* Closes loops that never got a thread, and their listeners. */
void server_wind_up(struct pyrs_server *server);

/* ---- listening.c ---- */

/* Gives the bound sockets to the loops, which accept once they run. */
bool server_start_listeners(struct pyrs_server *server, struct pyrs_error *error);

/* Closes what no loop owns, and removes the files of unix sockets. */
void server_close_sockets(struct pyrs_server *server, struct bound *bound);

/* ---- control.c: the loop is open as long as the server exists, so that a stop may be
 * asked for at any time ---- */

bool server_open_control(struct pyrs_server *server);
void server_close_control(struct pyrs_server *server);

/* While the server runs, its signals are the core's. */
void server_take_signals(struct pyrs_server *server);
void server_give_signals_back(struct pyrs_server *server);

/* Obeys the stops that were asked for; ends the wait when no loop runs any more. */
void server_look_at_control(uv_async_t *wakeup);

/* Tells every loop, by loop_stop or loop_stop_at_once. */
void server_stop_services(struct pyrs_server *server, void (*stop)(struct loop *));

#endif
