/* listing_page.c - see listing_page.h. */
#include "listing_page.h"

#include <time.h>

#include "listing_style.h"

/* A folder, for the browser's tab; without one browsers ask for /favicon.ico. */
static const char ICON[] =
    "<link rel=\"icon\" href=\"data:image/svg+xml,"
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath fill='%233b82d6' d='M1 2h5l2 2h7v10H1z'/%3E%3C/svg%3E\"/>\n";

/* ---- where one is ---- */

static uint32_t count_segments(slice path)
{
    uint32_t count = 0;

    for (size_t i = 0; i < path.length; i++)
        count += path.bytes[i] == '/';
    return count;
}

static slice next_segment(slice *path)
{
    const char *slash = memchr(path->bytes, '/', path->length);
    size_t length = slash ? (size_t)(slash - path->bytes) + 1 : path->length;
    slice segment = slice_of(path->bytes, length);

    *path = slice_of(path->bytes + length, path->length - length);
    return segment;
}

/* A link `up` folders higher; the page's own folder is no link. */
static void add_crumb(struct page_text *page, slice name, uint32_t up)
{
    if (up > 0) {
        PAGE_ADD(page, "<a href=\"");
        for (uint32_t i = 0; i < up; i++)
            PAGE_ADD(page, "../");
        PAGE_ADD(page, "\">");
    }
    page_add_text(page, name);
    if (up > 0)
        PAGE_ADD(page, "</a>");
}

/* The path itself, each part of it a link. */
static void add_path(struct page_text *page, const struct listing *listing)
{
    slice root = slice_of(listing->path.bytes, listing->root_length);
    slice below = slice_of(listing->path.bytes + listing->root_length,
                           listing->path.length - listing->root_length);
    uint32_t up = count_segments(below);

    add_crumb(page, root, up);
    while (up > 0) {
        PAGE_ADD(page, "<wbr/>");
        add_crumb(page, next_segment(&below), --up);
    }
}

/* ---- numbers ---- */

/* Two or three digits, in steps of a thousand: "955 kB", "1.2 MB". */
static void add_size(struct page_text *page, uint64_t size)
{
    static const char *const UNITS[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)size;
    size_t unit = 0;

    while (value >= 999.5) {
        value /= 1000;
        unit++;
    }
    if (unit > 0 && value < 9.95) {
        uint64_t tenths = (uint64_t)(value * 10 + 0.5);

        page_add_number(page, tenths / 10);
        PAGE_ADD(page, ".");
        page_add_number(page, tenths % 10);
    } else {
        page_add_number(page, (uint64_t)(value + 0.5));
    }
    PAGE_ADD(page, " ");
    page_add(page, slice_of(UNITS[unit], strlen(UNITS[unit])));
}

static void add_count(struct page_text *page, uint32_t count, slice noun)
{
    page_add_number(page, count);
    PAGE_ADD(page, " ");
    page_add(page, noun);
    if (count != 1)
        PAGE_ADD(page, "s");
}

static uint64_t size_of_all(const struct listing_group *files)
{
    uint64_t size = 0;

    for (uint32_t i = 0; i < files->count; i++)
        size += files->entries[i]->size;
    return size;
}

static void add_sum(struct page_text *page, const struct listing_entries *entries)
{
    const struct listing_group *folders = &entries->folders, *files = &entries->files;

    PAGE_ADD(page, "<p>");
    if (folders->count > 0)
        add_count(page, folders->count, SLICE("folder"));
    if (folders->count > 0 && files->count > 0)
        PAGE_ADD(page, ", ");
    if (files->count > 0) {
        add_count(page, files->count, SLICE("file"));
        PAGE_ADD(page, ", ");
        add_size(page, size_of_all(files));
    }
    if (folders->count + files->count == 0)
        PAGE_ADD(page, "Nothing in here");
    PAGE_ADD(page, "</p>\n");
}

static void add_cut(struct page_text *page, uint32_t entries_max)
{
    PAGE_ADD(page, "<p class=\"cut\">There are more than ");
    page_add_number(page, entries_max);
    PAGE_ADD(page, " entries in this folder. These are the first that the file system "
                   "names, the others are not shown.</p>\n");
}

/* ---- the head of the table: links that sort ---- */

struct column {
    enum listing_key key;
    const char *name, *title;
    bool descending_first; /* the newest and the largest are looked for */
};

static const struct column COLUMNS[] = {
    {LISTING_BY_NAME, "name", "Name", false},
    {LISTING_BY_SIZE, "size", "Size", true},
    {LISTING_BY_DATE, "date", "Modified (UTC)", true},
};
enum { COLUMN_COUNT = sizeof COLUMNS / sizeof *COLUMNS };

