/* file_response.c - see file_response.h. Sections are those of RFC 9110. */
#include "file_response.h"

#include <stdlib.h>
#include <unistd.h>

#include "../http/byteranges.h"
#include "../http/digits.h"
#include "../net/file_state.h"
#include "answer.h"
#include "file_fields.h"
#include "http1.h"
#include "status_page.h"
#include "stored_file.h"

/* Header lines up to this size need no memory of their own. */
enum { LINES_ON_STACK_BYTES = 2048 };

/* No leading zero: one length for all answers. */
#define TOP_DIGIT ((uint64_t)1 << 63)
#define MULTIPART "multipart/byteranges; boundary="
enum { BOUNDARY_BYTES_MAX = 2 * HEX_DIGITS_MAX };

struct file_answer {
    struct pyrs_exchange *exchange;
    slice content_type;
    uint64_t length;
    const char *bytes;                /* of the whole; or NULL: */
    struct sent_file *file;           /* where they are */
    const struct file_fields *fields; /* of a file that may be asked for in part */
};

static struct service *service_of_answer(const struct file_answer *answer)
{
    return http1_service(answer->exchange->http1);
}

static struct connection *connection_of(const struct file_answer *answer)
{
    return &answer->exchange->http1->connection;
}

/* ---- heads ---- */

/* The header lines of one answer. */
struct lines {
    char *bytes; /* `on_stack`, or on the heap */
    size_t length;
    char on_stack[LINES_ON_STACK_BYTES];
};

static bool make_lines(const struct file_answer *answer, uint16_t status,
                       slice content_range, struct lines *lines)
{
    size_t room = file_fields_size_max(answer->fields);
    char *end;

    lines->bytes = lines->on_stack;
    if (room > sizeof lines->on_stack) {
        counter_add(&service_of_answer(answer)->loop.counters.allocations, 1);
        lines->bytes = malloc(room);
    }
    if (!lines->bytes) {
        connection_close(connection_of(answer));
        return false;
    }
    end = file_fields_write(answer->fields, status, content_range, lines->bytes);
    lines->length = (size_t)(end - lines->bytes);
    return true;
}

static void free_lines(struct lines *lines)
{
    if (lines->bytes != lines->on_stack)
        free(lines->bytes);
}

static void begin(const struct file_answer *answer, uint16_t status, slice content_type,
                  slice content_range, uint64_t body_bytes)
{
    struct pyrs_response head = {
        .status = status, .content_type = {content_type.bytes, content_type.length}};
    struct lines lines;

    if (!make_lines(answer, status, content_range, &lines))
        return;
    head.fields = (struct pyrs_slice){lines.bytes, lines.length};
    answer_begin(answer->exchange, &head, (int64_t)body_bytes);
    free_lines(&lines);
}

/* Not the file at all. */
static void send_page(const struct file_answer *answer, uint16_t status,
                      slice content_range)
{
    struct lines lines;

    if (!make_lines(answer, status, content_range, &lines))
        return;
    status_page_write_with(answer->exchange, status,
                           (struct pyrs_slice){lines.bytes, lines.length});
    free_lines(&lines);
}

/* ---- bodies ---- */

static bool append_text(const struct file_answer *answer, const struct byteranges *body,
                        const struct byte_range *range)
{
    struct connection *connection = connection_of(answer);
    struct output_store *store = &connection->loop->output_store;
    size_t size = byteranges_head_size(body, range);
    char *out = output_reserve(&connection->output, store, size);

    if (!out)
        return false;
    byteranges_write_head(body, range, out);
    output_commit(&connection->output, store, size);
    return true;
}

static bool append_part(const struct file_answer *answer,
                        const struct byte_range *range)
{
    struct connection *connection = connection_of(answer);
    struct output_store *store = &connection->loop->output_store;
    enum append_result result;

    if (answer->bytes)
        return output_write(&connection->output, store, answer->bytes + range->first,
                            (size_t)range->length);
    result = output_append_file(&connection->output, store, answer->file, range->first,
                                range->length);
    if (result == APPEND_CHANGED)
        pyrs_exchange_log(answer->exchange, PYRS_LOG_WARNING,
                          PYRS_TEXT("the file has changed or cannot be read: the "
                                    "connection is cut"));
    return result == APPEND_DONE;
}

