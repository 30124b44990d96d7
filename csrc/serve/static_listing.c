/* static_listing.c - see static_listing.h; the page itself is listing.h's. */
#include "static_listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exchange.h"
#include "listing.h"
#include "static_page.h"

/* What a link in the folder leads to. */
static bool follow_link(void *context, const char *name, struct stat *facts)
{
    struct static_search *search = context;
    struct static_path *path = &search->path;
    char *end = path->text + path->length;
    int descriptor;
    bool found;

    if (strlen(name) > STATIC_NAME_BYTES_MAX)
        return false;
    if (path->length > 0)
        *end++ = '/';
    strcpy(end, name);
    descriptor = folder_open(&search->files->folder, path->text);
    path->text[path->length] = '\0';
    if (descriptor < 0)
        return false;
    found = fstat(descriptor, facts) == 0;
    close(descriptor);
    return found;
}

void static_listing_answer(struct static_search *search)
{
    struct pyrs_exchange *exchange = search->exchange;
    struct pyrs_slice query = pyrs_exchange_query(exchange);
    struct listing listing = {
        .path = exchange->path,
        .root_length = exchange->path.length - search->key.path.length,
        .query = slice_of(query.bytes, query.length),
        .entries_max = LISTING_ENTRIES_MAX,
        .follow = follow_link,
        .context = search,
    };
    slice fields = listing_fields();
    size_t length;
    char *page;

    search->path.text[search->path.length] = '\0';
    listing.folder = folder_open(&search->files->folder, search->path.text);
    if (listing.folder < 0) {
        static_page_answer_failure(exchange, -listing.folder);
        return;
    }
    page = listing_write(&listing, &length);
    if (!page) {
        static_page_answer_failure(exchange, errno);
        return;
    }
    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = 200,
                                        .content_type = PYRS_TEXT(LISTING_TYPE),
                                        .fields = {fields.bytes, fields.length},
                                        .body = {page, length},
                                        .release = free,
                                        .owner = page,
                                    });
}
