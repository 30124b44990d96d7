/* mail.h - what other threads have to say to the thread that drives a loop, in order.
 *
 * A letter carries its own copy of everything but large bodies, which it borrows. A
 * mutex is taken for each; the loop is woken for the first of several.
 */
#ifndef PYRS_SERVE_MAIL_H
#define PYRS_SERVE_MAIL_H

#include <uv.h>

#include "answer.h"

enum mail_kind {
    MAIL_RESPONSE,   /* the whole answer; ends the exchange */
    MAIL_BEGIN,      /* its head */
    MAIL_SEND,       /* a piece of its body */
    MAIL_END,        /* ends the exchange */
    MAIL_ABANDON,    /* likewise, and its connection: its client is taken to be gone */
    MAIL_REDIRECT,   /* it is answered by another path: `bytes`, of target_length */
    MAIL_ERROR_PAGE, /* it is answered by the site's page: `status` */
    MAIL_DEFERRED,   /* from a step that was not at home: it may be notified */
    MAIL_RETURNED,   /* a step is over and the exchange still open */
    MAIL_OVER,       /* a step is over, and the exchange, which was ended at home */
    MAIL_WANT_BODY,  /* there is room for more of the request's body */
    MAIL_RECLAIM,    /* what waited for the interpreter is the loop's again */
};

struct mail {
    struct mail *next;
    struct pyrs_exchange *exchange; /* NULL with MAIL_RECLAIM */
    enum mail_kind kind;
    bool complete;                 /* of MAIL_END */
    int64_t body_bytes;            /* of MAIL_BEGIN */
    size_t target_length;          /* of MAIL_REDIRECT */
    uint16_t status;               /* of MAIL_ERROR_PAGE */
    struct pyrs_response response; /* of MAIL_RESPONSE and MAIL_BEGIN */
    struct pyrs_file file;         /* of the response, if it has one */
    struct lent piece;             /* of MAIL_SEND */
    char bytes[];
};

struct mailbox {
    uv_mutex_t lock;
    struct mail *first, **end;
};

bool mailbox_init(struct mailbox *mailbox);
void mailbox_fini(struct mailbox *mailbox);

/* What must be said is said: waits for memory. */
struct mail *mail_new(enum mail_kind kind, struct pyrs_exchange *exchange);

/* Each NULL if memory is out; the caller's bytes are copied, or stay lent. */
struct mail *mail_of_response(enum mail_kind kind, struct pyrs_exchange *exchange,
                              const struct pyrs_response *response);
struct mail *mail_of_piece(struct pyrs_exchange *exchange, const struct lent *piece);
struct mail *mail_of_redirect(struct pyrs_exchange *exchange, slice target);

/* What a mailed piece of so many bytes takes of the memory that waits for its client:
 * its letter counts, since there may be very many small pieces. */
static inline size_t mail_piece_weight(size_t length)
{
    return length + sizeof(struct mail);
}

/* From any thread. The mailbox owns the letter. Between pyrs_batch_begin and _end it
 * stays with the thread. */
void mail_post(struct service *service, struct mail *mail);

/* The exchange ends: takes its letters, which own nothing, out. */
void mailbox_forget(struct mailbox *mailbox, const struct pyrs_exchange *exchange);

/* Everything that has come; the caller frees each. */
struct mail *mailbox_take(struct mailbox *mailbox);

#endif
