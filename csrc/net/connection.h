/* connection.h - one accepted socket.
 *
 * Owned by its loop from accept to the `closed` call of the protocol. connection_close
 * takes it out of every queue at once and closes the socket; the memory goes when libuv
 * has let go of the handle, never while somebody up the call chain still holds it.
 */
#ifndef PYRS_NET_CONNECTION_H
#define PYRS_NET_CONNECTION_H

#include <netinet/in.h>
#include <stdbool.h>

#include "loop.h"

/* What waits in a socket, beyond what is on its way; 4 MiB without a limit, for each
 * client that reads slowly. */
enum { UNSENT_BYTES_MAX = 128 * 1024 };

enum connection_state {
    CONNECTION_OPEN,
    CONNECTION_FINISHING, /* closes once its output is sent */
    CONNECTION_LINGERING, /* output sent and ended; reads until the client has closed */
    CONNECTION_CLOSED,
};

union socket_address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

struct connection_ends {
    union socket_address peer, local;
    const char *unix_path; /* that it was accepted on, or NULL */
};

/* How many connections there may be in all, over every loop of a server. */
struct connection_limit {
    _Atomic uint32_t open;
    uint32_t max;
    /* Accepting pauses: errno, or 0 for the limit. From any loop's thread. */
    void (*paused)(void *context, int code);
    void *context;
};

struct connection {
    uv_poll_t poll;
    struct loop *loop;
    struct connection_limit *limit;
    struct link all;
    struct link readable;
    struct link unflushed;
    struct timeout timeout;
    struct output output;
    char *carry; /* received and not consumed; in the carry pool or on the heap */
    uint32_t carry_length;
    int fd;
    uint8_t state;  /* enum connection_state */
    uint8_t polled; /* enum uv_poll_event that libuv watches for */
    bool cut;       /* when finishing: reset it */
    bool linger;    /* when finishing: let the client read before closing */
    bool held;      /* the protocol stopped although more bytes may be at hand */
    bool paused;    /* nothing is received: too much output waits, or the end is near */
    bool peer_finished; /* the client has sent its last byte */
    bool blocked;       /* no more output leaves for now */
    bool file_failed;   /* a file ended before what was promised of it: cut off */
    bool sends_files;   /* large ones, so that more of it may wait in the socket */
    int unsent_seen;    /* by the socket, when the send timeout began */
    struct connection_ends ends;
};

/* Takes over an accepted, non-blocking socket and its place under the limit; closes it
 * if memory is out. The path stays the listener's, which outlives its connections. */
void connection_open(struct loop *loop, int fd, const union socket_address *peer,
                     const char *unix_path, struct connection_limit *limit);

/* Closes now. Safe to call twice. */
void connection_close(struct connection *connection);

/* Gives the memory back. Only after the protocol's `closed` answered false. */
void connection_free(struct connection *connection);

/* No more requests: closes when the output is sent; lingering if the client may still
 * be sending, so that it can read the answer before a reset would destroy it. */
void connection_finish(struct connection *connection, bool linger);

/* The answer cannot be ended: what was written is sent, then the connection is reset,
 * so that the client does not take it for whole. */
void connection_cut(struct connection *connection);

/* To be called after writing to the output. */
void connection_touch(struct connection *connection);

/* Receives nothing until connection_resume. */
void connection_pause(struct connection *connection);

/* Goes on after a pause (the socket did not take what was to be sent) and with held
 * bytes. Called by the protocol when it may receive again. */
void connection_resume(struct connection *connection);

/* Deadline from now on; 0: none. Postponing costs one store. */
void connection_set_timeout(struct connection *connection, uint32_t timeout_ms);

/* The send timeout is over: true, and it begins again, if the client has taken anything
 * since it began. The socket need not be writable for that: a large buffer is only when
 * a third of it is free. */
bool connection_goes_on(struct connection *connection);

/* Its socket has bytes that the client has not acknowledged. Closing it while the
 * client sends would destroy them. */
bool connection_has_unsent(const struct connection *connection);

/* For the loop. */
void connection_receive(struct connection *connection);
void connection_flush(struct connection *connection);

#endif
