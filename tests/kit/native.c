/* native.c - C functions that answer, for tests/kit. */
#include <fcntl.h>
#include <pthread.h>
#include <pyrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void native_hello(struct pyrs_exchange *exchange)
{
    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = 200,
                                        .content_type = PYRS_TEXT("text/plain"),
                                        .body = PYRS_TEXT("native world"),
                                    });
}

void native_echo(struct pyrs_exchange *exchange)
{
    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = 200,
                                        .content_type = PYRS_TEXT("text/plain"),
                                        .body = pyrs_exchange_body(exchange),
                                    });
}

static char megabyte[1 << 20];

static void keep(void *owner)
{
    (void)owner; /* it is there for good */
}

void native_megabyte(struct pyrs_exchange *exchange)
{
    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = 200,
                                        .body = {megabyte, sizeof megabyte},
                                        .release = keep,
                                    });
}

/* Forgets to answer. */
void native_silent(struct pyrs_exchange *exchange)
{
    (void)exchange;
}

/* ---- files, as the request's headers say ---- */

enum { TEXT_BYTES_MAX = 2000, FIELDS_BYTES_MAX = 20000 };

static struct pyrs_slice asked(struct pyrs_exchange *exchange, const char *name)
{
    return pyrs_exchange_header(exchange, (struct pyrs_slice){name, strlen(name)});
}

/* A header's value, terminated; `otherwise` if there is none. */
static char *copy_of(struct pyrs_slice value, const char *otherwise, char *out)
{
    snprintf(out, TEXT_BYTES_MAX, "%.*s", (int)value.length,
             value.bytes ? value.bytes : "");
    return value.bytes ? out : strcpy(out, otherwise);
}

/* Every "X-Field: NAME: VALUE" of the request. */
static size_t copy_fields(struct pyrs_exchange *exchange, char *out)
{
    size_t length = 0;

    for (uint32_t i = 0; i < pyrs_exchange_header_count(exchange); i++) {
        struct pyrs_slice name, value;

        pyrs_exchange_header_at(exchange, i, &name, &value);
        if (name.length == 7 && memcmp(name.bytes, "X-Field", 7) == 0)
            length += (size_t)snprintf(out + length, FIELDS_BYTES_MAX - length,
                                       "%.*s\r\n", (int)value.length, value.bytes);
    }
    return length;
}

/* X-Path names the file, X-Status, X-Type and X-Tag say how to answer with it. */
void native_file(struct pyrs_exchange *exchange)
{
    char path[TEXT_BYTES_MAX], status[TEXT_BYTES_MAX], fields[FIELDS_BYTES_MAX];
    struct pyrs_file file = {.etag = asked(exchange, "X-Tag")};

    copy_of(asked(exchange, "X-Path"), "/nowhere", path);
    file.descriptor = open(path, O_RDONLY | O_CLOEXEC);
    pyrs_exchange_respond(exchange,
                          &(struct pyrs_response){
                              .status = (uint32_t)atoi(
                                  copy_of(asked(exchange, "X-Status"), "200", status)),
                              .content_type = asked(exchange, "X-Type"),
                              .fields = {fields, copy_fields(exchange, fields)},
                              .file = &file,
                          });
}

/* Two answers, of which the second is one too many. */
void native_file_twice(struct pyrs_exchange *exchange)
{
    native_file(exchange);
    native_file(exchange);
}

static void *answer_with_file(void *context)
{
    native_file(context);
    return NULL;
}

static void *answer_when_gone(void *context)
{
    while (pyrs_exchange_flow(context) != PYRS_FLOW_GONE)
        usleep(1000);
    native_file(context);
    return NULL;
}

static void answer_by(void *(*run)(void *), struct pyrs_exchange *exchange)
{
    pthread_t thread;

    if (pyrs_exchange_defer(exchange) &&
        pthread_create(&thread, NULL, run, exchange) == 0)
        pthread_detach(thread);
}

/* The same from another thread; the second one after the client has left. */
void native_file_later(struct pyrs_exchange *exchange)
{
    answer_by(answer_with_file, exchange);
}

void native_file_too_late(struct pyrs_exchange *exchange)
{
    answer_by(answer_when_gone, exchange);
}
