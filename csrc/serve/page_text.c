/* page_text.c - see page_text.h. */
#include "page_text.h"

#include <stdlib.h>

#include "../http/digits.h"
#include "../http/utf8.h"
#include "static_path.h"

enum { PAGE_BYTES_FIRST = 16384 }; /* a folder of some fifty entries */

static void fail(struct page_text *page)
{
    free(page->bytes);
    *page = (struct page_text){.failed = true};
}

/* Where `size` more bytes may be written, or NULL. */
static char *reserve(struct page_text *page, size_t size)
{
    size_t capacity = page->capacity ? page->capacity : PAGE_BYTES_FIRST;
    char *bytes;

    if (page->failed)
        return NULL;
    while (capacity - page->length < size)
        capacity *= 2;
    if (capacity != page->capacity) {
        bytes = realloc(page->bytes, capacity);
        if (!bytes) {
            fail(page);
            return NULL;
        }
        page->bytes = bytes;
        page->capacity = capacity;
    }
    return page->bytes + page->length;
}

void page_add(struct page_text *page, slice html)
{
    char *out = reserve(page, html.length);

    if (!out)
        return;
    memcpy(out, html.bytes, html.length);
    page->length += html.length;
}

void page_add_number(struct page_text *page, uint64_t number)
{
    char *out = reserve(page, DECIMAL_DIGITS_MAX);

    if (out)
        page->length += (size_t)(write_decimal(out, number) - out);
}

/* ---- text ---- */

/* Embeddings, overrides and isolates can make "exe.txt" look like "txt.exe"; U+2028 and
 * U+2029 end lines; the controls from U+0080 on have no pictures. */
static bool disturbs(uint32_t character)
{
    return (character >= 0x80 && character <= 0x9F) ||
           (character >= 0x2028 && character <= 0x202E) ||
           (character >= 0x2066 && character <= 0x2069);
}

/* U+2400 and on; DEL stands behind those below the space. */
static void add_picture(struct page_text *page, uint32_t control)
{
    uint32_t picture = control == 0x7F ? 0x21 : control;
    char utf8[] = {(char)0xE2, (char)0x90, (char)(0x80 | picture)};

    page_add(page, slice_of(utf8, sizeof utf8));
}

static void add_character(struct page_text *page, uint32_t character, slice bytes)
{
    if (character == '<')
        PAGE_ADD(page, "&lt;");
    else if (character == '>')
        PAGE_ADD(page, "&gt;");
    else if (character == '&')
        PAGE_ADD(page, "&amp;");
    else if (character == '"')
        PAGE_ADD(page, "&quot;");
    else if (character < ' ' || character == 0x7F)
        add_picture(page, character);
    else if (character == UTF8_REPLACEMENT || disturbs(character))
        PAGE_ADD(page, "\xEF\xBF\xBD");
    else
        page_add(page, bytes);
}

void page_add_text(struct page_text *page, slice bytes)
{
    for (size_t at = 0, length; at < bytes.length; at += length) {
        uint32_t character;

        length = utf8_read(slice_of(bytes.bytes + at, bytes.length - at), &character);
        add_character(page, character, slice_of(bytes.bytes + at, length));
    }
}

/* ---- links ---- */

void page_add_link(struct page_text *page, slice path)
{
    char *out = reserve(page, 3 * path.length);

    if (out)
        page->length += (size_t)(static_path_encode(path, out) - out);
}

char *page_take(struct page_text *page, size_t *length)
{
    char *bytes = page->bytes;

    *length = page->length;
    *page = (struct page_text){0};
    return bytes;
}
