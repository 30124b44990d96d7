/* status_page.c - see status_page.h. */
#include "status_page.h"

#include <stdio.h>

#include "../http/response_head.h"
#include "answer.h"

void status_page_write(struct pyrs_exchange *exchange, uint16_t status)
{
    status_page_write_with(exchange, status, (struct pyrs_slice){0});
}

void status_page_write_with(struct pyrs_exchange *exchange, uint16_t status,
                            struct pyrs_slice fields)
{
    slice reason = status_reason(status);
    char page[80];
    int length = snprintf(page, sizeof page, "%u %.*s\n", status, (int)reason.length,
                          reason.bytes);
    struct pyrs_response response = {.status = status, .fields = fields};

    if (status != 204) {
        response.content_type = PYRS_TEXT("text/plain; charset=utf-8");
        response.body = (struct pyrs_slice){page, (size_t)length};
    }
    answer_whole(exchange, &response);
}

static void keep(struct pyrs_endpoint *endpoint)
{
    (void)endpoint;
}

struct pyrs_endpoint *status_page(void)
{
    static const struct endpoint_class CLASS = {.name = "status page", .free = keep};
    static struct pyrs_endpoint page = {.class = &CLASS};

    return &page;
}
