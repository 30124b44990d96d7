/* listener.h - a listening socket, and one loop's accepting from it.
 *
 * Binding happens once, in the thread that sets the server up; each loop then accepts
 * from a socket of its own (SO_REUSEPORT spreads the connections over them in the
 * kernel), or from a shared one for unix sockets and where the system lacks the option.
 */
#ifndef PYRS_NET_LISTENER_H
#define PYRS_NET_LISTENER_H

#include <sys/un.h>

#include "connection.h"

struct listen_address {
    char text[128]; /* as it was asked for: "localhost", "::1", "unix:/run/a" */
    uint16_t port;
    bool is_unix;
};

/* Binds `count` sockets to one address, the first of a host name that this machine has,
 * and listens. Port 0 takes a free one; the
 * address gets the real one. Refuses a port that another process listens on, which
 * SO_REUSEPORT alone would not. Gives 0, or an errno; then *call names the system call.
 */
int listener_bind(struct listen_address *address, uint32_t backlog, int *sockets,
                  uint32_t count, const char **call);

/* Removes the socket file of a unix address, unless another server has put its own
 * there meanwhile. The sockets are closed before. */
void listener_unlink(const struct listen_address *address);

struct listener {
    uv_poll_t poll;
    struct link link; /* loop->listeners */
    struct loop *loop;
    struct connection_limit *limit;
    const char *unix_path; /* NULL: an internet address */
    int fd;
    bool paused;
    bool trying; /* nothing was accepted since the last pause */
};

/* Accepts on `fd`, which the listener owns from now on, once the loop runs; the address
 * outlives it. False, and the socket closed, if it cannot be watched. */
bool listener_start(struct listener *listener, struct loop *loop, int fd,
                    const struct listen_address *address,
                    struct connection_limit *limit);

/* Tries again after a pause. Called by the loop's tick and when a connection closed. */
void listener_resume(struct listener *listener);

/* Takes the connections that the kernel has queued already, then closes. */
void listener_close(struct listener *listener);

#endif
