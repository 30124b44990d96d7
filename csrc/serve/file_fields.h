/* file_fields.h - the headers of an answer that is a file: those that the endpoint
 * brings, and those that are made from the file where it brings none.
 *
 * What the endpoint says is sent as it is, and counts: its ETag and Last-Modified are
 * what conditions are compared with (if they are malformed, nothing is equal to them),
 * and its "Accept-Ranges: none" means that ranges are ignored.
 */
#ifndef PYRS_SERVE_FILE_FIELDS_H
#define PYRS_SERVE_FILE_FIELDS_H

#include <sys/stat.h>

#include "../http/conditions.h"
#include "../http/entity_tag.h"
#include "../pyrs.h"

struct file_fields {
    slice brought;                /* the endpoint's lines */
    struct validators validators; /* to compare with */
    bool ranges;                  /* may be asked for */
    bool make_entity_tag;
    bool make_last_modified;
    bool make_accept_ranges;
    char made_tag[ENTITY_TAG_BYTES_MAX];
};

/* `fields` must not move afterwards: they may refer to themselves. */
void file_fields_init(struct file_fields *fields, const struct pyrs_response *response,
                      const struct stat *facts, int64_t now);

/* Room that file_fields_write may need. */
size_t file_fields_size_max(const struct file_fields *fields);

/* The lines of an answer with that status: 200, 206, 304, 412 or 416, each of which
 * leaves something out. `content_range` is a value, empty for none. Gives the end. */
char *file_fields_write(const struct file_fields *fields, uint16_t status,
                        slice content_range, char *out);

#endif
