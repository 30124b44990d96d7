/* cgi_run.c - see cgi_run.h. Reading order: cgi_run_find, cgi_run_launch,
 * cgi_run_settle, cgi_run_kill. */
#include "cgi_run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../http/response_head.h"
#include "cgi_environment.h"
#include "exchange.h"
#include "log.h"
#include "redirect.h"
#include "respond.h"
#include "status_page.h"

/* A program that was told to end gets so long to put things in order, and so do those
 * of its group that outlive it: a shell is gone at once, and what it has started is not
 * done yet. That somebody is left is known by its standard error, which is open. */
enum { KILL_AFTER_MS = 2000 };
/* A client that has closed its sending side, and is sent nothing, waits so long. The
 * longer, the longer a silent program whose client has left runs for nobody. */
enum { CLIENT_GRACE_MS = 5000 };
/* Between the end of its output and its own end there are microseconds, unless it has
 * more to do; how it ends tells whether the output was whole. On a busy machine a
 * process may stand still in between, so it gets a second. */
enum { END_AFTER_OUTPUT_MS = 1000 };
/* When that is over, the loop looks once more whether it has come: this thread may have
 * been the one that stood still. */
enum { LAST_LOOK_MS = 1 };

static void on_timer(uv_timer_t *timer);

/* ---- life ---- */

struct cgi_run *cgi_run_new(struct cgi *cgi, struct pyrs_exchange *exchange)
{
    struct cgi_run *run = calloc(1, sizeof *run);

    if (!run)
        return NULL;
    run->cgi = cgi;
    run->exchange = exchange;
    run->body_left = -1;
    list_init(&run->queued);
    list_init(&run->link);
    return run;
}

void cgi_run_free(struct cgi_run *run)
{
    cgi_found_fini(&run->found);
    free(run->origin);
    free(run->input.buffer);
    free(run->output.buffer);
    free(run->errors.buffer);
    free(run);
}

static void on_closed(uv_handle_t *handle)
{
    struct cgi_run *run = handle->data;

    run->open_handles--;
    if (run->is_over && run->open_handles == 0)
        cgi_run_free(run);
}

/* ---- pipes ---- */

bool cgi_pipe_open(struct cgi_run *run, struct cgi_pipe *pipe, int descriptor)
{
    uv_pipe_init(&run->cgi->uv, &pipe->pipe, 0);
    pipe->pipe.data = run;
    pipe->is_open = true;
    run->open_handles++;
    if (uv_pipe_open(&pipe->pipe, descriptor) == 0)
        return true;
    close(descriptor);
    cgi_pipe_close(pipe);
    return false;
}

void cgi_pipe_close(struct cgi_pipe *pipe)
{
    if (!pipe->is_open)
        return;
    pipe->is_open = false;
    uv_close((uv_handle_t *)&pipe->pipe, on_closed);
}

/* ---- the timer: one for the nearest of what may come ---- */

static void set_timer(struct cgi_run *run, uint64_t after_ms)
{
    if (after_ms > 0)
        uv_timer_start(&run->timer, on_timer, after_ms, 0);
    else
        uv_timer_stop(&run->timer);
}

static void set_timer_to_next(struct cgi_run *run)
{
    uint64_t now_ms = uv_now(&run->cgi->uv);
    uint64_t next_ms = run->deadline_ms;

    if (run->grace_until_ms > 0 && (next_ms == 0 || run->grace_until_ms < next_ms))
        next_ms = run->grace_until_ms;
    if (next_ms == 0)
        set_timer(run, 0);
    else
        set_timer(run, next_ms > now_ms ? next_ms - now_ms : 1);
}

static void set_deadline(struct cgi_run *run)
{
    uint32_t timeout_ms = run->cgi->settings.timeout_ms;

    uv_update_time(&run->cgi->uv);
    run->deadline_ms = timeout_ms ? uv_now(&run->cgi->uv) + timeout_ms : 0;
    set_timer_to_next(run);
}

