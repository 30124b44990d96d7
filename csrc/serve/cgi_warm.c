/* cgi_warm.c - see cgi_warm.h. */
#include "cgi_warm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cgi_first_line.h"
#include "cgi_template.h"
#include "log.h"

/* Each is an interpreter in memory, and who can write scripts makes their lines. */
enum { LINES_MAX = 8 };
/* A template that ends is started again after this time, which doubles with each that
 * ends before it was ready: what cannot be imported now will mostly not be later. */
enum { RESTART_AFTER_MS = 1000, RESTART_AFTER_MAX_MS = 60 * 1000 };

struct warm_launcher {
    struct cgi_launcher launcher;
    const struct cgi *cgi;
    struct cgi_launcher *cold;
    char *file;     /* cgi_template.py */
    char **modules; /* to be imported; NULL behind the last */
    uv_loop_t *uv;
    struct log *log;
    struct link lines;
    uint32_t line_count;
};

/* The scripts that begin with the same line, and their template. */
struct script_line {
    struct link link;
    struct warm_launcher *launcher;
    struct cgi_first_line line;
    struct cgi_template *template; /* NULL: not now */
    uint64_t start_at_ms;          /* of the loop's time, not before */
    uint64_t restart_after_ms;
};

static struct warm_launcher *own_of(struct cgi_launcher *launcher)
{
    return CONTAINER_OF(launcher, struct warm_launcher, launcher);
}

/* ---- templates ---- */

static void log_loss(const struct script_line *line, const char *what)
{
    char text[CGI_FIRST_LINE_BYTES + 160];
    int length = snprintf(
        text, sizeof text, "cgi template for #!%s: %s; started again in %llu s",
        line->line.text, what, (unsigned long long)line->restart_after_ms / 1000);

    log_write(line->launcher->log, PYRS_LOG_ERROR, slice_of(text, (size_t)length));
}

/* There is none for some time. */
static void lose_template(struct script_line *line, const char *why)
{
    uint64_t after_ms = line->restart_after_ms;

    log_loss(line, why);
    line->template = NULL;
    line->start_at_ms = uv_now(line->launcher->uv) + after_ms;
    line->restart_after_ms =
        2 * after_ms < RESTART_AFTER_MAX_MS ? 2 * after_ms : RESTART_AFTER_MAX_MS;
}

static void on_ended(void *owner, int status, bool was_ready)
{
    struct script_line *line = owner;
    char why[48];

    snprintf(why, sizeof why, "ended %s %d", status < 0 ? "by signal" : "with status",
             status < 0 ? -status : status);
    if (was_ready)
        line->restart_after_ms = RESTART_AFTER_MS;
    lose_template(line, why);
}

static void start_template(struct script_line *line)
{
    const struct warm_launcher *own = line->launcher;

    line->template = cgi_template_start(&(struct cgi_template_plan){
        .line = &line->line,
        .file = own->file,
        .modules = own->modules,
        .folder = own->cgi->folder_path,
        .environment = own->cgi->environment,
        .cold = own->cold,
        .uv = own->uv,
        .log = own->log,
        .ended = on_ended,
        .owner = line,
    });
    if (!line->template)
        lose_template(line, strerror(errno));
}

/* ---- their lines ---- */

static struct script_line *find_line(struct warm_launcher *own,
                                     const struct cgi_first_line *given)
{
    struct link *link = own->lines.next;

    for (; link != &own->lines; link = link->next) {
        struct script_line *line = CONTAINER_OF(link, struct script_line, link);

        if (strcmp(line->line.text, given->text) == 0)
            return line;
    }
    return NULL;
}

static struct script_line *add_line(struct warm_launcher *own,
                                    const struct cgi_first_line *given)
{
    struct script_line *line =
        own->line_count < LINES_MAX ? calloc(1, sizeof *line) : NULL;

    if (!line)
        return NULL;
    line->launcher = own;
    line->line = *given;
    line->restart_after_ms = RESTART_AFTER_MS;
    list_append(&own->lines, &line->link);
    own->line_count++;
    return line;
}

/* ---- the launcher ---- */

static bool warm_start(struct cgi_launcher *launcher, uv_loop_t *uv, struct log *log)
{
    own_of(launcher)->uv = uv;
    own_of(launcher)->log = log;
    return true;
}

static int warm_launch(struct cgi_launcher *launcher, const struct cgi_program *program,
                       struct cgi_process *process)
{
    struct warm_launcher *own = own_of(launcher);
    struct cgi_first_line first;
    struct script_line *line;

    if (faccessat(AT_FDCWD, program->path, X_OK, AT_EACCESS) != 0 ||
        !cgi_first_line_read(&first, program->path) ||
        !cgi_first_line_names_python(&first))
        return ENOTSUP; /* the cold one says what is wrong, if it is */
    line = find_line(own, &first);
    if (!line)
        line = add_line(own, &first);
    if (!line)
        return ENOTSUP;
    if (!line->template && uv_now(own->uv) >= line->start_at_ms)
        start_template(line);
    if (!line->template || !cgi_template_is_ready(line->template))
        return ENOTSUP;
    return cgi_template_launch(line->template, program, process);
}

static void warm_signal(struct cgi_launcher *launcher, struct cgi_process *process,
                        int number)
{
    (void)launcher;
    cgi_template_signal(process, number);
}

static void warm_release(struct cgi_launcher *launcher, struct cgi_process *process)
{
    (void)launcher;
    cgi_template_release(process);
}

/* A server may run again: then its templates are others. */
static void warm_stop(struct cgi_launcher *launcher)
{
    struct warm_launcher *own = own_of(launcher);
    struct link *link;

    while ((link = list_take_first(&own->lines))) {
        struct script_line *line = CONTAINER_OF(link, struct script_line, link);

        if (line->template)
            cgi_template_stop(line->template);
        free(line);
    }
    own->line_count = 0;
}

static void warm_free(struct cgi_launcher *launcher)
{
    struct warm_launcher *own = own_of(launcher);

    for (char **module = own->modules; module && *module; module++)
        free(*module);
    free(own->modules);
    free(own->file);
    free(own);
}

static bool take_settings(struct warm_launcher *own,
                          const struct pyrs_cgi_settings *settings)
{
    own->file = strdup(settings->template_file);
    own->modules = calloc(settings->preload_count + 1, sizeof *own->modules);
    if (!own->file || !own->modules)
        return false;
    for (size_t i = 0; i < settings->preload_count; i++)
        if (!(own->modules[i] = strdup(settings->preload[i])))
            return false;
    return true;
}

struct cgi_launcher *cgi_warm_new(const struct cgi *cgi,
                                  const struct pyrs_cgi_settings *settings,
                                  struct cgi_launcher *cold)
{
    static const struct cgi_launcher_class CLASS = {
        .start = warm_start,
        .launch = warm_launch,
        .signal = warm_signal,
        .release = warm_release,
        .stop = warm_stop,
        .free = warm_free,
    };
    struct warm_launcher *own = calloc(1, sizeof *own);

    if (!own)
        return NULL;
    own->launcher.class = &CLASS;
    own->launcher.next = cold;
    own->cgi = cgi;
    own->cold = cold;
    list_init(&own->lines);
    if (take_settings(own, settings))
        return &own->launcher;
    warm_free(&own->launcher);
    return NULL;
}
