/* cgi_input.c - the request's body, on its way to the program: as much as one pipe
 * holds at a time, and the rest stays where it is, with the client in the end. */
#include <stdlib.h>

#include "cgi_run.h"

/* As much as a pipe holds. */
enum { INPUT_BYTES = 64 * 1024 };

static void on_written(uv_write_t *write, int code);

static void write_on(struct cgi_run *run, size_t length)
{
    uv_buf_t bytes = uv_buf_init(run->input.buffer, (unsigned)length);

    run->writing = true;
    run->write.data = run;
    if (uv_write(&run->write, (uv_stream_t *)&run->input.pipe, &bytes, 1, on_written) ==
        0)
        return;
    run->writing = false;
    cgi_pipe_close(&run->input);
}

/* A program need not read its input; a body that it does not want is left. */
static void on_written(uv_write_t *write, int code)
{
    struct cgi_run *run = write->data;

    run->writing = false;
    if (code != 0)
        cgi_pipe_close(&run->input);
    else
        cgi_input_go_on(run);
}

static bool has_buffer(struct cgi_run *run)
{
    if (!run->input.buffer)
        run->input.buffer = malloc(INPUT_BYTES);
    return run->input.buffer != NULL;
}

void cgi_input_go_on(struct cgi_run *run)
{
    int64_t taken;

    if (!run->input.is_open || run->writing)
        return;
    if (!has_buffer(run)) {
        cgi_run_fail(run, 500, "no memory for its input");
        return;
    }
    taken = pyrs_exchange_read(run->exchange, run->input.buffer, INPUT_BYTES, false);
    if (taken > 0) {
        write_on(run, (size_t)taken);
    } else if (taken == PYRS_BODY_END) {
        cgi_pipe_close(&run->input);
    } else if (taken == PYRS_BODY_GONE) {
        cgi_run_end_answer(run, false);
        cgi_run_kill(run);
    }
}
