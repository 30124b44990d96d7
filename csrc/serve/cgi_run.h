/* cgi_run.h - one request and the program that answers it.
 *
 * Everything is the thread's (cgi_thread.c), except what stands under the lock. A run
 * outlives its exchange: a program may close its output and go on, and one whose client
 * has left is given time to end. It is over when it has neither exchange nor process,
 * and freed when libuv has let go of its handles.
 *
 * A client that will send no more has left, or only closed its sending side: nothing
 * tells. What is written to one that has left comes back as a reset, which the next
 * piece meets, and then the run is told; so it is only while its program says nothing
 * that the client's patience is bounded (cgi_run.c, CLIENT_GRACE_MS).
 */
#ifndef PYRS_SERVE_CGI_RUN_H
#define PYRS_SERVE_CGI_RUN_H

#include "cgi.h"
#include "cgi_find.h"

enum run_event {
    RUN_NEW = 1,
    RUN_SENT = 2, /* enum pyrs_event */
    RUN_BODY = 4,
    RUN_GONE = 8,
    RUN_FINISHED = 16,
};

/* One end of a pipe to or from the program. */
struct cgi_pipe {
    uv_pipe_t pipe;
    bool is_open;
    char *buffer;  /* heap block; NULL until it is needed */
    size_t length; /* bytes in it */
};

struct cgi_run {
    struct cgi *cgi;
    struct pyrs_exchange *exchange; /* NULL: it has ended */
    struct pyrs_origin *origin;     /* heap block; NULL: no proxy is trusted */

    /* Under the lock. */
    struct link queued; /* in cgi->inbox */
    unsigned events;    /* of enum run_event, not seen yet */
    bool is_put;        /* RUN_NEW was among them: what came before has waited for it */

    struct link link; /* in cgi->runs or cgi->waiting */
    struct cgi_found found;
    struct cgi_process process;
    uv_timer_t timer;
    uint64_t deadline_ms;    /* of the thread's loop; 0: none */
    uint64_t grace_until_ms; /* likewise; the client will send no more, and is taken to
                                be gone then; 0: it may send */
    uint32_t open_handles;   /* that libuv knows of */
    int status;              /* of the process, when it has ended */
    bool waits;              /* in cgi->waiting */
    bool launched;           /* there is a process, until it was released */
    bool exited;             /* it has ended */
    bool killing;            /* it was told to end */
    bool end_is_over;        /* and had its time for that */
    bool is_over;            /* libuv is to let go of the timer */

    struct cgi_pipe input;
    uv_write_t write;
    bool writing; /* libuv has the buffer of the input */

    struct cgi_pipe output;
    size_t looked;     /* of its head */
    bool head_read;    /* what comes now is body */
    bool paused;       /* until the client has taken what was sent */
    int64_t body_left; /* of the length that the program has said; -1: it said none */
    bool looks_once_more; /* its output is over, and it had time to end behind it */
    bool waited;          /* likewise, and it has not */

    struct cgi_pipe errors;
    uint32_t errors_logged; /* bytes */
    bool errors_cut;        /* no more is logged */
};

/* NULL if memory is out. */
struct cgi_run *cgi_run_new(struct cgi *cgi, struct pyrs_exchange *exchange);
void cgi_run_free(struct cgi_run *run);

/* ---- for the thread ---- */

/* Before anything else. */
void cgi_run_open(struct cgi_run *run);

/* True if there is a program to be launched; else it was answered. */
bool cgi_run_find(struct cgi_run *run);

/* It is to wait until another one is over. */
void cgi_run_wait(struct cgi_run *run);

void cgi_run_launch(struct cgi_run *run);

/* Something has happened to its exchange. */
void cgi_run_tell(struct cgi_run *run, unsigned events);

/* It begins, its client was sent something, or takes what it was made to wait for: its
 * grace begins anew. */
void cgi_run_extend_grace(struct cgi_run *run);

/* Ends the program, by force if it does not obey in time. */
void cgi_run_kill(struct cgi_run *run);

/* ---- for its parts: cgi_input.c, cgi_output.c, cgi_errors.c ---- */

/* Answers with a status, if it is not answered yet, and ends the exchange. */
void cgi_run_respond(struct cgi_run *run, uint16_t status);

/* Ends the answer. Not complete: the connection is cut, or it is a 500. */
void cgi_run_end_answer(struct cgi_run *run, bool complete);

/* Another path of the server answers instead. */
void cgi_run_redirect(struct cgi_run *run, slice target);

/* The program has done what cannot be put right: it is ended. */
void cgi_run_fail(struct cgi_run *run, uint16_t status, const char *what);

/* A record with the program's name. */
void cgi_run_log(const struct cgi_run *run, int level, slice text);

/* Its output is over, or its process; or its errors, when it was told to end: looks
 * what is left to do. */
void cgi_run_settle(struct cgi_run *run);

/* Takes over a descriptor of which this side is `open`. False if libuv refuses; it is
 * closed then. */
bool cgi_pipe_open(struct cgi_run *run, struct cgi_pipe *pipe, int descriptor);
void cgi_pipe_close(struct cgi_pipe *pipe);

/* ---- cgi_input.c ---- */

/* Goes on with the body: some of it may have come. */
void cgi_input_go_on(struct cgi_run *run);

/* ---- cgi_output.c ---- */

bool cgi_output_start(struct cgi_run *run);
void cgi_output_go_on(struct cgi_run *run);

/* The program will write no more: what it has written is the answer. */
void cgi_output_finish(struct cgi_run *run);

/* ---- cgi_errors.c ---- */

bool cgi_errors_start(struct cgi_run *run);

/* The program has ended: what it has written until now is the last. */
void cgi_errors_finish(struct cgi_run *run);

#endif
