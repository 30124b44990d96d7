/* status_page.c - see status_page.h. */
#include "status_page.h"

#include <stdio.h>

#include "../http/response_head.h"
#include "answer.h"

void status_page_write(struct pyrs_exchange *exchange, uint16_t status)
{
    status_page_write_with(exchange, status, (struct pyrs_slice){0});
}

size_t status_page_text(uint16_t status, char out[STATUS_PAGE_BYTES_MAX])
{
    slice reason = status_reason(status);
    int length = snprintf(out, STATUS_PAGE_BYTES_MAX, "%u %.*s\n", status,
                          (int)reason.length, reason.bytes);

    return (size_t)length;
}

void status_page_write_with(struct pyrs_exchange *exchange, uint16_t status,
                            struct pyrs_slice fields)
{
    char page[STATUS_PAGE_BYTES_MAX];
    struct pyrs_response response = {.status = status, .fields = fields};

    if (status != 204) {
        response.content_type = PYRS_TEXT(STATUS_PAGE_TYPE);
        response.body = (struct pyrs_slice){page, status_page_text(status, page)};
    }
    answer_whole(exchange, &response);
}

static void keep(struct pyrs_endpoint *endpoint)
{
    (void)endpoint;
}

struct pyrs_endpoint *status_page(void)
{
    static const struct endpoint_class CLASS = {.free = keep};
    static struct pyrs_endpoint page = {.class = &CLASS};

    return &page;
}
