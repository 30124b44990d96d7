/* page_text.h - a page of HTML that grows as it is written.
 *
 * A page that memory was out for stays empty whatever is added: its writer need not
 * look until the end.
 */
#ifndef PYRS_SERVE_PAGE_TEXT_H
#define PYRS_SERVE_PAGE_TEXT_H

#include "../http/slice.h"

/* All zero is an empty page. */
struct page_text {
    char *bytes;
    size_t length, capacity;
    bool failed; /* memory was out */
};

/* HTML as it is. */
void page_add(struct page_text *page, slice html);

#define PAGE_ADD(page, literal) page_add(page, SLICE(literal))

void page_add_number(struct page_text *page, uint64_t number);

/* Bytes as text, also within double quotes: UTF-8, with a replacement character for
 * what is none, and for characters that would change how their neighbours are shown.
 * Control characters are shown as their pictures: a name with a line end in it is still
 * one line. */
void page_add_text(struct page_text *page, slice bytes);

/* A path, or a name, as it stands in a link (static_path_encode): nothing in it can be
 * taken for a scheme, a query or a fragment, nor end an attribute. */
void page_add_link(struct page_text *page, slice path);

/* The page, which is the caller's then, from malloc; NULL if memory was out. */
char *page_take(struct page_text *page, size_t *length);

#endif
