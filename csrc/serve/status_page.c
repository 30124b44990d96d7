/* status_page.c - see status_page.h. */
#include "status_page.h"

#include <stdio.h>

#include "../http/response_head.h"

/* Room for the Allow of a path with very many methods; a longer one is left out. */
enum { ALLOW_BYTES_MAX = 2048 };

void status_page_respond(struct pyrs_exchange *exchange, uint16_t status)
{
    slice allow = exchange->match.allow;
    slice reason = status_reason(status);
    char fields[ALLOW_BYTES_MAX], page[80];
    int fields_bytes = 0;
    int page_bytes = snprintf(page, sizeof page, "%u %.*s\n", status,
                              (int)reason.length, reason.bytes);
    struct pyrs_response response = {.status = status};

    if (allow.length && allow.length < sizeof fields - 16)
        fields_bytes = snprintf(fields, sizeof fields, "Allow: %.*s\r\n",
                                (int)allow.length, allow.bytes);
    response.fields = (struct pyrs_slice){fields, (size_t)fields_bytes};
    if (status != 204) {
        response.content_type = PYRS_TEXT("text/plain; charset=utf-8");
        response.body = (struct pyrs_slice){page, (size_t)page_bytes};
    }
    pyrs_exchange_respond(exchange, &response);
}

static void answer(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    (void)endpoint;
    status_page_respond(exchange, exchange->status);
}

static void keep(struct pyrs_endpoint *endpoint)
{
    (void)endpoint;
}

struct pyrs_endpoint *status_page(void)
{
    static const struct endpoint_class CLASS = {
        .name = "status page", .answer = answer, .free = keep};
    static struct pyrs_endpoint page = {.class = &CLASS};

    return &page;
}