static bool is_past(const struct cgi_run *run, uint64_t time_ms)
{
    return time_ms > 0 && uv_now(&run->cgi->uv) >= time_ms;
}

/* ---- its exchange ---- */

/* Nothing more is heard of it; it is the caller's to end. */
static struct pyrs_exchange *take_exchange(struct cgi_run *run)
{
    struct pyrs_exchange *exchange = run->exchange;

    uv_mutex_lock(&run->cgi->lock);
    pyrs_exchange_set_state(exchange, NULL);
    list_remove(&run->queued);
    uv_mutex_unlock(&run->cgi->lock);
    run->exchange = NULL;
    run->grace_until_ms = 0;
    cgi_pipe_close(&run->input);
    return exchange;
}

void cgi_run_respond(struct cgi_run *run, uint16_t status)
{
    char page[STATUS_PAGE_BYTES_MAX];
    struct pyrs_exchange *exchange;

    if (!run->exchange)
        return;
    if (run->head_read) {
        cgi_run_end_answer(run, false);
        return;
    }
    exchange = take_exchange(run);
    if (redirect_post_page(exchange, status))
        return;
    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = status,
                                        .content_type = PYRS_TEXT(STATUS_PAGE_TYPE),
                                        .body = {page, status_page_text(status, page)},
                                    });
}

void cgi_run_end_answer(struct cgi_run *run, bool complete)
{
    if (run->exchange)
        pyrs_exchange_end(take_exchange(run), complete);
}

void cgi_run_redirect(struct cgi_run *run, slice target)
{
    redirect_post(take_exchange(run), target);
}

/* ---- the log ---- */

void cgi_run_log(const struct cgi_run *run, int level, slice text)
{
    struct log *log = run->cgi->site->log;
    const char *path = run->found.path;
    size_t room = strlen(path) + text.length + 4;
    char *record;
    int length;

    if (!log_has_level(log, level) || !(record = malloc(room)))
        return;
    length = snprintf(record, room, "%s: %.*s", path, (int)text.length, text.bytes);
    log_write(log, level, slice_of(record, (size_t)length));
    free(record);
}

static void log_text(const struct cgi_run *run, int level, const char *text)
{
    cgi_run_log(run, level, slice_of_text(text));
}

/* ---- its beginning ---- */

void cgi_run_open(struct cgi_run *run)
{
    uv_timer_init(&run->cgi->uv, &run->timer);
    run->timer.data = run;
    run->open_handles++;
}

bool cgi_run_find(struct cgi_run *run)
{
    uint16_t status = cgi_find(run->cgi, run->exchange, &run->found);

    if (status == 0)
        return true;
    cgi_run_respond(run, status);
    cgi_run_settle(run);
    return false;
}

void cgi_run_wait(struct cgi_run *run)
{
    run->waits = true;
    set_deadline(run);
}

/* The two ends of a pipe, close-on-exec: this side's in ends[0], the program's in
 * ends[1]. */
static bool make_pipe(int ends[2], bool program_reads)
{
    int made[2];

    if (pipe2(made, O_CLOEXEC) != 0)
        return false;
    ends[0] = made[program_reads ? 1 : 0];
    ends[1] = made[program_reads ? 0 : 1];
    return true;
}

/* This side's ends in `here`, the program's in `there`; -1 where there is none. */
static bool make_pipes(const struct cgi_run *run, bool has_body, int here[3],
                       int there[3])
{
    for (int i = 0; i < 3; i++) {
        int ends[2] = {-1, -1};

        if (i == 0 && !has_body)
            ends[1] = fcntl(run->cgi->nothing, F_DUPFD_CLOEXEC, 0);
        else if (!make_pipe(ends, i == 0))
            ends[1] = -1;
        here[i] = ends[0];
        there[i] = ends[1];
    }
    return there[0] >= 0 && there[1] >= 0 && there[2] >= 0;
}

