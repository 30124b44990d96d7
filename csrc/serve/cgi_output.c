/* cgi_output.c - what the program writes, on its way to the client.
 *
 * First its head, which says what the answer is (http/cgi_head.h), then the body, piece
 * by piece. While the client has not taken what was sent, the pipe is not read, and the
 * program waits.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../http/cgi_head.h"
#include "answer.h"
#include "cgi_run.h"
#include "exchange.h"

/* As much as a pipe holds; a head may need more. */
enum { OUTPUT_BYTES = 64 * 1024 };

static size_t room_of(const struct cgi_run *run)
{
    size_t head_bytes_max = run->cgi->settings.head_bytes_max;

    return !run->head_read && head_bytes_max + 1 > OUTPUT_BYTES ? head_bytes_max + 1
                                                                : OUTPUT_BYTES;
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    struct cgi_run *run = handle->data;
    struct cgi_pipe *output = &run->output;

    (void)suggested;
    if (!output->buffer)
        output->buffer = malloc(room_of(run));
    *room = output->buffer ? uv_buf_init(output->buffer + output->length,
                                         (unsigned)(room_of(run) - output->length))
                           : uv_buf_init(NULL, 0);
}

/* ---- the body ---- */

static void obey(struct cgi_run *run, enum pyrs_flow flow)
{
    cgi_run_extend_grace(run);
    if (flow == PYRS_FLOW_PAUSE) {
        run->paused = true;
        uv_read_stop((uv_stream_t *)&run->output.pipe);
    } else if (flow == PYRS_FLOW_GONE) {
        cgi_run_end_answer(run, false);
        cgi_run_kill(run);
    }
}

/* What is small is copied on the way, and the buffer stays. */
static void send_body(struct cgi_run *run, slice body)
{
    struct cgi_pipe *output = &run->output;
    struct pyrs_slice piece = {body.bytes, body.length};
    bool is_lent = body.length > BODY_COPY_BYTES_MAX;
    char *buffer = output->buffer;

    output->length = 0;
    if (is_lent)
        output->buffer = NULL;
    obey(run, pyrs_exchange_send(run->exchange, piece, is_lent ? free : NULL, buffer));
}

static void forward(struct cgi_run *run, slice body)
{
    bool is_last = false;

    if (!run->exchange) { /* it has been answered, and may write what it likes */
        run->output.length = 0;
        return;
    }
    if (run->body_left >= 0) {
        if (body.length > (size_t)run->body_left) {
            cgi_run_log(run, PYRS_LOG_WARNING,
                        SLICE("writes more than the length it has said"));
            body.length = (size_t)run->body_left;
        }
        run->body_left -= (int64_t)body.length;
        is_last = run->body_left == 0;
    }
    if (body.length > 0)
        send_body(run, body);
    else
        run->output.length = 0;
    if (is_last)
        cgi_run_end_answer(run, true);
}

/* ---- the head ---- */

static void refuse(struct cgi_run *run, const char *fault)
{
    char text[120];

    snprintf(text, sizeof text, "malformed output: %s", fault);
    cgi_run_fail(run, 502, text);
}

static bool wants_no_body(const struct cgi_run *run, uint16_t status)
{
    return run->exchange->head.method == METHOD_HEAD || status == 204 || status == 304;
}

/* Its head has been written, or is about to be. */
static void begin(struct cgi_run *run, const struct cgi_head *head,
                  struct pyrs_slice fields, int64_t body_bytes)
{
    bool no_body = wants_no_body(run, head->status);
    enum pyrs_flow flow;

    run->head_read = true;
    run->body_left = head->content_length;
    flow = pyrs_exchange_begin(
        run->exchange,
        &(struct pyrs_response){
            .status = head->status,
            .content_type = {head->content_type.bytes, head->content_type.length},
            .fields = fields,
        },
        body_bytes);
    if (no_body)
        cgi_run_end_answer(run, true);
    else
        obey(run, flow);
}

static void answer(struct cgi_run *run, const struct cgi_head *head)
{
    bool is_whole = head->status_line.length > 0;
    char *lines = malloc(is_whole ? cgi_head_response_size(head)
                                  : cgi_head_fields_size(head) + 1);
    const char *end;

    if (!lines) {
        cgi_run_fail(run, 500, "no memory for its head");
        return;
    }
    end = is_whole ? cgi_head_write_response(lines, head)
                   : cgi_head_write_fields(lines, head);
    begin(run, head, (struct pyrs_slice){lines, (size_t)(end - lines)},
          is_whole ? ANSWER_AS_IT_IS : head->content_length);
    free(lines);
}

static void take_head(struct cgi_run *run, slice bytes)
{
    struct cgi_head head;
    const char *fault = run->found.is_nph ? cgi_head_parse_response(bytes, &head)
                                          : cgi_head_parse(bytes, &head);

    if (fault)
        refuse(run, fault);
    else if (head.kind == CGI_LOCAL_REDIRECT)
        cgi_run_redirect(run, head.location);
    else
        answer(run, &head);
}

static void read_head(struct cgi_run *run)
{
    slice bytes = slice_of(run->output.buffer, run->output.length);
    size_t length = cgi_head_length(bytes, &run->looked);
    size_t most = run->cgi->settings.head_bytes_max;

    if (length > most || (length == 0 && bytes.length > most)) {
        refuse(run, "its head is too large");
        return;
    }
    if (length == 0)
        return;
    take_head(run, slice_of(bytes.bytes, length));
    forward(run, slice_of(bytes.bytes + length, bytes.length - length));
}

/* ---- reading ---- */

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *room)
{
    struct cgi_run *run = stream->data;
    struct cgi_pipe *output = &run->output;

    (void)room;
    if (count < 0 && count != UV_EOF) {
        cgi_run_fail(run, 500, "its output cannot be read");
        return;
    }
    if (count == UV_EOF) {
        cgi_pipe_close(output);
        cgi_run_settle(run);
        return;
    }
    output->length += (size_t)count;
    if (count > 0 && !run->head_read && run->exchange)
        read_head(run);
    else if (count > 0)
        forward(run, slice_of(output->buffer, output->length));
}

bool cgi_output_start(struct cgi_run *run)
{
    return uv_read_start((uv_stream_t *)&run->output.pipe, give_room, on_read) == 0;
}

void cgi_output_go_on(struct cgi_run *run)
{
    if (!run->paused || !run->output.is_open)
        return;
    run->paused = false;
    if (!cgi_output_start(run))
        cgi_run_fail(run, 500, "its output cannot be read");
}

void cgi_output_finish(struct cgi_run *run)
{
    if (!run->head_read) {
        cgi_run_log(run, PYRS_LOG_ERROR, SLICE("malformed output: no whole head"));
        cgi_run_respond(run, 502);
        return;
    }
    if (run->body_left > 0)
        cgi_run_log(run, PYRS_LOG_WARNING,
                    SLICE("wrote less than the length it has said"));
    cgi_run_end_answer(run, run->body_left <= 0 && (run->status >= 0 ||
                                                    run->status == CGI_STATUS_UNKNOWN));
}