static void add_string(struct page_text *page, const char *text)
{
    page_add(page, slice_of_text(text));
}

/* The column that sorts now has a link to the other direction. */
static void add_column(struct page_text *page, const struct column *column,
                       struct listing_order now)
{
    bool sorts = column->key == now.key;
    bool descending = sorts ? !now.descending : column->descending_first;

    PAGE_ADD(page, "<th scope=\"col\"");
    if (sorts && now.descending)
        PAGE_ADD(page, " aria-sort=\"descending\"");
    else if (sorts)
        PAGE_ADD(page, " aria-sort=\"ascending\"");
    PAGE_ADD(page, "><a href=\"?sort=");
    add_string(page, column->name);
    add_string(page, descending ? "&amp;order=desc\">" : "&amp;order=asc\">");
    add_string(page, column->title);
    PAGE_ADD(page, "</a></th>");
}

static void add_columns(struct page_text *page, struct listing_order order)
{
    PAGE_ADD(page, "<thead><tr>");
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        add_column(page, &COLUMNS[i], order);
    PAGE_ADD(page, "</tr></thead>\n<tbody>\n");
}

/* ---- its rows ---- */

/* Left out if it is none that HTML knows (years of four digits). */
static void add_date(struct page_text *page, int64_t seconds)
{
    time_t time = (time_t)seconds;
    struct tm date;
    char text[80];
    size_t length;

    if (!gmtime_r(&time, &date) || date.tm_year < 1000 - 1900 ||
        date.tm_year > 9999 - 1900)
        return;
    length =
        strftime(text, sizeof text,
                 "<time datetime=\"%Y-%m-%dT%H:%M:%SZ\">%Y-%m-%d %H:%M</time>", &date);
    page_add(page, slice_of(text, length));
}

static void add_row(struct page_text *page, const struct listing_entry *entry,
                    bool is_folder)
{
    slice name = slice_of(entry->name, entry->name_length);

    add_string(page, is_folder ? "<tr class=\"folder\">" : "<tr>");
    PAGE_ADD(page, "<td><a href=\"");
    page_add_link(page, name);
    add_string(page, is_folder ? "/\">" : "\">");
    page_add_text(page, name);
    PAGE_ADD(page, "</a></td><td>");
    if (!is_folder) {
        PAGE_ADD(page, "<data value=\"");
        page_add_number(page, entry->size);
        PAGE_ADD(page, "\">");
        add_size(page, entry->size);
        PAGE_ADD(page, "</data>");
    }
    PAGE_ADD(page, "</td><td>");
    add_date(page, entry->modified);
    PAGE_ADD(page, "</td></tr>\n");
}

static void add_group(struct page_text *page, const struct listing_group *group,
                      bool are_folders)
{
    for (uint32_t i = 0; i < group->count; i++)
        add_row(page, group->entries[i], are_folders);
}

static void add_table(struct page_text *page, const struct listing *listing,
                      const struct listing_entries *entries, struct listing_order order)
{
    PAGE_ADD(page, "<table>\n");
    add_columns(page, order);
    if (listing->path.length > listing->root_length)
        PAGE_ADD(page, "<tr class=\"up\"><td colspan=\"3\"><a href=\"../\">"
                       "Parent folder</a></td></tr>\n");
    add_group(page, &entries->folders, true);
    add_group(page, &entries->files, false);
    PAGE_ADD(page, "</tbody>\n</table>\n");
}

/* ---- the whole ---- */

static void add_head(struct page_text *page, slice title)
{
    PAGE_ADD(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
                   "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
                   "content=\"width=device-width, initial-scale=1\"/>\n");
    add_string(page, ICON);
    PAGE_ADD(page, "<title>");
    page_add_text(page, title);
    PAGE_ADD(page, "</title>\n<style>");
    page_add(page, listing_style);
    PAGE_ADD(page, "</style>\n</head>\n");
}

void listing_page_write(struct page_text *page, const struct listing *listing,
                        const struct listing_entries *entries,
                        struct listing_order order)
{
    add_head(page, listing->path);
    PAGE_ADD(page, "<body>\n<h1>");
    add_path(page, listing);
    PAGE_ADD(page, "</h1>\n");
    add_sum(page, entries);
    if (entries->cut)
        add_cut(page, listing->entries_max);
    add_table(page, listing, entries, order);
    PAGE_ADD(page, "</body>\n</html>\n");
}
