/* hello.c - what pyrs is measured with when no Python is to be in the way. Answers the
 * same bytes as hello.py. */
#include <pyrs.h>

__attribute__((visibility("default"))) void hello(struct pyrs_exchange *exchange);
__attribute__((visibility("default"))) void echo(struct pyrs_exchange *exchange);

void hello(struct pyrs_exchange *exchange)
{
    pyrs_exchange_respond(exchange,
                          &(struct pyrs_response){
                              .status = 200,
                              .content_type = PYRS_TEXT("text/html; charset=utf-8"),
                              .body = PYRS_TEXT("Hello, World!"),
                          });
}

void echo(struct pyrs_exchange *exchange)
{
    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = 200,
                                        .content_type = pyrs_exchange_header(
                                            exchange, PYRS_TEXT("content-type")),
                                        .body = pyrs_exchange_body(exchange),
                                    });
}
