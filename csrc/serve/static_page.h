/* static_page.h - answers to who asks a static folder for what is no file. */
#ifndef PYRS_SERVE_STATIC_PAGE_H
#define PYRS_SERVE_STATIC_PAGE_H

#include "../http/slice.h"
#include "endpoint.h"

/* A page that says nothing but its status; with header lines. */
void static_page_answer(struct pyrs_exchange *exchange, uint16_t status, slice fields);
void static_page_answer_status(struct pyrs_exchange *exchange, uint16_t status);

/* What errno means to a client: 404, 403, or a fault of ours, which is logged. */
void static_page_answer_failure(struct pyrs_exchange *exchange, int code);

/* Leads to the same path with a slash at its end: only from there do the links of a
 * folder's page lead where they should. */
void static_page_answer_slash(struct pyrs_exchange *exchange);

#endif
