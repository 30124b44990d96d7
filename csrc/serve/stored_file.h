/* stored_file.h - a file that is held ready to be answered with: its header lines, and
 * its bytes if they are few, else its open descriptor.
 *
 * Making one reads the file, which may block, so it touches nothing of a loop. Once it
 * belongs to one (stored_file_settle), it is that loop's alone.
 */
#ifndef PYRS_SERVE_STORED_FILE_H
#define PYRS_SERVE_STORED_FILE_H

#include <sys/stat.h>

#include "../net/output.h"
#include "file_fields.h"

/* A file up to this size is kept as bytes, which leave behind the head in one system
 * call; a larger one leaves by sendfile. As with bodies that are copied: 16 KiB take
 * about a microsecond. */
enum { STORED_BYTES_MAX = 16 * 1024 };

struct stored_file {
    struct file_state state; /* of what was read */
    bool may_be_stale;  /* it was written to so short a time before that its time would
                           not tell a later write */
    slice content_type; /* the endpoint's */
    slice lines;        /* header lines of a 200 */
    slice prepared;     /* all of a 200 behind Server and Date, for answer_prepared;
                           without the content if that is not kept as bytes */
    struct file_fields fields; /* of other answers */
    uint64_t length;
    const char *bytes;      /* or NULL: */
    struct sent_file *file; /* once it is settled */
    size_t memory_bytes;    /* that it takes */
};

/* What goes with the file's content: `content_type` and `lines` as an answer brings
 * them, `now` for Last-Modified. */
struct stored_file_head {
    slice content_type; /* outlives what is made */
    slice lines;        /* copied */
    int64_t now;
};

/* Of an open regular file with those facts. NULL if memory is out, the file cannot be
 * read, or is being written to. */
struct stored_file *stored_file_new(int descriptor, const struct stat *facts,
                                    const struct stored_file_head *head);

/* Makes it the loop's whose store that is, and takes over the descriptor. False if
 * memory is out; both are gone then. */
bool stored_file_settle(struct stored_file *stored, int descriptor,
                        struct output_store *store);

/* `store` as in stored_file_settle; NULL before. */
void stored_file_free(struct stored_file *stored, struct output_store *store);

/* False if its open file was written to meanwhile. Asks the system of that alone. */
bool stored_file_holds(const struct stored_file *stored);

/* True if a file with such facts has still the content that was read. */
bool stored_file_is_of(const struct stored_file *stored, const struct stat *facts);

#endif