static int start_process(struct cgi_run *run, const int there[3])
{
    const struct cgi *cgi = run->cgi;
    char *path = run->found.path;
    char *folder = strndup(path, run->found.folder_length);
    char **environment = cgi_environment_new(run);
    struct cgi_program program = {
        .path = path,
        .folder = folder,
        .environment = environment,
        .descriptors = {there[0], there[1], there[2]},
        .memory_bytes_max = cgi->settings.memory_bytes_max,
        .cpu_seconds_max = cgi->settings.cpu_seconds_max,
    };
    int code = ENOMEM;

    if (folder && environment)
        code = cgi_launch(cgi->launchers, &program, &run->process);
    free(folder);
    free(environment);
    return code;
}

static void on_exited(struct cgi_process *process, int status);

static void could_not_launch(struct cgi_run *run, int code)
{
    bool is_full = code == EAGAIN || code == ENOMEM || code == EMFILE || code == ENFILE;
    uint16_t status = code == EACCES ? 403 : is_full ? 503 : 500;
    char text[120];
    int length = snprintf(text, sizeof text, "cannot be run: %s", strerror(code));

    cgi_run_log(run, PYRS_LOG_ERROR, slice_of(text, (size_t)length));
    cgi_run_respond(run, status);
}

static bool open_pipes(struct cgi_run *run, const int here[3])
{
    bool opened = here[0] < 0 || cgi_pipe_open(run, &run->input, here[0]);

    opened &= cgi_pipe_open(run, &run->output, here[1]) && cgi_output_start(run);
    opened &= cgi_pipe_open(run, &run->errors, here[2]) && cgi_errors_start(run);
    return opened;
}

void cgi_run_launch(struct cgi_run *run)
{
    bool has_body = run->exchange->head.framing != BODY_NONE;
    int here[3], there[3], code;

    set_deadline(run);
    cgi_run_extend_grace(run); /* what it waited is not its program's fault */
    run->process.exited = on_exited;
    code = make_pipes(run, has_body, here, there) ? start_process(run, there) : EMFILE;
    for (int i = 0; i < 3; i++)
        close_if_open(there[i]);
    if (code != 0) {
        for (int i = 0; i < 3; i++)
            close_if_open(here[i]);
        could_not_launch(run, code);
        cgi_run_settle(run);
        return;
    }
    run->launched = true;
    atomic_fetch_add(&run->cgi->site->programs->runs, 1);
    if (!open_pipes(run, here)) {
        cgi_run_fail(run, 500, "its pipes cannot be read");
        return;
    }
    cgi_input_go_on(run);
}

/* ---- what happens meanwhile ---- */

/* Its output is over, and how it ends will tell whether that was all. */
static bool awaits_end(const struct cgi_run *run)
{
    return run->exchange && run->launched && !run->output.is_open;
}

/* The timer finds out by itself. */
void cgi_run_extend_grace(struct cgi_run *run)
{
    if (run->grace_until_ms > 0)
        run->grace_until_ms = uv_now(&run->cgi->uv) + CLIENT_GRACE_MS;
}

static void begin_grace(struct cgi_run *run)
{
    if (run->grace_until_ms > 0 || awaits_end(run))
        return;
    run->grace_until_ms = uv_now(&run->cgi->uv) + CLIENT_GRACE_MS;
    set_timer_to_next(run);
}

static void grace_is_over(struct cgi_run *run)
{
    if (run->paused || atomic_load(&run->exchange->unsent) > 0) {
        /* It is waited for, by the loop too (timeouts.send). */
        cgi_run_extend_grace(run);
        set_timer_to_next(run);
        return;
    }
    respond_abandon(take_exchange(run));
    cgi_run_kill(run);
}

