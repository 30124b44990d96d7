/* connection.c - receiving, flushing and the ways a connection ends. See connection.h.
 */
#include "connection.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "send_file.h"

/* Segments that one system call takes. */
enum { GATHER_MAX = 64 };

/* What one flush sends of files: they may have to be read from a disk, and everybody
 * else waits meanwhile. At 1 MiB that is a few milliseconds of a slow one. */
enum { FLUSH_FILE_BYTES_MAX = 1024 * 1024 };

static void on_poll(uv_poll_t *poll, int status, int events);

static void poll_for(struct connection *connection, int events)
{
    if (connection->polled == events)
        return;
    connection->polled = (uint8_t)events;
    if (events)
        uv_poll_start(&connection->poll, events, on_poll);
    else
        uv_poll_stop(&connection->poll);
}

/* What libuv has to watch follows from the connection's state. Level-triggered
 * readiness that nobody acts upon would spin. */
static void update_poll(struct connection *connection)
{
    int events = 0;

    if (connection->state == CONNECTION_CLOSED)
        return;
    if (!connection->paused && !connection->peer_finished)
        events |= UV_READABLE;
    if (connection->blocked)
        events |= UV_WRITABLE;
    poll_for(connection, events);
}

static void want_receive(struct connection *connection)
{
    if (!list_is_linked(&connection->readable))
        list_append(&connection->loop->readable, &connection->readable);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct connection *connection = CONTAINER_OF(poll, struct connection, poll);

    if (status < 0) { /* the socket is broken: no answer can leave any more */
        connection_close(connection);
        return;
    }
    if (events & UV_WRITABLE) { /* watched for on: what is flushed may not be all */
        connection->blocked = false;
        connection_touch(connection);
    }
    if (events & UV_READABLE)
        want_receive(connection);
}

/* ---- memory for bytes that outlive the turn ---- */

static void carry_free(struct connection *connection)
{
    if (!connection->carry)
        return;
    if (connection->carry_length <= CARRY_BLOCK_BYTES)
        pool_give(&connection->loop->carry_pool, connection->carry);
    else
        free(connection->carry);
    connection->carry = NULL;
    connection->carry_length = 0;
}

static bool carry_store(struct connection *connection, const char *bytes, size_t length)
{
    struct loop *loop = connection->loop;

    if (length <= CARRY_BLOCK_BYTES) {
        connection->carry = pool_take(&loop->carry_pool);
    } else {
        counter_add(&loop->counters.allocations, 1);
        connection->carry = malloc(length);
    }
    if (!connection->carry)
        return false;
    memcpy(connection->carry, bytes, length);
    connection->carry_length = (uint32_t)length;
    return true;
}

/* ---- opening and closing ---- */

static void refuse(struct loop *loop, int fd, struct connection *connection,
                   struct connection_limit *limit)
{
    if (connection)
        pool_give(&loop->connection_pool, connection);
    close(fd);
    atomic_fetch_sub(&limit->open, 1);
}

void connection_open(struct loop *loop, int fd, const union socket_address *peer,
                     const char *unix_path, struct connection_limit *limit)
{
    struct connection *connection = pool_take(&loop->connection_pool);
    socklen_t length = sizeof connection->ends.local;

    if (!connection) {
        refuse(loop, fd, NULL, limit);
        return;
    }
    memset(connection, 0, loop->settings.protocol->connection_bytes);
    if (uv_poll_init_socket(&loop->uv, &connection->poll, fd) != 0) {
        refuse(loop, fd, connection, limit);
        return;
    }
    connection->loop = loop;
    connection->limit = limit;
    connection->fd = fd;
    connection->ends.peer = *peer;
    connection->ends.unix_path = unix_path;
    /* Asked for now: later, on another thread, the number may be somebody else's. */
    if (!unix_path && getsockname(fd, &connection->ends.local.any, &length) != 0)
        connection->ends.local.any.sa_family = AF_UNSPEC;
    list_init(&connection->readable);
    list_init(&connection->unflushed);
    timeout_init(&connection->timeout);
    list_append(&loop->connections, &connection->all);
    counter_add(&loop->counters.connections_accepted, 1);
    counter_add(&loop->counters.connections_open, 1);
    update_poll(connection);
    loop->settings.protocol->opened(connection);
}

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = CONTAINER_OF(handle, struct connection, poll);

    if (connection->loop->settings.protocol->closed(connection))
        connection_free(connection);
}

void connection_free(struct connection *connection)
{
    struct loop *loop = connection->loop;

    pool_give(&loop->connection_pool, connection);
    counter_subtract(&loop->counters.connections_open, 1);
}

