/* cgi_launcher.h - how a CGI program comes to life.
 *
 * The seam between a run (cgi_run.h), which speaks with a program over three pipes, and
 * what makes a process of it. The cold launcher makes one of its own for each program
 * (cgi_spawn.h); another may ask a process that has an interpreter loaded already. A
 * run does not care which, and asks one after the other until one takes the program.
 *
 * Everything here is called on one thread, the endpoint's (cgi_thread.c), and so are
 * the `exited` of processes: from that thread's libuv loop, never from within a call of
 * the launcher. No call may block.
 */
#ifndef PYRS_SERVE_CGI_LAUNCHER_H
#define PYRS_SERVE_CGI_LAUNCHER_H

#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>
#include <uv.h>

struct log;

/* What to start. All of it is the caller's, and looked at until `launch` returns; the
 * caller closes its own copies of the descriptors then. */
struct cgi_program {
    const char *path;       /* absolute; also the program's argument 0, and only one */
    char *const *arguments; /* NULL; or all of them, argument 0 too, NULL behind */
    const char *folder;     /* its working directory */
    char *const *environment;  /* "NAME=value", NULL behind the last: all it has */
    int descriptors[3];        /* standard input, output and error: all it has */
    uint64_t memory_bytes_max; /* of its address space; 0: no limit */
    uint32_t cpu_seconds_max;  /* 0: no limit */
};

/* How a process ended: its exit status (0 and above), the negative number of the signal
 * that ended it, or this, if nobody can tell any more. */
enum { CGI_STATUS_UNKNOWN = -1000 };

/* A program that runs; part of whoever had it launched. It leads a process group of its
 * own, and has default signal handling and no blocked signals. */
struct cgi_process {
    struct cgi_launcher *launcher; /* the one that took it; set by cgi_launch */
    void *state;                   /* the launcher's own */
    /* Called once. Process and group keep their number until `release`, so that what
     * the program has left running can still be signalled. */
    void (*exited)(struct cgi_process *process, int status);
};

struct cgi_launcher_class {
    /* On the thread's loop, before any program. False: it takes no programs, and has
     * written why to the log. NULL if there is nothing to do. */
    bool (*start)(struct cgi_launcher *launcher, uv_loop_t *uv, struct log *log);
    /* 0: process->exited will be called. ENOTSUP: not a program for this launcher, or
     * not now: the next one is asked. Else the errno that says why it cannot be run. */
    int (*launch)(struct cgi_launcher *launcher, const struct cgi_program *program,
                  struct cgi_process *process);
    /* Sends a signal to the process group, from launch to release. */
    void (*signal)(struct cgi_launcher *launcher, struct cgi_process *process,
                   int number);
    /* After `exited`, once: nothing of the group is signalled any more. The memory of
     * `process` may go when this returns. Before `exited` only if SIGKILL was sent:
     * that is not waited for then, but the process's end is. */
    void (*release)(struct cgi_launcher *launcher, struct cgi_process *process);
    /* Every process was released: closes its handles, which the loop sees to its end.
     * Only after a start that was true. NULL if there is nothing to do. */
    void (*stop)(struct cgi_launcher *launcher);
    /* On any thread, the loop being over or never begun. */
    void (*free)(struct cgi_launcher *launcher);
};

struct cgi_launcher {
    const struct cgi_launcher_class *class;
    struct cgi_launcher *next; /* asked when this one does not take a program */
    bool started;
};

/* ---- a launcher and those behind it ---- */

void cgi_launchers_start(struct cgi_launcher *first, uv_loop_t *uv, struct log *log);
void cgi_launchers_stop(struct cgi_launcher *first);
void cgi_launchers_free(struct cgi_launcher *first);

/* Asks one after the other. As `launch`; ENOTSUP if none takes it. */
int cgi_launch(struct cgi_launcher *first, const struct cgi_program *program,
               struct cgi_process *process);

/* ---- a process that was launched ---- */

static inline void cgi_signal(struct cgi_process *process, int number)
{
    process->launcher->class->signal(process->launcher, process, number);
}

static inline void cgi_release(struct cgi_process *process)
{
    process->launcher->class->release(process->launcher, process);
}

/* For ends of which some may not have been opened. */
static inline void close_if_open(int descriptor)
{
    if (descriptor >= 0)
        close(descriptor);
}

#endif
