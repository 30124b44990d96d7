/* handler_stream.c - see handler_stream.h. */
#include "handler_stream.h"

#include "clock.h"
#include "failure.h"

static enum next any_piece(struct stream *stream, PyObject *item, struct piece *piece)
{
    (void)stream;
    return piece_of(piece, item) ? NEXT_PIECE : NEXT_REFUSED;
}

static void give_request_back(struct stream *stream)
{
    request_give_back(stream->state, stream->owner);
}

static const struct stream_kind HANDLER_STREAM = {
    .piece = any_piece,
    .over = give_request_back,
};

/* An HTTPError with a stream for its body, where a stream failed, is one too many. */
static void replace_by_failure(const struct stream *stream, struct result *result,
                               struct pyrs_exchange *exchange, enum next first)
{
    result_drop(result);
    if (first == NEXT_REFUSED) {
        failure_of_result(result, stream->state, stream->handler, exchange);
        return;
    }
    failure_of_handler(result, stream->state, stream->handler, exchange);
    if (!result->stream)
        return;
    result_drop(result);
    PyErr_SetString(PyExc_TypeError, "the HTTPError of a stream cannot have another "
                                     "stream for its body");
    failure_of_result(result, stream->state, stream->handler, exchange);
}

/* No item came: there is a whole answer. */
static void answer_at_once(struct stream *stream, struct result *result,
                           struct pyrs_exchange *exchange, enum next first)
{
    if (first != NEXT_END)
        replace_by_failure(stream, result, exchange, first);
    stream_close(stream, exchange);
    result_send(result, exchange);
}

void handler_stream_begin(const struct handler *handler, struct request *request,
                          struct result *result, struct pyrs_exchange *exchange)
{
    uint64_t start_ns = clock_now_ns();
    struct stream stream = {.kind = &HANDLER_STREAM,
                            .state = handler->state,
                            .handler = handler->name,
                            .owner = request,
                            .iterator = result->stream,
                            .closed = Py_NewRef(result->stream)};
    struct piece piece;
    enum pyrs_flow flow;
    enum next first;

    result->stream = NULL;
    first = stream_next(&stream, &piece);
    if (first != NEXT_PIECE) {
        answer_at_once(&stream, result, exchange, first);
        return;
    }
    if (!result->response.content_type.bytes)
        result->response.content_type = piece_content_type(&piece);
    flow = pyrs_exchange_begin(exchange, &result->response, -1);
    result_drop(result);
    if (flow == PYRS_FLOW_GONE) { /* HEAD, or nobody is there */
        piece_drop(&piece);
        stream_end(&stream, exchange, true);
        return;
    }
    stream_run(&stream, exchange, piece_send(&piece, exchange), start_ns);
}
