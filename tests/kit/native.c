/* native.c - C functions that answer, for tests/kit. */
#include <pyrs.h>

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
