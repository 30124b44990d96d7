/* static_page.c - see static_page.h. */
#include "static_page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange.h"
#include "redirect.h"
#include "static_path.h"
#include "status_page.h"

void static_page_answer(struct pyrs_exchange *exchange, uint16_t status, slice fields)
{
    char page[STATUS_PAGE_BYTES_MAX];

    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = status,
                                        .content_type = PYRS_TEXT(STATUS_PAGE_TYPE),
                                        .fields = {fields.bytes, fields.length},
                                        .body = {page, status_page_text(status, page)},
                                    });
}

void static_page_answer_status(struct pyrs_exchange *exchange, uint16_t status)
{
    if (!redirect_post_page(exchange, status))
        static_page_answer(exchange, status, slice_of(NULL, 0));
}

static uint16_t status_of_failure(int code)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case EINVAL: /* a name that the file system cannot have */
    case EILSEQ:
    case ENXIO: /* a socket, or a device that is not there */
    case ENODEV:
        return 404;
    case EACCES:
    case EPERM:
        return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return 503;
    default:
        return 500;
    }
}

void static_page_answer_failure(struct pyrs_exchange *exchange, int code)
{
    uint16_t status = status_of_failure(code);
    char text[160];
    int length;

    if (status >= 500) {
        length =
            snprintf(text, sizeof text, "cannot open the file: %s", strerror(code));
        pyrs_exchange_log(exchange, PYRS_LOG_ERROR,
                          (struct pyrs_slice){text, (size_t)length});
    }
    static_page_answer_status(exchange, status);
}

void static_page_answer_slash(struct pyrs_exchange *exchange)
{
    static const char NAME[] = "Location: ";
    struct pyrs_slice query = pyrs_exchange_query(exchange);
    size_t room = sizeof NAME + 3 * exchange->path.length + query.length + 4;
    char *fields = malloc(room);
    char *end;

    if (!fields) {
        static_page_answer_status(exchange, 503);
        return;
    }
    end = (char *)memcpy(fields, NAME, sizeof NAME - 1) + sizeof NAME - 1;
    end = static_path_encode(exchange->path, end);
    *end++ = '/';
    if (query.length > 0) {
        *end++ = '?';
        end = (char *)memcpy(end, query.bytes, query.length) + query.length;
    }
    end = (char *)memcpy(end, "\r\n", 2) + 2;
    static_page_answer(exchange, 301, slice_of(fields, (size_t)(end - fields)));
    free(fields);
}
