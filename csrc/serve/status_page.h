/* status_page.h - the endpoint that answers with nothing but a status: no such path, no
 * such method (with Allow), automatic OPTIONS, and every rejection. */
#ifndef PYRS_SERVE_STATUS_PAGE_H
#define PYRS_SERVE_STATUS_PAGE_H

#include "exchange.h"

/* Has no state, so every server shares it. It answers nothing itself: see
 * steps_answer_page. */
struct pyrs_endpoint *status_page(void);

/* What such a page says, "404 Not Found\n", and its media type; gives the length. */
enum { STATUS_PAGE_BYTES_MAX = 80 };
#define STATUS_PAGE_TYPE "text/plain; charset=utf-8"
size_t status_page_text(uint16_t status, char out[STATUS_PAGE_BYTES_MAX]);

/* For an exchange at home: a short plain page, "404 Not Found", with exchange->allow.
 */
void status_page_write(struct pyrs_exchange *exchange, uint16_t status);

/* The same, with header lines. */
void status_page_write_with(struct pyrs_exchange *exchange, uint16_t status,
                            struct pyrs_slice fields);

#endif
