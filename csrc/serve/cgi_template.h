/* cgi_template.h - one template: a process that has an interpreter loaded, and forks
 * for each script that it is told to run.
 *
 * The other side, and what both say to each other, is
 * src/pyrs/cgi_template/cgi_template.py. A template is started as any program is, by
 * the cold launcher, and has nothing of the server but one end of a socket. When it
 * ends, for whatever reason, so does all that it runs.
 *
 * As everything of a launcher, on the endpoint's thread, and nothing blocks.
 */
#ifndef PYRS_SERVE_CGI_TEMPLATE_H
#define PYRS_SERVE_CGI_TEMPLATE_H

#include "cgi_first_line.h"
#include "cgi_launcher.h"

struct cgi_template;

/* What a template is. Looked at until `start` returns, except what it is given to use.
 */
struct cgi_template_plan {
    const struct cgi_first_line *line;
    const char *file;     /* cgi_template.py */
    char *const *modules; /* to be imported; NULL behind the last */
    const char *folder;
    char *const *environment;
    struct cgi_launcher *cold;
    uv_loop_t *uv;
    struct log *log;
    /* It has ended, which nobody asked it to; it is not to be used any more. */
    void (*ended)(void *owner, int status, bool was_ready);
    void *owner;
};

/* NULL with errno set if it cannot be started. */
struct cgi_template *cgi_template_start(const struct cgi_template_plan *plan);

/* It has imported what it is to import, and runs what it is told to. */
bool cgi_template_is_ready(const struct cgi_template *template);

/* These three as in cgi_launcher.h; a program is run if it is a script in the language
 * of the template. */
int cgi_template_launch(struct cgi_template *template,
                        const struct cgi_program *program, struct cgi_process *process);
void cgi_template_signal(struct cgi_process *process, int number);
void cgi_template_release(struct cgi_process *process);

/* Every process was released: ends it. */
void cgi_template_stop(struct cgi_template *template);

#endif