static bool append_multipart(const struct file_answer *answer,
                             const struct byteranges *body, const struct range_set *set)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (!append_text(answer, body, &set->ranges[i]) ||
            !append_part(answer, &set->ranges[i]))
            return false;
    return append_text(answer, body, NULL);
}

/* Behind a head that was begun: multipart if `body` is there, else one part. */
static void write_body(const struct file_answer *answer, const struct byteranges *body,
                       const struct range_set *set)
{
    struct pyrs_exchange *exchange = answer->exchange;
    bool complete = true;

    if (connection_of(answer)->state == CONNECTION_CLOSED) /* memory was out */
        return;
    if (!answer_has_no_body(exchange, exchange->status)) {
        exchange->body_sent = (uint64_t)exchange->body_left;
        exchange->body_left = 0;
        complete = body ? append_multipart(answer, body, set)
                        : append_part(answer, &set->ranges[0]);
    }
    answer_end(exchange, complete);
}

/* ---- the answers ---- */

static const slice NO_RANGE = {NULL, 0};

static void send_whole(const struct file_answer *answer)
{
    struct range_set all = {1, {{0, answer->length}}};

    begin(answer, 200, answer->content_type, NO_RANGE, answer->length);
    write_body(answer, NULL, &all);
}

static void send_part(const struct file_answer *answer, const struct range_set *set)
{
    const struct byte_range *range = &set->ranges[0];
    char text[CONTENT_RANGE_BYTES_MAX];
    size_t length = content_range_write(range, answer->length, text);

    begin(answer, 206, answer->content_type, slice_of(text, length), range->length);
    write_body(answer, NULL, set);
}

static void send_parts(const struct file_answer *answer, const struct range_set *set,
                       const uint64_t random[2])
{
    char type[sizeof MULTIPART + BOUNDARY_BYTES_MAX] = MULTIPART;
    char *boundary = type + sizeof MULTIPART - 1;
    char *end =
        write_hex(write_hex(boundary, random[0] | TOP_DIGIT), random[1] | TOP_DIGIT);
    struct byteranges body = {
        .boundary = slice_of(boundary, (size_t)(end - boundary)),
        .content_type = answer->content_type,
        .length = answer->length,
    };

    begin(answer, 206, slice_of(type, (size_t)(end - type)), NO_RANGE,
          byteranges_size(&body, set));
    write_body(answer, &body, set);
}

static void send_not_modified(const struct file_answer *answer)
{
    begin(answer, 304, slice_of(NULL, 0), NO_RANGE, 0);
    write_body(answer, NULL, NULL);
}

static void send_unsatisfiable(const struct file_answer *answer)
{
    char text[CONTENT_RANGE_BYTES_MAX];
    size_t length = content_range_write(NULL, answer->length, text);

    send_page(answer, 416, slice_of(text, length));
}

/* With a head that is made already: held ready, another status, a method that the file
 * is only an outcome of, or the part that its endpoint has chosen. */
static void send_with_head(const struct file_answer *answer,
                           const struct pyrs_response *head, struct byte_range part)
{
    struct range_set set = {1, {part}};

    answer_begin(answer->exchange, head, (int64_t)part.length);
    write_body(answer, NULL, &set);
}

/* ---- which of them ---- */

static void send_ranges(const struct file_answer *answer, slice asked_for)
{
    struct range_set set;
    uint64_t random[2];

    switch (range_parse(asked_for, answer->length, &set)) {
    case RANGE_IGNORED:
        send_whole(answer);
        break;
    case RANGE_UNSATISFIABLE:
        send_unsatisfiable(answer);
        break;
    case RANGE_SATISFIABLE:
        if (set.count == 1)
            send_part(answer, &set);
        else if (uv_random(NULL, NULL, random, sizeof random, 0, NULL) == 0)
            send_parts(answer, &set, random);
        else /* a boundary that can be guessed can be written into a file */
            send_whole(answer);
        break;
    }
}

