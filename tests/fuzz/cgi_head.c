/* Of the bytes that a program writes: where its head ends does not depend on how they
 * come; a head that is taken gives nothing but valid fields, none that is the server's
 * or tells of another length than the one that was read, and what is written of it
 * reads as the very same fields.
 */
#include "fuzz.h"

#include <http/cgi_head.h>
#include <http/field_lines.h>
#include <http/response_head.h>

static size_t length_in_pieces(slice bytes, size_t step)
{
    size_t looked = 0, length = 0;

    for (size_t come = 0; length == 0 && come < bytes.length;) {
        come = bytes.length - come > step ? come + step : bytes.length;
        length = cgi_head_length(slice_of(bytes.bytes, come), &looked);
        CHECK(length <= come);
    }
    return length;
}

static bool is_named(slice name, const char *text)
{
    return slice_equal_ignoring_case(name, slice_of_text(text));
}

/* Lines that a response may have, each the next of the head's fields. */
static void check_lines(slice lines, const struct cgi_head *head)
{
    struct field_line line;
    uint32_t count = 0;

    while (field_line_next(&lines, &line)) {
        CHECK(count < head->field_count);
        CHECK(field_is_valid(line.name, line.value));
        CHECK(slice_equal(line.name, head->fields[count].name));
        CHECK(slice_equal(line.value, head->fields[count].value));
        CHECK(!is_named(line.name, "connection") && !is_named(line.name, "upgrade"));
        count++;
    }
    CHECK(count == head->field_count);
}

static void check_document(const struct cgi_head *head)
{
    size_t room = cgi_head_fields_size(head);
    char *lines = malloc(room + 1);
    char *end = cgi_head_write_fields(lines, head);

    CHECK(end == lines + room);
    CHECK(head->status >= 200 && head->status <= 599);
    CHECK(head->content_length >= -1);
    CHECK(head->kind == CGI_DOCUMENT || head->location.length > 0);
    check_lines(slice_of(lines, room), head);
    for (uint32_t i = 0; i < head->field_count; i++) {
        CHECK(!is_named(head->fields[i].name, "content-length"));
        CHECK(!is_named(head->fields[i].name, "transfer-encoding"));
        CHECK(!is_named(head->fields[i].name, "status"));
        CHECK(!is_named(head->fields[i].name, "date"));
        CHECK(!is_named(head->fields[i].name, "server"));
    }
    free(lines);
}

/* Read again, it is the same, but for the line that was added. */
static void check_response(const struct cgi_head *head)
{
    size_t room = cgi_head_response_size(head);
    char *text = malloc(room);
    char *end = cgi_head_write_response(text, head);
    struct cgi_head again;
    size_t looked = 0;
    int lengths = 0;

    CHECK(end == text + room);
    CHECK(cgi_head_length(slice_of(text, room), &looked) == room);
    CHECK(!cgi_head_parse_response(slice_of(text, room), &again));
    CHECK(again.status == head->status && again.field_count == head->field_count);
    CHECK(again.content_length == head->content_length);
    for (uint32_t i = 0; i < head->field_count; i++)
        lengths += is_named(head->fields[i].name, "content-length") ||
                   is_named(head->fields[i].name, "transfer-encoding");
    CHECK(lengths <= 1);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    uint8_t control = take_byte(data, &length);
    slice bytes = exact_copy((const char *)data, length);
    size_t looked = 0, head_bytes = cgi_head_length(bytes, &looked);
    struct cgi_head head;

    CHECK(head_bytes == length_in_pieces(bytes, 1 + control / 2));
    if (head_bytes > 0) {
        slice text = exact_copy(bytes.bytes, head_bytes);

        if (control & 1) {
            if (!cgi_head_parse_response(text, &head))
                check_response(&head);
        } else if (!cgi_head_parse(text, &head)) {
            check_document(&head);
        }
        free_copy(text);
    }
    free_copy(bytes);
    return 0;
}
