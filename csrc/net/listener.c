/* listener.c - binding and accepting. See listener.h. */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Accepted in one go, so that a flood of connections does not starve those there are.
 */
enum { ACCEPTS_PER_TURN_MAX = 64 };

/* ---- binding ---- */

static int new_socket(int family, bool reuse_port)
{
    int on = 1;
    int unsent_max = UNSENT_BYTES_MAX; /* accepted sockets inherit it */
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || family == AF_UNIX)
        return fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6) /* "::" is IPv6; whoever wants both listens on both */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
#ifdef TCP_NOTSENT_LOWAT
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_max, sizeof unsent_max);
#endif
    if (reuse_port)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    return fd;
}

static uint16_t bound_port(int fd)
{
    union socket_address bound = {0};
    socklen_t length = sizeof bound;

    if (getsockname(fd, &bound.any, &length) != 0)
        return 0;
    return ntohs(bound.any.sa_family == AF_INET6 ? bound.ipv6.sin6_port
                                                 : bound.ipv4.sin_port);
}

static void set_port(struct addrinfo *found, uint16_t port)
{
    if (found->ai_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)found->ai_addr)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)found->ai_addr)->sin_port = htons(port);
}

/* Binds without SO_REUSEPORT first: that fails when anybody listens there. */
static int probe(struct addrinfo *found, uint16_t *port, const char **call)
{
    int code = 0;
    int fd = new_socket(found->ai_family, false);

    *call = "socket";
    if (fd < 0)
        return errno;
    *call = "bind";
    if (bind(fd, found->ai_addr, found->ai_addrlen) != 0) {
        code = errno;
    } else if (listen(fd, 1) != 0) {
        *call = "listen";
        code = errno;
    } else {
        *port = bound_port(fd);
    }
    close(fd);
    return code;
}

static bool is_not_here(int code)
{
    return code == EADDRNOTAVAIL || code == EAFNOSUPPORT;
}

static int bind_one(const struct sockaddr *address, socklen_t length, uint32_t backlog,
                    int *fd, const char **call)
{
    *call = "socket";
    *fd = new_socket(address->sa_family, true);
    if (*fd < 0)
        return errno;
    *call = "bind";
    if (bind(*fd, address, length) != 0)
        return errno;
    *call = "listen";
    return listen(*fd, (int)backlog) == 0 ? 0 : errno;
}

static int bind_internet(struct listen_address *address, uint32_t backlog, int *sockets,
                         uint32_t count, const char **call)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *all, *found;
    int code;

    *call = "getaddrinfo";
    if (getaddrinfo(address->text, NULL, &hints, &all) != 0)
        return EADDRNOTAVAIL;
    for (found = all;; found = found->ai_next) {
        set_port(found, address->port);
        code = probe(found, &address->port, call);
        if (!is_not_here(code) || !found->ai_next)
            break; /* "localhost" is ::1 first, also where there is no IPv6 */
    }
    set_port(found, address->port);
    for (uint32_t i = 0; i < count && code == 0; i++)
        code = bind_one(found->ai_addr, found->ai_addrlen, backlog, &sockets[i], call);
    freeaddrinfo(all);
    return code;
}