static void send_as_asked_for(const struct file_answer *answer,
                              const struct conditions *conditions)
{
    const struct validators *validators = &answer->fields->validators;
    slice range = NO_RANGE;

    switch (conditions_evaluate(conditions, validators)) {
    case CONDITION_NOT_MODIFIED:
        send_not_modified(answer);
        return;
    case CONDITION_FAILED:
        send_page(answer, 412, NO_RANGE);
        return;
    case CONDITION_PROCEED:
        break;
    }
    if (answer->fields->ranges)
        range = conditions_range(conditions, validators);
    send_ranges(answer, range);
}

/* Of another method the file is what came of it, not what it is about: by now it would
 * be too late for a condition (13.2.1), and a tag would name something else. The same
 * holds for other statuses. */
static bool may_be_asked_for(const struct pyrs_exchange *exchange,
                             const struct pyrs_response *response)
{
    return response->status == 200 && !response->file->is_plain &&
           (exchange->head.method == METHOD_GET ||
            exchange->head.method == METHOD_HEAD);
}

static struct byte_range part_of(const struct file_answer *answer,
                                 const struct pyrs_file *file)
{
    return file->is_plain ? (struct byte_range){file->offset, file->length}
                          : (struct byte_range){0, answer->length};
}

static void send_opened(struct file_answer *answer,
                        const struct pyrs_response *response, const struct stat *facts)
{
    const struct pyrs_exchange *exchange = answer->exchange;
    struct file_fields fields;
    struct conditions conditions;

    answer->length = (uint64_t)facts->st_size;
    answer->content_type =
        slice_of(response->content_type.bytes, response->content_type.length);
    if (!may_be_asked_for(exchange, response)) {
        send_with_head(answer, response, part_of(answer, response->file));
        return;
    }
    file_fields_init(&fields, response, facts, service_of_answer(answer)->loop.clock);
    answer->fields = &fields;
    conditions_read(&exchange->head, exchange->bytes, &conditions);
    send_as_asked_for(answer, &conditions);
}

void file_response_send(struct pyrs_exchange *exchange,
                        const struct pyrs_response *response)
{
    struct file_answer answer = {.exchange = exchange};
    struct output_store *store = &connection_of(&answer)->loop->output_store;
    int descriptor = response->file->descriptor;
    struct file_state state;
    struct stat facts;

    if (fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        pyrs_exchange_log(exchange, PYRS_LOG_ERROR,
                          PYRS_TEXT("answered with what is no regular file"));
        file_response_drop(response);
        status_page_write(exchange, 500);
        answer_release(service_of_answer(&answer), response->release, response->owner);
        return;
    }
    state = file_state_of(&facts);
    answer.file = sent_file_new(store, descriptor, &state);
    if (answer.file) {
        send_opened(&answer, response, &facts);
        sent_file_give_up(store, answer.file);
    } else {
        connection_close(connection_of(&answer));
    }
    answer_release(service_of_answer(&answer), response->release, response->owner);
}

/* ---- files that are held ready ---- */

/* The head's lines are made, a small file's bytes are here. */
static void send_ready(const struct file_answer *answer,
                       const struct stored_file *stored)
{
    struct pyrs_response response = {
        .status = 200,
        .content_type = {stored->content_type.bytes, stored->content_type.length},
        .fields = {stored->lines.bytes, stored->lines.length},
        .body = {stored->bytes, (size_t)stored->length},
    };

    if (stored->bytes)
        answer_whole(answer->exchange, &response);
    else
        send_with_head(answer, &response, (struct byte_range){0, answer->length});
}

void file_response_send_stored(struct pyrs_exchange *exchange,
                               struct stored_file *stored)
{
    struct file_answer answer = {
        .exchange = exchange,
        .content_type = stored->content_type,
        .length = stored->length,
        .bytes = stored->bytes,
        .file = stored->file,
        .fields = &stored->fields,
    };
    struct conditions conditions;

    conditions_read(&exchange->head, exchange->bytes, &conditions);
    if (conditions.any) {
        stored->fields.validators.now = service_of_answer(&answer)->loop.clock;
        send_as_asked_for(&answer, &conditions);
    } else if (!stored->bytes ||
               !answer_prepared(exchange, stored->prepared, (size_t)stored->length)) {
        send_ready(&answer, stored);
    }
}

void file_response_drop(const struct pyrs_response *response)
{
    if (response->file && response->file->descriptor >= 0)
        close(response->file->descriptor);
}
