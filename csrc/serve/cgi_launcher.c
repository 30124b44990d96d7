/* cgi_launcher.c - what is done with an endpoint's launchers, one after the other. */
#include "cgi_launcher.h"

#include <errno.h>

void cgi_launchers_start(struct cgi_launcher *first, uv_loop_t *uv, struct log *log)
{
    for (struct cgi_launcher *next = first; next; next = next->next)
        next->started = !next->class->start || next->class->start(next, uv, log);
}

void cgi_launchers_stop(struct cgi_launcher *first)
{
    for (struct cgi_launcher *next = first; next; next = next->next)
        if (next->started && next->class->stop)
            next->class->stop(next);
}

void cgi_launchers_free(struct cgi_launcher *first)
{
    while (first) {
        struct cgi_launcher *launcher = first;

        first = launcher->next;
        launcher->class->free(launcher);
    }
}

int cgi_launch(struct cgi_launcher *first, const struct cgi_program *program,
               struct cgi_process *process)
{
    for (struct cgi_launcher *next = first; next; next = next->next) {
        int code;

        if (!next->started)
            continue;
        process->launcher = next;
        code = next->class->launch(next, program, process);
        if (code != ENOTSUP)
            return code;
    }
    return ENOTSUP;
}