/* A socket file that nobody answers on is left over from a crash. */
static bool is_stale(const struct sockaddr_un *name)
{
    struct stat status;
    bool refused;
    int fd;

    if (stat(name->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return false;
    fd = new_socket(AF_UNIX, false);
    if (fd < 0)
        return false;
    refused = connect(fd, (const struct sockaddr *)name, sizeof *name) != 0 &&
              errno == ECONNREFUSED;
    close(fd);
    return refused;
}

/* Gives 0, or an errno. */
static int unix_name(const struct listen_address *address, struct sockaddr_un *name)
{
    const char *path = address->text + strlen("unix:");

    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof name->sun_path)
        return ENAMETOOLONG;
    if (!*path) /* Linux would take a name of NULs for it, in no folder */
        return EINVAL;
    memcpy(name->sun_path, path, strlen(path) + 1);
    return 0;
}

void listener_unlink(const struct listen_address *address)
{
    struct sockaddr_un name;

    if (address->is_unix && unix_name(address, &name) == 0 && is_stale(&name))
        unlink(name.sun_path);
}

static int bind_unix(const struct listen_address *address, uint32_t backlog,
                     int *sockets, uint32_t count, const char **call)
{
    struct sockaddr_un name;
    int code = unix_name(address, &name);

    *call = "bind";
    if (code != 0)
        return code;
    listener_unlink(address);
    code = bind_one((const struct sockaddr *)&name, sizeof name, backlog, &sockets[0],
                    call);
    for (uint32_t i = 1; i < count && code == 0; i++) {
        *call = "fcntl";
        sockets[i] = fcntl(sockets[0], F_DUPFD_CLOEXEC, 0);
        if (sockets[i] < 0)
            code = errno;
    }
    return code;
}

int listener_bind(struct listen_address *address, uint32_t backlog, int *sockets,
                  uint32_t count, const char **call)
{
    int code;

    for (uint32_t i = 0; i < count; i++)
        sockets[i] = -1;
    code = address->is_unix ? bind_unix(address, backlog, sockets, count, call)
                            : bind_internet(address, backlog, sockets, count, call);
    for (uint32_t i = 0; i < count && code != 0; i++)
        if (sockets[i] >= 0)
            close(sockets[i]);
    if (code != 0)
        listener_unlink(address);
    return code;
}

/* ---- accepting ---- */

/* A pause that a vain trial interrupted is still the same pause. */
static void pause_accepting(struct listener *listener, int code)
{
    bool goes_on = listener->trying;

    listener->paused = true;
    listener->trying = true;
    uv_poll_stop(&listener->poll);
    if (goes_on)
        return;
    counter_add(&listener->loop->counters.accept_pauses, 1);
    listener->limit->paused(listener->limit->context, code);
}

static bool somebody_waits(const struct listener *listener)
{
    struct pollfd waiting = {.fd = listener->fd, .events = POLLIN};

    return poll(&waiting, 1, 0) > 0;
}

/* Takes a place under the limit, so that loops together never pass it. */
static bool take_place(struct connection_limit *limit)
{
    if (atomic_fetch_add(&limit->open, 1) < limit->max)
        return true;
    atomic_fetch_sub(&limit->open, 1);
    return false;
}

static bool is_exhaustion(int code)
{
    return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

/* For a place that is taken. Gives 0, or an errno. */
static int accept_connection(struct listener *listener)
{
    struct loop *loop = listener->loop;
    union socket_address peer = {0};
    socklen_t length = sizeof peer;
    int on = 1;
    int fd = accept4(listener->fd, &peer.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        int code = errno;

        atomic_fetch_sub(&listener->limit->open, 1);
        return code;
    }
    if (loop->settings.tcp_nodelay && peer.any.sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection_open(loop, fd, &peer, listener->unix_path, listener->limit);
    return 0;
}

/* There may be more to accept. */
static bool goes_on(int code)
{
    return code == 0 || code == ECONNABORTED || code == EINTR;
}

/* True if there may be more to accept. */
static bool accept_one(struct listener *listener)
{
    int code;

    if (!take_place(listener->limit)) {
        if (somebody_waits(listener))
            pause_accepting(listener, 0);
        return false;
    }
    code = accept_connection(listener);
    if (code == 0)
        listener->trying = false;
    else if (is_exhaustion(code))
        pause_accepting(listener, code);
    return goes_on(code);
}

/* Beyond the limit too: nobody will come after them. */
static void accept_who_waits(struct listener *listener)
{
    do
        atomic_fetch_add(&listener->limit->open, 1);
    while (goes_on(accept_connection(listener)));
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = CONTAINER_OF(poll, struct listener, poll);

    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN_MAX && accept_one(listener); i++)
        ;
}

bool listener_start(struct listener *listener, struct loop *loop, int fd,
                    const struct listen_address *address,
                    struct connection_limit *limit)
{
    *listener = (struct listener){
        .loop = loop,
        .limit = limit,
        .unix_path = address->is_unix ? address->text + strlen("unix:") : NULL,
        .fd = fd,
    };
    if (uv_poll_init_socket(&loop->uv, &listener->poll, fd) != 0) {
        close(fd);
        return false;
    }
    list_append(&loop->listeners, &listener->link);
    uv_poll_start(&listener->poll, UV_READABLE, on_acceptable);
    return true;
}

void listener_resume(struct listener *listener)
{
    if (!listener->paused)
        return;
    listener->paused = false;
    uv_poll_start(&listener->poll, UV_READABLE, on_acceptable);
}

void listener_close(struct listener *listener)
{
    accept_who_waits(listener);
    list_remove(&listener->link);
    uv_close((uv_handle_t *)&listener->poll, NULL);
    close(listener->fd);
}
