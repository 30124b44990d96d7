/* cgi_errors.c - what a program writes to its standard error, on its way to the log:
 * line by line, up to a bound, so that nobody fills a disk by asking for a page. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cgi_lines.h"
#include "cgi_run.h"

/* Of one run: a traceback and then some. */
enum { ERRORS_LOGGED_MAX = 64 * 1024 };

static void log_line(void *owner, slice line)
{
    struct cgi_run *run = owner;

    if (run->errors_cut)
        return;
    run->errors_logged += (uint32_t)line.length + 1; /* empty ones have an end too */
    if (run->errors_logged <= ERRORS_LOGGED_MAX) {
        if (line.length > 0)
            cgi_run_log(run, PYRS_LOG_WARNING, line);
        return;
    }
    run->errors_cut = true;
    cgi_run_log(run, PYRS_LOG_WARNING,
                SLICE("writes too much to its standard error: the rest is dropped"));
}

static void log_lines(struct cgi_run *run, bool is_last)
{
    struct cgi_pipe *errors = &run->errors;

    cgi_lines_take(errors->buffer, &errors->length, is_last, log_line, run);
}

static bool has_buffer(struct cgi_pipe *errors)
{
    if (!errors->buffer)
        errors->buffer = malloc(CGI_LINE_BYTES_MAX);
    return errors->buffer != NULL;
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    struct cgi_run *run = handle->data;
    struct cgi_pipe *errors = &run->errors;

    (void)suggested;
    *room = has_buffer(errors)
                ? uv_buf_init(errors->buffer + errors->length,
                              (unsigned)(CGI_LINE_BYTES_MAX - errors->length))
                : uv_buf_init(NULL, 0);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *room)
{
    struct cgi_run *run = stream->data;

    (void)room;
    if (count > 0)
        run->errors.length += (size_t)count;
    log_lines(run, count < 0);
    if (count >= 0)
        return;
    cgi_pipe_close(&run->errors);
    if (run->killing) /* it was perhaps the last of its group */
        cgi_run_settle(run);
}

bool cgi_errors_start(struct cgi_run *run)
{
    return uv_read_start((uv_stream_t *)&run->errors.pipe, give_room, on_read) == 0;
}

/* What it has left running may hold the pipe open for ever. */
void cgi_errors_finish(struct cgi_run *run)
{
    struct cgi_pipe *errors = &run->errors;
    uv_os_fd_t descriptor;
    ssize_t count = 0;

    if (!errors->is_open)
        return;
    if (has_buffer(errors) && uv_fileno((uv_handle_t *)&errors->pipe, &descriptor) == 0)
        do {
            count = read(descriptor, errors->buffer + errors->length,
                         CGI_LINE_BYTES_MAX - errors->length);
            if (count > 0)
                errors->length += (size_t)count;
            log_lines(run, false);
        } while (!run->errors_cut && (count > 0 || (count < 0 && errno == EINTR)));
    log_lines(run, true);
    cgi_pipe_close(errors);
}
