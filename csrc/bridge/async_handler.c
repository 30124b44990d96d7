/* async_handler.c - see async_handler.h. Nothing here is attached. */
#include "async_handler.h"

#include "tasks.h"

/* The server is stopping at once, or memory is out. */
static void refuse(struct pyrs_exchange *exchange)
{
    pyrs_exchange_respond(exchange,
                          &(struct pyrs_response){
                              .status = 503,
                              .content_type = PYRS_TEXT("text/plain; charset=utf-8"),
                              .body = PYRS_TEXT("Service Unavailable\n"),
                          });
}

static void async_handler_answer(struct pyrs_endpoint *endpoint,
                                 struct pyrs_exchange *exchange)
{
    const struct handler *handler = (const struct handler *)endpoint;

    if (!inbox_put(&handler->tasks->inbox, exchange, handler))
        refuse(exchange);
}

static void async_handler_notify(struct pyrs_endpoint *endpoint,
                                 struct pyrs_exchange *exchange, enum pyrs_event event)
{
    inbox_tell(&((const struct handler *)endpoint)->tasks->inbox, exchange, event);
}

static void async_handler_wake(struct pyrs_endpoint *endpoint)
{
    inbox_wake(&((const struct handler *)endpoint)->tasks->inbox);
}

struct endpoint_class async_handler_class(const struct interpreter *interpreter)
{
    return (struct endpoint_class){
        .lender = interpreter,
        .answer = async_handler_answer,
        .free = handler_free_detached,
        .notify = async_handler_notify,
        .wake = async_handler_wake,
    };
}
