/* file_fields.c - see file_fields.h. Sections are those of RFC 9110. */
#include "file_fields.h"

#include "../http/chars.h"
#include "../http/field_lines.h"
#include "../http/http_date.h"
#include "../http/range.h"
#include "../net/file_state.h"

#define ETAG          "ETag: "
#define LAST_MODIFIED "Last-Modified: "
#define ACCEPT_RANGES "Accept-Ranges: bytes\r\n"
#define CONTENT_RANGE "Content-Range: "

/* ---- what is there ---- */

/* Sent and compared is a time that is not ahead (8.8.2.1), nor before 1970, which no
 * header can say. */
static int64_t modified_at(const struct stat *facts, int64_t now)
{
    int64_t seconds = facts->st_mtim.tv_sec;

    if (seconds > now)
        return now;
    return seconds > 0 ? seconds : 0;
}

/* The same file with another coding, or none, has another tag (8.8.3.3). */
static slice coding_of(slice lines)
{
    struct field_line line;

    while (field_line_next(&lines, &line))
        if (slice_equal_ignoring_case(line.name, SLICE("content-encoding")) &&
            is_token(line.value) && line.value.length <= CODING_NAME_BYTES_MAX)
            return line.value;
    return slice_of(NULL, 0);
}

static void make(struct file_fields *fields, const struct pyrs_file *file,
                 const struct stat *facts)
{
    struct file_state state = file_state_of(facts);
    slice given = slice_of(file->etag.bytes, file->etag.length);

    if (!entity_tag_is_valid(given))
        given = slice_of(
            fields->made_tag,
            entity_tag_write(&state, coding_of(fields->brought), fields->made_tag));
    fields->validators.entity_tag = given;
    fields->validators.last_modified = modified_at(facts, fields->validators.now);
    fields->ranges = true;
    fields->make_entity_tag = fields->make_last_modified = fields->make_accept_ranges =
        true;
}

/* A line that the endpoint brings stands in the place of ours. */
static void heed(struct file_fields *fields, const struct field_line *line)
{
    struct validators *validators = &fields->validators;

    if (slice_equal_ignoring_case(line->name, SLICE("etag"))) {
        fields->make_entity_tag = false;
        validators->entity_tag =
            entity_tag_is_valid(line->value) ? line->value : slice_of(NULL, 0);
    } else if (slice_equal_ignoring_case(line->name, SLICE("last-modified"))) {
        fields->make_last_modified = false;
        if (!http_date_read(line->value, validators->now, &validators->last_modified))
            validators->last_modified = LAST_MODIFIED_UNKNOWN;
    } else if (slice_equal_ignoring_case(line->name, SLICE("accept-ranges"))) {
        fields->make_accept_ranges = false;
        fields->ranges = !slice_equal_ignoring_case(line->value, SLICE("none"));
    }
}

void file_fields_init(struct file_fields *fields, const struct pyrs_response *response,
                      const struct stat *facts, int64_t now)
{
    slice rest = slice_of(response->fields.bytes, response->fields.length);
    struct field_line line;

    fields->brought = rest;
    fields->validators.now = now;
    make(fields, response->file, facts);
    while (field_line_next(&rest, &line))
        heed(fields, &line);
}

/* ---- what is said ---- */

enum {
    NOT_IN_PARTS = 1,  /* 206 */
    NOT_IN_304 = 2,    /* 15.4.5: what the client has describes itself */
    NOT_IN_ERRORS = 4, /* 412 and 416 have a page of their own, not to be kept */
};

static unsigned answer_kind(uint16_t status)
{
    if (status == 206)
        return NOT_IN_PARTS;
    if (status == 304)
        return NOT_IN_304;
    return status >= 400 ? NOT_IN_ERRORS : 0;
}

static bool is_said(slice name, uint16_t status)
{
    static const struct {
        slice name;
        unsigned not_in;
    } LINES[] = {
        {{"cache-control", 13}, NOT_IN_ERRORS},
        {{"content-disposition", 19}, NOT_IN_ERRORS},
        {{"content-encoding", 16}, NOT_IN_304 | NOT_IN_ERRORS},
        {{"content-language", 16}, NOT_IN_304 | NOT_IN_ERRORS},
        {{"content-location", 16}, NOT_IN_ERRORS},
        {{"content-range", 13}, NOT_IN_PARTS | NOT_IN_304 | NOT_IN_ERRORS},
        {{"content-type", 12}, NOT_IN_304 | NOT_IN_ERRORS},
        {{"etag", 4}, NOT_IN_ERRORS},
        {{"expires", 7}, NOT_IN_ERRORS},
        {{"last-modified", 13}, NOT_IN_ERRORS},
    };

    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++)
        if (slice_equal_ignoring_case(name, LINES[i].name))
            return !(LINES[i].not_in & answer_kind(status));
    return true;
}

static char *write_text(char *out, slice text)
{
    if (text.length)
        memcpy(out, text.bytes, text.length);
    return out + text.length;
}

static char *write_line(char *out, slice name, slice value)
{
    out = write_text(out, name);
    out = write_text(out, value);
    return write_text(out, SLICE("\r\n"));
}

size_t file_fields_size_max(const struct file_fields *fields)
{
    return fields->brought.length + sizeof ETAG + fields->validators.entity_tag.length +
           sizeof LAST_MODIFIED + HTTP_DATE_BYTES + sizeof ACCEPT_RANGES +
           sizeof CONTENT_RANGE + CONTENT_RANGE_BYTES_MAX + 3 * sizeof "\r\n";
}

static char *write_made(const struct file_fields *fields, uint16_t status, char *out)
{
    char date[HTTP_DATE_BYTES];

    if (fields->make_entity_tag)
        out = write_line(out, SLICE(ETAG), fields->validators.entity_tag);
    if (status == 304) /* nothing else that says what the tag says already */
        return out;
    if (fields->make_last_modified) {
        http_date_write(fields->validators.last_modified, date);
        out = write_line(out, SLICE(LAST_MODIFIED), slice_of(date, sizeof date));
    }
    if (fields->make_accept_ranges)
        out = write_text(out, SLICE(ACCEPT_RANGES));
    return out;
}

char *file_fields_write(const struct file_fields *fields, uint16_t status,
                        slice content_range, char *out)
{
    slice rest = fields->brought;
    struct field_line line;

    while (field_line_next(&rest, &line))
        if (is_said(line.name, status))
            out = write_text(out, line.line);
    if (status < 400)
        out = write_made(fields, status, out);
    if (content_range.length)
        out = write_line(out, SLICE(CONTENT_RANGE), content_range);
    return out;
}
