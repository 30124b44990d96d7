/* listening.c - a server's addresses. Each is bound once, by as many sockets as there
 * are loops; see net/listener.h. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "error.h"
#include "server.h"

static bool read_address(struct listen_address *address, const char *text,
                         uint16_t port, struct pyrs_error *error)
{
    size_t length = strlen(text);

    if (length >= sizeof address->text)
        return error_set(error, 0, "the address is too long: %s", text);
    memcpy(address->text, text, length + 1);
    address->is_unix = strncmp(text, "unix:", 5) == 0;
    address->port = address->is_unix ? 0 : port;
    return true;
}

static const char *listen_fault(const struct listen_address *address, int code)
{
    if (address->is_unix)
        return strerror(code);
    switch (code) {
    case EADDRINUSE:
        return "address already in use: another program listens there";
    case EACCES:
        return "permission denied: ports below 1024 need rights that this user lacks";
    case EADDRNOTAVAIL:
        return "this machine has no such address";
    default:
        return strerror(code);
    }
}

static bool listen_failed(struct pyrs_error *error,
                          const struct listen_address *address, int code,
                          const char *call)
{
    const char *fault = listen_fault(address, code);

    if (address->is_unix)
        return error_set(error, code, "cannot listen on %s: %s (%s)", address->text,
                         fault, call);
    return error_set(error, code, "cannot listen on %s port %u: %s (%s)", address->text,
                     address->port, fault, call);
}

bool pyrs_server_listen(struct pyrs_server *server, const char *text, uint16_t port,
                        struct pyrs_error *error)
{
    uint32_t threads = server->site.settings.thread_count;
    struct bound bound = {0};
    struct bound *grown;
    const char *call;
    int code;

    if (!read_address(&bound.address, text, port, error))
        return false;
    grown = realloc(server->bound, (server->bound_count + 1) * sizeof *grown);
    bound.sockets = calloc(threads, sizeof *bound.sockets);
    bound.listeners = calloc(threads, sizeof *bound.listeners);
    if (grown)
        server->bound = grown;
    if (!grown || !bound.sockets || !bound.listeners) {
        code = ENOMEM;
        call = "malloc";
    } else {
        code = listener_bind(&bound.address, server->site.settings.listen_backlog,
                             bound.sockets, threads, &call);
    }
    if (code != 0) {
        free(bound.sockets);
        free(bound.listeners);
        return listen_failed(error, &bound.address, code, call);
    }
    server->bound[server->bound_count++] = bound;
    return true;
}

uint16_t pyrs_server_port(const struct pyrs_server *server, uint32_t listener)
{
    return listener < server->bound_count ? server->bound[listener].address.port : 0;
}

static bool start_listener(struct pyrs_server *server, struct bound *bound,
                           uint32_t index)
{
    int fd = bound->sockets[index];

    bound->sockets[index] = -1;
    return listener_start(&bound->listeners[index], &server->services[index].loop, fd,
                          &bound->address, &server->connections);
}

bool server_start_listeners(struct pyrs_server *server, struct pyrs_error *error)
{
    for (uint32_t i = 0; i < server->bound_count; i++) {
        struct bound *bound = &server->bound[i];

        for (uint32_t k = 0; k < server->site.settings.thread_count; k++)
            if (!start_listener(server, bound, k)) {
                server_wind_up(server);
                return error_set(error, 0, "the system cannot watch the socket of %s",
                                 bound->address.text);
            }
    }
    return true;
}

void server_close_sockets(struct pyrs_server *server, struct bound *bound)
{
    for (uint32_t i = 0; i < server->site.settings.thread_count; i++)
        if (bound->sockets[i] >= 0)
            close(bound->sockets[i]);
    listener_unlink(&bound->address);
}