void connection_close(struct connection *connection)
{
    struct loop *loop = connection->loop;

    if (connection->state == CONNECTION_CLOSED)
        return;
    connection->state = CONNECTION_CLOSED;
    timeout_cancel(&loop->timeouts, &connection->timeout);
    list_remove(&connection->all);
    list_remove(&connection->readable);
    list_remove(&connection->unflushed);
    output_drop_all(&connection->output, &loop->output_store);
    carry_free(connection);
    uv_close((uv_handle_t *)&connection->poll, on_closed);
    close(connection->fd); /* last: another loop may have its number at once */
    atomic_fetch_sub(&connection->limit->open, 1);
    loop_resume_accepting(loop);
}

void connection_finish(struct connection *connection, bool linger)
{
    if (connection->state != CONNECTION_OPEN)
        return;
    connection->state = CONNECTION_FINISHING;
    connection->linger = linger;
    carry_free(connection);
    connection->held = false;
    connection->paused = true; /* what still comes is read when lingering */
    update_poll(connection);
    connection_touch(connection);
}

void connection_cut(struct connection *connection)
{
    connection->cut = true;
    connection_finish(connection, false);
}

static void reset(struct connection *connection)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};

    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    connection_close(connection);
}

/* The last byte is sent. Closing while the client is still sending would reset the
 * connection and destroy the answer on its way (RFC 9112, 9.6). */
static void end_output(struct connection *connection)
{
    if (connection->cut) {
        reset(connection);
        return;
    }
    if (!connection->linger || connection->peer_finished) {
        connection_close(connection);
        return;
    }
    if (shutdown(connection->fd, SHUT_WR) != 0) {
        connection_close(connection);
        return;
    }
    connection->state = CONNECTION_LINGERING;
    connection->paused = false;
    connection_set_timeout(connection, connection->loop->settings.linger_timeout_ms);
    update_poll(connection);
}

/* ---- queues ---- */

void connection_touch(struct connection *connection)
{
    if (connection->state != CONNECTION_CLOSED &&
        !list_is_linked(&connection->unflushed))
        list_append(&connection->loop->unflushed, &connection->unflushed);
}

void connection_pause(struct connection *connection)
{
    connection->paused = true;
    update_poll(connection);
}

void connection_resume(struct connection *connection)
{
    if (connection->state != CONNECTION_OPEN)
        return;
    connection->paused = false;
    update_poll(connection);
    if (connection->held || connection->loop->stopping)
        want_receive(connection);
}

static void set_timeout(struct connection *connection, uint32_t timeout_ms)
{
    struct loop *loop = connection->loop;

    if (timeout_ms == 0)
        timeout_cancel(&loop->timeouts, &connection->timeout);
    else
        timeout_set(&loop->timeouts, &connection->timeout,
                    loop_now_ms(loop) + timeout_ms);
}

void connection_set_timeout(struct connection *connection, uint32_t timeout_ms)
{
    /* The send timeout stands until the socket takes bytes again. */
    if (!connection->blocked && connection->state != CONNECTION_CLOSED)
        set_timeout(connection, timeout_ms);
}

/* ---- receiving ---- */

/* Gives the bytes now in the window behind `length` carried ones, or 0. */
static size_t receive_into(struct connection *connection, char *window)
{
    ssize_t n = recv(connection->fd, window, RECEIVE_BYTES_MAX, 0);

    if (n > 0) {
        counter_add(&connection->loop->counters.bytes_received, (uint64_t)n);
        return (size_t)n;
    }
    if (n == 0) {
        connection->peer_finished = true;
        update_poll(connection);
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        connection_close(connection);
    }
    return 0;
}

static void discard(struct connection *connection)
{
    receive_into(connection, connection->loop->input + connection->loop->input_used);
    if (connection->peer_finished)
        connection_close(connection);
}

/* Hands the window to the protocol and keeps what it leaves. */
static void consume(struct connection *connection, char *window, size_t length)
{
    struct loop *loop = connection->loop;
    size_t consumed = loop->settings.protocol->received(connection, window, length);

    if (connection->state != CONNECTION_OPEN || consumed == length)
        return;
    assert(length - consumed <= loop->settings.input_bytes_max + RECEIVE_BYTES_MAX);
    if (!carry_store(connection, window + consumed, length - consumed))
        connection_close(connection);
}

void connection_receive(struct connection *connection)
{
    struct loop *loop = connection->loop;
    char *window = loop->input + loop->input_used;
    size_t length = connection->carry_length;
    bool was_held = connection->held;

    if (connection->state == CONNECTION_LINGERING) {
        discard(connection);
        return;
    }
    if (connection->state != CONNECTION_OPEN || connection->paused)
        return;
    if (length)
        memcpy(window, connection->carry, length);
    carry_free(connection);
    connection->held = false;
    if (!was_held) {
        length += receive_into(connection, window + length);
        if (connection->state == CONNECTION_CLOSED)
            return;
    }
    if (length || connection->peer_finished || loop->stopping)
        consume(connection, window, length);
    if (connection->held && connection->blocked)
        /* Until output has left, what comes would wake the loop in vain. */
        connection_pause(connection);
}

