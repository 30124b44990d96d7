/* mail.c - see mail.h. */
#include "mail.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "exchange.h"
#include "http1.h"

bool mailbox_init(struct mailbox *mailbox)
{
    mailbox->first = NULL;
    mailbox->end = &mailbox->first;
    return uv_mutex_init(&mailbox->lock) == 0;
}

void mailbox_fini(struct mailbox *mailbox)
{
    uv_mutex_destroy(&mailbox->lock);
}

static struct mail *new_letter(enum mail_kind kind, struct pyrs_exchange *exchange,
                               size_t bytes)
{
    struct mail *mail = malloc(sizeof *mail + bytes);

    if (!mail)
        return NULL;
    *mail = (struct mail){.exchange = exchange, .kind = kind};
    return mail;
}

struct mail *mail_new(enum mail_kind kind, struct pyrs_exchange *exchange)
{
    struct mail *mail;

    while (!(mail = new_letter(kind, exchange, 0)))
        uv_sleep(1);
    return mail;
}

static bool is_copied(size_t length, void (*release)(void *owner))
{
    return length <= BODY_COPY_BYTES_MAX || !release;
}

static struct pyrs_slice copy(char **out, struct pyrs_slice part)
{
    struct pyrs_slice copied = {*out, part.length};

    if (part.length)
        memcpy(*out, part.bytes, part.length);
    *out += part.length;
    return copied;
}

struct mail *mail_of_response(enum mail_kind kind, struct pyrs_exchange *exchange,
                              const struct pyrs_response *response)
{
    bool body_copied = is_copied(response->body.length, response->release);
    size_t body_bytes = body_copied ? response->body.length : 0;
    struct pyrs_file file = response->file ? *response->file : (struct pyrs_file){0};
    struct mail *mail =
        new_letter(kind, exchange,
                   response->reason.length + response->content_type.length +
                       response->fields.length + file.etag.length + body_bytes);
    char *out;

    if (!mail)
        return NULL;
    out = mail->bytes;
    mail->response = *response;
    mail->response.reason = copy(&out, response->reason);
    mail->response.content_type = copy(&out, response->content_type);
    mail->response.fields = copy(&out, response->fields);
    mail->file = file;
    mail->file.etag = copy(&out, file.etag);
    mail->response.file = response->file ? &mail->file : NULL;
    if (!body_copied)
        return mail;
    mail->response.body = copy(&out, response->body);
    mail->response.release = NULL;
    if (response->release)
        response->release(response->owner);
    return mail;
}

struct mail *mail_of_piece(struct pyrs_exchange *exchange, const struct lent *piece)
{
    bool copied = is_copied(piece->bytes.length, piece->release);
    struct mail *mail =
        new_letter(MAIL_SEND, exchange, copied ? piece->bytes.length : 0);

    if (!mail)
        return NULL;
    mail->piece = *piece;
    if (!copied)
        return mail;
    memcpy(mail->bytes, piece->bytes.bytes, piece->bytes.length);
    mail->piece.bytes.bytes = mail->bytes;
    mail->piece.release = NULL;
    if (piece->release)
        piece->release(piece->owner);
    return mail;
}

struct mail *mail_of_redirect(struct pyrs_exchange *exchange, slice target)
{
    struct mail *mail = new_letter(MAIL_REDIRECT, exchange, target.length);

    if (!mail)
        return NULL;
    memcpy(mail->bytes, target.bytes, target.length);
    mail->target_length = target.length;
    return mail;
}

/* ---- posting ---- */

/* Letters that this thread holds back. */
static _Thread_local struct {
    bool holds;
    struct mail *first, **end;
} batch;

/* The loop is woken under the lock: once it has taken the letters, it may be over, and
 * its wakeup closed. */
static void post(struct service *service, struct mail *first, struct mail **end)
{
    struct mailbox *mailbox = &service->mailbox;

    *end = NULL;
    uv_mutex_lock(&mailbox->lock);
    if (!mailbox->first)
        loop_wake(&service->loop);
    *mailbox->end = first;
    mailbox->end = end;
    uv_mutex_unlock(&mailbox->lock);
}

void mail_post(struct service *service, struct mail *mail)
{
    if (!batch.holds || !mail->exchange) {
        post(service, mail, &mail->next);
        return;
    }
    *batch.end = mail;
    batch.end = &mail->next;
}

void pyrs_batch_begin(void)
{
    assert(!batch.holds);
    batch.holds = true;
    batch.first = NULL;
    batch.end = &batch.first;
}

/* Those to one loop, one behind the other, at once. An exchange, and with it the loop,
 * is there until the letter that ends it was delivered. */
void pyrs_batch_end(void)
{
    struct mail *mail = batch.first;

    assert(batch.holds);
    batch.holds = false;
    *batch.end = NULL;
    while (mail) {
        struct service *service = http1_service(mail->exchange->http1);
        struct mail *first = mail;
        struct mail **end;

        do {
            end = &mail->next;
            mail = mail->next;
        } while (mail && http1_service(mail->exchange->http1) == service);
        post(service, first, end);
    }
}

void mailbox_forget(struct mailbox *mailbox, const struct pyrs_exchange *exchange)
{
    struct mail **next = &mailbox->first;
    struct mail *mail;

    uv_mutex_lock(&mailbox->lock);
    while ((mail = *next)) {
        if (mail->exchange != exchange) {
            next = &mail->next;
            continue;
        }
        assert(mail->kind == MAIL_WANT_BODY);
        *next = mail->next;
        free(mail);
    }
    mailbox->end = next;
    uv_mutex_unlock(&mailbox->lock);
}

struct mail *mailbox_take(struct mailbox *mailbox)
{
    struct mail *first;

    uv_mutex_lock(&mailbox->lock);
    first = mailbox->first;
    mailbox->first = NULL;
    mailbox->end = &mailbox->first;
    uv_mutex_unlock(&mailbox->lock);
    return first;
}
