/* listing_page.h - the page of a folder, from what is in it. */
#ifndef PYRS_SERVE_LISTING_PAGE_H
#define PYRS_SERVE_LISTING_PAGE_H

#include "listing_entries.h"
#include "page_text.h"

void listing_page_write(struct page_text *page, const struct listing *listing,
                        const struct listing_entries *entries,
                        struct listing_order order);

#endif