void cgi_run_tell(struct cgi_run *run, unsigned events)
{
    if (!run->exchange)
        return;
    if (events & RUN_GONE) {
        cgi_run_end_answer(run, false);
        cgi_run_kill(run);
        return;
    }
    if (events & RUN_FINISHED)
        begin_grace(run);
    if (events & RUN_BODY)
        cgi_input_go_on(run);
    if (events & RUN_SENT && run->exchange) {
        cgi_run_extend_grace(run);
        cgi_output_go_on(run);
    }
}

void cgi_run_fail(struct cgi_run *run, uint16_t status, const char *what)
{
    log_text(run, PYRS_LOG_ERROR, what);
    cgi_run_respond(run, status);
    cgi_run_kill(run);
}

static void time_is_up(struct cgi_run *run)
{
    run->deadline_ms = 0;
    if (run->waits) {
        cgi_run_respond(run, 503);
        cgi_run_settle(run);
        return;
    }
    cgi_run_fail(run, 504, "ended: its time is up");
}

static void look_for_end(struct cgi_run *run)
{
    if (!run->looks_once_more) {
        run->looks_once_more = true;
        set_timer(run, LAST_LOOK_MS);
        return;
    }
    run->waited = true;
    set_timer_to_next(run);
    cgi_run_settle(run);
}

static void on_timer(uv_timer_t *timer)
{
    struct cgi_run *run = timer->data;

    if (run->killing) {
        run->end_is_over = true;
        cgi_signal(&run->process, SIGKILL);
        cgi_run_settle(run);
    } else if (is_past(run, run->deadline_ms)) {
        time_is_up(run);
    } else if (awaits_end(run)) {
        look_for_end(run);
    } else if (is_past(run, run->grace_until_ms)) {
        grace_is_over(run);
    } else {
        set_timer_to_next(run);
    }
}

/* ---- its end ---- */

static void on_exited(struct cgi_process *process, int status)
{
    struct cgi_run *run = CONTAINER_OF(process, struct cgi_run, process);

    run->exited = true;
    run->status = status;
    cgi_run_settle(run);
}

void cgi_run_kill(struct cgi_run *run)
{
    if (!run->killing && run->launched) {
        run->killing = true;
        atomic_fetch_add(&run->cgi->site->programs->killed, 1);
        cgi_pipe_close(&run->output);
        cgi_pipe_close(&run->input);
        cgi_signal(&run->process, SIGTERM);
        set_timer(run, KILL_AFTER_MS);
    }
    cgi_run_settle(run);
}

static void log_end(const struct cgi_run *run)
{
    char text[80];
    int length;

    if (run->killing || run->status == 0 || run->status == CGI_STATUS_UNKNOWN)
        return;
    length = run->status > 0
                 ? snprintf(text, sizeof text, "ended with status %d", run->status)
                 : snprintf(text, sizeof text, "ended by signal %d", -run->status);
    cgi_run_log(run, run->status > 0 ? PYRS_LOG_INFO : PYRS_LOG_WARNING,
                slice_of(text, (size_t)length));
}

static void finish(struct cgi_run *run)
{
    if (run->launched) {
        run->launched = false;
        if (run->killing) /* who has closed its standard error may be left */
            cgi_signal(&run->process, SIGKILL);
        log_end(run);
        cgi_errors_finish(run);
        cgi_release(&run->process);
    }
    run->is_over = true;
    cgi_pipe_close(&run->input);
    uv_close((uv_handle_t *)&run->timer, on_closed);
    cgi_thread_run_over(run);
}

/* Some of its group may still put things in order. */
static bool group_is_ending(const struct cgi_run *run)
{
    return run->killing && run->errors.is_open && !run->end_is_over;
}

void cgi_run_settle(struct cgi_run *run)
{
    if (run->is_over)
        return;
    if (awaits_end(run)) {
        if (!run->exited && !run->waited) {
            set_timer(run, END_AFTER_OUTPUT_MS);
            return;
        }
        cgi_output_finish(run);
    }
    if (run->exchange || (run->launched && !run->exited) || run->output.is_open ||
        group_is_ending(run))
        return;
    finish(run);
}
