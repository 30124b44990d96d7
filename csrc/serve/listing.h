/* listing.h - a folder as a page: what is in it, with sizes and dates, to be read by a
 * person.
 *
 * Folders first, sorted as the query asks ("sort=name|size|date&order=asc|desc"; what
 * it asks wrongly is as if it were not asked). The page needs no script and nothing
 * from elsewhere, so its fields allow nothing but its own style. Shown are regular
 * files and folders whose names are not hidden (hidden_name.h), symbolic links as what
 * they lead to. Names may hold any byte.
 *
 * Blocks for as long as the folder takes to read, so it is called within a step.
 * Reading order: listing.c, listing_entries.h, listing_page.h, page_text.h.
 */
#ifndef PYRS_SERVE_LISTING_H
#define PYRS_SERVE_LISTING_H

#include <sys/stat.h>

#include "../http/slice.h"

/* More entries than a person looks through; as many take some 50 ms of processor time
 * and 2 MB. A folder that has more is shown in part, and the page says so. */
enum { LISTING_ENTRIES_MAX = 10000 };

/* What a symbolic link of that name in the folder leads to, if it would be served;
 * else false. */
typedef bool listing_follow(void *context, const char *name, struct stat *facts);

struct listing {
    int folder;             /* open for reading: listing_write closes it in any case */
    slice path;             /* decoded, from the root of all, with the slash at its end:
                               "/files/docs/" */
    size_t root_length;     /* how much of it leads to the folder that is served: 7, for
                               "/files/". There no link leads further up */
    slice query;            /* raw, without its question mark */
    uint32_t entries_max;   /* LISTING_ENTRIES_MAX */
    listing_follow *follow; /* NULL: symbolic links are not shown */
    void *context;          /* follow's */
};

#define LISTING_TYPE "text/html; charset=utf-8"

/* The header lines that go with every page, as pyrs_response.fields wants them:
 * Content-Security-Policy, Cache-Control. */
slice listing_fields(void);

/* The page: *length bytes, the caller's, from malloc. NULL if the folder cannot be read
 * or memory is out; errno says why. */
char *listing_write(const struct listing *listing, size_t *length);

#endif
