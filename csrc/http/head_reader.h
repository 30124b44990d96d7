/* head_reader.h - what the files that read a request head share.
 *
 * request_head.c  the limits of the whole head
 * head_lines.c    walks line by line; start there
 * head_line.c     takes a request line apart, and names what is wrong with a line
 * head_fields.c   what the headers that matter to the protocol mean
 *
 * Faults are found in one order, however the bytes arrive. A line is looked at when its
 * end is there, or the first control character, which nothing that follows can mend.
 * First comes a control character or a wrong line end, then the line's form from left
 * to right, then its meaning. What concerns several lines is checked at the end of the
 * head.
 */
#ifndef PYRS_HTTP_HEAD_READER_H
#define PYRS_HTTP_HEAD_READER_H

#include "request_head.h"
#include "scan.h"

enum head_stage {
    STAGE_START,        /* an empty line may come first */
    STAGE_REQUEST_LINE, /* it came */
    STAGE_FIELDS,
};

struct head_reader {
    const char *begin;
    const char *end; /* of what has come, or of what the limit allows */
    const struct scanner *scan;
    const struct head_limits *limits;
    struct head_progress *progress;
    struct request_head *head;
    struct reject *reject;
};

/* ---- head_lines.c ---- */

/* Reads on from progress->line_start. HEAD_MORE: the bytes up to reader->end do not
 * decide. */
enum head_result head_lines(const struct head_reader *reader);

/* ---- head_line.c ---- */

/* A whole request line, without its CRLF. */
bool head_request_line(const struct head_reader *reader, slice line);

/* Its target, once method and version are known. */
bool head_target(const struct head_reader *reader, slice raw);

/* A request line or header line that `stop` spoils: it is a control character, and not
 * the CR of a CRLF. */
void head_line_spoiled(const struct head_reader *reader, const char *line,
                       const char *stop);

/* A whole header line, without its CRLF, that is not name ":" value. */
void head_field_malformed(const struct head_reader *reader, slice line);

/* ---- head_fields.c ---- */

enum head_field {
    FIELD_OTHER,
    FIELD_HOST,
    FIELD_EXPECT,
    FIELD_CONNECTION,
    FIELD_CONTENT_LENGTH,
    FIELD_TRANSFER_ENCODING,
};

/* `line` begins with the header, whose name is `field`. False: rejected. */
bool head_field_apply(const struct head_reader *reader, enum head_field field,
                      const struct header *header);

/* At the empty line: what only all headers together tell. */
bool head_fields_finish(const struct head_reader *reader, const char *empty_line);

/* ---- for all ---- */

static inline bool head_refuse(const struct head_reader *reader,
                               enum reject_reason reason, const char *at)
{
    *reader->reject = (struct reject){reason, (uint32_t)(at - reader->begin)};
    return false;
}

static inline span head_span(const struct head_reader *reader, const char *first,
                             const char *end)
{
    return (span){(uint32_t)(first - reader->begin), (uint32_t)(end - first)};
}

#endif
