/* kit.h - what the tests need from C. */
#ifndef PYRS_TESTS_KIT_H
#define PYRS_TESTS_KIT_H

#include <http/request_head.h>
#include <pyrs.h>
#include <serve/listing.h>

/* Bytes that end where memory ends: the next one belongs to a page that may not be
 * touched, and so does the page before. NULL if memory is out. */
struct guarded *guarded_new(size_t size_max);
void guarded_free(struct guarded *guarded);

/* Moves `length` bytes so that they end at the guard page; whatever stood there before
 * is overwritten. */
const char *guarded_put(struct guarded *guarded, const char *bytes, size_t length);

/* A request and its body, read as the server reads it. */
struct kit_request {
    enum head_result head_result; /* HEAD_REJECTED for a rejected body too */
    bool complete;                /* head and body are whole */
    size_t bytes;                 /* of the request, if complete */
    struct reject reject;         /* offset from the first byte of the request */
    struct request_head head;     /* with HEAD_DONE */
    size_t body_length;
    char *body; /* the caller's, at least as large as the input */
};

/* Reads one request from `bytes`, giving them to the parsers in steps of `step` bytes.
 * A declared length past body_bytes_max is REJECT_BODY_LENGTH, at the end of the head.
 */
void kit_read_request(slice bytes, size_t step, const struct head_limits *limits,
                      uint64_t body_bytes_max, struct kit_request *request);

/* Table slots and nodes that the router's lookups have looked at. */
extern uint64_t kit_lookup_steps;

/* error_set, whose arguments cffi cannot pass. */
bool kit_error_set_text(struct pyrs_error *error, const char *text);

/* Gives back a borrowed segment whose owner is an int: counts there how often. */
void kit_count_release(void *owner);

/* Gives back what came from malloc. */
void kit_free(void *memory);

/* A listing_follow that follows everything; `context` is an int, the folder. */
bool kit_follow(void *context, const char *name, struct stat *facts);

/* The same, with a date that is further away than any file system's. */
bool kit_follow_late(void *context, const char *name, struct stat *facts);

#endif