/* ---- flushing ---- */

/* 0 if the system does not tell: then nothing seems to move. */
static int unsent_by_socket(const struct connection *connection)
{
    int bytes;

    return ioctl(connection->fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

bool connection_has_unsent(const struct connection *connection)
{
    return unsent_by_socket(connection) > 0;
}

static void begin_send_timeout(struct connection *connection, int unsent)
{
    connection->unsent_seen = unsent;
    set_timeout(connection, connection->loop->settings.send_timeout_ms);
}

bool connection_goes_on(struct connection *connection)
{
    int unsent = unsent_by_socket(connection);

    if (unsent >= connection->unsent_seen)
        return false;
    begin_send_timeout(connection, unsent);
    return true;
}

static void wait_until_writable(struct connection *connection)
{
    struct loop *loop = connection->loop;

    if (!output_keep(&connection->output, &loop->output_store)) {
        connection_close(connection);
        return;
    }
    begin_send_timeout(connection, unsent_by_socket(connection));
    connection->blocked = true;
    if (connection->output.bytes > OUTPUT_HIGH_WATER_BYTES)
        connection->paused = true;
    update_poll(connection);
}

/* What sendfile leaves in the socket are pages of the file's cache, which cost nothing
 * to keep. With less room a file of 1 MB took three calls, and a third more CPU time.
 */
static void expect_files(struct connection *connection, bool sends_files)
{
#ifdef TCP_NOTSENT_LOWAT
    int bytes_max = sends_files ? INT_MAX : UNSENT_BYTES_MAX;

    setsockopt(connection->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes_max,
               sizeof bytes_max);
#endif
    connection->sends_files = sends_files;
}

/* What stands before a file waits in the socket for the file's first bytes. */
static ssize_t send_memory(struct connection *connection)
{
    struct iovec vector[GATHER_MAX];
    struct msghdr message = {.msg_iov = vector};
    bool more;
    int count = output_gather(&connection->output, vector, GATHER_MAX, &more);
    int flags = more ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;

    if (connection->sends_files && !more)
        expect_files(connection, false);
    if (count == 1)
        return send(connection->fd, vector[0].iov_base, vector[0].iov_len, flags);
    message.msg_iovlen = (size_t)count;
    return sendmsg(connection->fd, &message, flags);
}

/* Behaves as a socket that is full when `*budget` is used up, and when a part was sent
 * that is shorter than it might have been: trying again would nearly always be in vain.
 */
static ssize_t send_file_part(struct connection *connection, const struct segment *part,
                              size_t *budget)
{
    bool copies = !connection->loop->settings.sendfile;
    size_t length_max = copies && *budget > SEND_COPY_BYTES ? SEND_COPY_BYTES : *budget;
    size_t length = part->length < length_max ? part->length : length_max;
    ssize_t n;

    if (length == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (length > UNSENT_BYTES_MAX && !connection->sends_files)
        expect_files(connection, true);
    n = copies ? send_file_copy(connection->fd, part, length)
               : send_file(connection->fd, part, length);
    if (n == 0 || (n < 0 && errno == EIO)) {
        /* Nothing that could follow is what the head has promised. */
        connection->file_failed = true;
        errno = EIO;
        return -1;
    }
    if (n > 0)
        *budget = (size_t)n < length ? 0 : *budget - (size_t)n;
    return n;
}

static ssize_t send_some(struct connection *connection, size_t *file_budget)
{
    const struct segment *part = output_file_first(&connection->output);

    return part ? send_file_part(connection, part, file_budget)
                : send_memory(connection);
}

void connection_flush(struct connection *connection)
{
    struct loop *loop = connection->loop;
    struct output *output = &connection->output;
    size_t file_budget = FLUSH_FILE_BYTES_MAX;

    if (connection
            ->blocked) { /* answered while waiting: nothing may stay in the slab */
        if (!output_keep(output, &loop->output_store))
            connection_close(connection);
        return;
    }
    while (output->bytes) {
        ssize_t n = send_some(connection, &file_budget);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            wait_until_writable(connection);
            return;
        }
        if (n < 0) {
            connection_close(connection);
            return;
        }
        counter_add(&loop->counters.bytes_sent, (uint64_t)n);
        output_drop(output, &loop->output_store, (size_t)n);
    }
    output_drop_all(output, &loop->output_store);
    update_poll(connection);
    if (connection->state == CONNECTION_FINISHING)
        end_output(connection);
    else if (connection->state == CONNECTION_OPEN)
        loop->settings.protocol->drained(connection);
}
