/* hello.c - a C function that answers requests, without Python. */
#include <pyrs.h>

void hello(struct pyrs_exchange *exchange)
{
    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = 200,
                                        .content_type = PYRS_TEXT("text/plain"),
                                        .body = PYRS_TEXT("Hello from C!\n"),
                                    });
}
