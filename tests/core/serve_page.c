/* serve_page.c - a C program that links the core and serves a page.
 *
 * There is no Python in it: the core stands on its own. Prints its port, serves until
 * SIGINT or SIGTERM, and ends with 0 when everything could finish.
 */
#include <pyrs.h>
#include <stdio.h>

static void page(struct pyrs_exchange *exchange)
{
    pyrs_exchange_respond(exchange, &(struct pyrs_response){
                                        .status = 200,
                                        .content_type = PYRS_TEXT("text/plain"),
                                        .body = PYRS_TEXT("a page from C\n"),
                                    });
}

static int fail(const char *what, const struct pyrs_error *error)
{
    fprintf(stderr, "%s: %s\n", what, error->message);
    return 1;
}

int main(void)
{
    struct pyrs_error error = {0};
    struct pyrs_settings settings;
    struct pyrs_server *server;

    pyrs_settings_init(&settings);
    server = pyrs_server_new(&settings, &error);
    if (server == NULL)
        return fail("new", &error);
    if (!pyrs_server_add_route(server, "/page", "GET", pyrs_endpoint_native(page), NULL,
                               &error))
        return fail("add_route", &error);
    if (!pyrs_server_listen(server, "127.0.0.1", 0, &error))
        return fail("listen", &error);
    printf("%u\n", pyrs_server_port(server, 0));
    fflush(stdout);
    if (!pyrs_server_run(server, PYRS_SIGNALS_OF_PERSON, &error))
        return fail("run", &error);
    pyrs_server_free(server);
    return 0;
}
