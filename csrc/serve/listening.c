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

/* One more address, without its sockets. */
static struct bound *add_bound(struct pyrs_server *server,
                               const struct listen_address *address)
{
    uint32_t threads = server->site.settings.thread_count;
    struct bound bound = {
        .address = *address,
        .sockets = calloc(threads, sizeof *bound.sockets),
        .listeners = calloc(threads, sizeof *bound.listeners),
    };
    struct bound *grown =
        realloc(server->bound, (server->bound_count + 1) * sizeof *grown);

    if (grown)
        server->bound = grown;
    if (!grown || !bound.sockets || !bound.listeners) {
        free(bound.sockets);
        free(bound.listeners);
        return NULL;
    }
    server->bound[server->bound_count] = bound;
    return &server->bound[server->bound_count++];
}

static void drop_bound(struct pyrs_server *server, const struct bound *bound)
{
    free(bound->sockets);
    free(bound->listeners);
    server->bound_count--;
}

bool pyrs_server_listen(struct pyrs_server *server, const char *text, uint16_t port,
                        struct pyrs_error *error)
{
    const struct pyrs_settings *settings = &server->site.settings;
    struct listen_address address;
    struct bound *bound;
    const char *call;
    int code;

    if (!read_address(&address, text, port, error))
        return false;
    bound = add_bound(server, &address);
    if (!bound)
        return listen_failed(error, &address, ENOMEM, "malloc");
    code = listener_bind(&bound->address, settings->listen_backlog, bound->sockets,
                         settings->thread_count, &call);
    if (code == 0)
        return true;
    drop_bound(server, bound);
    return listen_failed(error, &address, code, call);
}

static void close_all(const int *sockets, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (sockets[i] >= 0)
            close(sockets[i]);
}

bool pyrs_server_listen_on(struct pyrs_server *server, const char *text, uint16_t port,
                           const int *sockets, struct pyrs_error *error)
{
    uint32_t count = server->site.settings.thread_count;
    struct listen_address address;
    struct bound *bound = NULL;
    bool is_read = read_address(&address, text, port, error);

    if (is_read)
        bound = add_bound(server, &address);
    if (!bound) {
        close_all(sockets, count);
        return is_read && listen_failed(error, &address, ENOMEM, "malloc");
    }
    memcpy(bound->sockets, sockets, count * sizeof *sockets);
    bound->is_lent = true;
    server->site.others_go_on = true;
    return true;
}

bool pyrs_bind(const char *text, uint16_t *port, uint32_t backlog, int *sockets,
               uint32_t count, struct pyrs_error *error)
{
    struct listen_address address;
    const char *call;
    int code;

    if (!read_address(&address, text, *port, error))
        return false;
    code = listener_bind(&address, backlog, sockets, count, &call);
    if (code != 0)
        return listen_failed(error, &address, code, call);
    *port = address.port;
    return true;
}

void pyrs_unbind(const char *text, const int *sockets, uint32_t count)
{
    struct listen_address address;

    close_all(sockets, count);
    if (read_address(&address, text, 0, NULL))
        listener_unlink(&address);
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
    close_all(bound->sockets, server->site.settings.thread_count);
    if (!bound->is_lent)
        listener_unlink(&bound->address);
}
