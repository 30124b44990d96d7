/* cgi.h - the programs of a folder, from inside.
 *
 *   cgi.c              the endpoint: what the loops see of it
 *   cgi_thread.c       the thread that has its programs, and how many run at once
 *   cgi_run.c          one request and its program: beginning, time, end
 *   cgi_find.c         which program a path means
 *   cgi_environment.c  what the program is told
 *   cgi_launcher.h     how it comes to life; cgi_spawn.c is the usual way,
 *   cgi_warm.c         a fork of a process that has Python loaded the other one,
 *   cgi_template.c     which is called a template,
 *   cgi_first_line.c   and found by the first line of a script
 *   cgi_input.c        the request's body, on its way to the program
 *   cgi_output.c       what the program writes, on its way to the client
 *   cgi_errors.c       and what goes to the log
 *
 * An endpoint has one thread with a libuv loop of its own, on which all its programs
 * hang: making a process, reading its pipes and waiting for its end never keeps an
 * event loop of the server waiting, which may change threads at any moment besides. The
 * loops defer their exchanges and put them, and what happens to them, into an inbox;
 * the thread answers as any other thread would (pyrs.h). To a program that takes a
 * millisecond to start, the way there and back is nothing.
 */
#ifndef PYRS_SERVE_CGI_H
#define PYRS_SERVE_CGI_H

#include "../net/list.h"
#include "cgi_launcher.h"
#include "endpoint.h"
#include "folder.h"
#include "site.h"

struct cgi_run;

struct cgi {
    struct pyrs_endpoint endpoint;
    struct endpoint_class class; /* of this one: with an interpreter, if it has to ask
                                  */
    struct pyrs_cgi_settings settings; /* its texts are below */
    char *folder_path;                 /* absolute, without symbolic links */
    struct folder folder;
    int nothing;                    /* /dev/null: the input of what has no body */
    char **environment;             /* "NAME=value" of every program; NULL behind */
    struct cgi_launcher *launchers; /* asked in this order */
    const struct site *site;

    uv_thread_t thread;
    uv_loop_t uv;
    uv_async_t wakeup;

    /* Under the lock, and so is the link from an exchange to its run. */
    uv_mutex_t lock;
    struct link inbox; /* runs of which there is something new */
    bool stopping;

    /* The thread's. */
    struct link runs;    /* whose program runs */
    struct link waiting; /* for one of these to end, the first one first */
    uint32_t run_count;
    uint32_t waiting_count;
    bool launching; /* those that have waited */
};

static inline struct cgi *cgi_of(struct pyrs_endpoint *endpoint)
{
    return CONTAINER_OF(endpoint, struct cgi, endpoint);
}

/* ---- cgi_thread.c ---- */

/* False if the system refuses. */
bool cgi_thread_start(struct cgi *cgi, struct pyrs_error *error);

/* No exchange is left: ends every program, and the thread. */
void cgi_thread_stop(struct cgi *cgi);

/* From any thread: the run is in the inbox, or has one more event. */
void cgi_thread_put(struct cgi *cgi, struct cgi_run *run);
void cgi_thread_tell(struct cgi *cgi, struct pyrs_exchange *exchange, unsigned event);

/* On the thread: the program has ended, and another one may run. */
void cgi_thread_run_over(struct cgi_run *run);

#endif
