/* listing.c - see listing.h. */
#include "listing.h"

#include <errno.h>

#include "listing_entries.h"
#include "listing_page.h"
#include "listing_style.h"

slice listing_fields(void)
{
    /* Allowed are the page's own style and icon. What is in a folder changes without a
     * sign that could be compared, so that a page is asked for again each time. */
    return SLICE("Content-Security-Policy: default-src 'none'; img-src data:; "
                 "style-src '" LISTING_STYLE_HASH "'; base-uri 'none'; "
                 "form-action 'none'\r\n"
                 "Cache-Control: no-cache\r\n");
}

char *listing_write(const struct listing *listing, size_t *length)
{
    struct listing_order order = listing_order_read(listing->query);
    struct listing_entries entries = {0};
    struct page_text page = {0};
    int reason = 0;
    char *bytes;

    if (listing_entries_read(&entries, listing)) {
        listing_entries_sort(&entries, order);
        listing_page_write(&page, listing, &entries, order);
        reason = ENOMEM; /* if there is no page now */
    } else {
        reason = errno;
    }
    listing_entries_free(&entries);
    bytes = page_take(&page, length);
    if (!bytes)
        errno = reason;
    return bytes;
}
