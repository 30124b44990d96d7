/* status_page.h - the endpoint that answers with nothing but a status: no such path, no
 * such method (with Allow), automatic OPTIONS, and every rejection. */
#ifndef PYRS_SERVE_STATUS_PAGE_H
#define PYRS_SERVE_STATUS_PAGE_H

#include "exchange.h"

/* Answers with exchange->status and, if exchange->match.allow is not empty, Allow. It
 * has no state, so every server shares it. */
struct pyrs_endpoint *status_page(void);

/* A short plain page: "404 Not Found". */
void status_page_respond(struct pyrs_exchange *exchange, uint16_t status);

#endif
