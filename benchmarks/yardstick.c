/* yardstick.c - as little as an HTTP server can do: what the others are measured by.
 *
 *     cc -O3 -o yardstick yardstick.c && ./yardstick PORT [BODY_BYTES]
 *
 * One thread, one bare epoll loop. It reads what there is, finds the end of each head
 * with memmem, and answers all heads in the buffer with one write of fixed answers, as
 * many bytes each as pyrs sends for the same request. It parses nothing and checks
 * nothing. With BODY_BYTES every head is followed by so many bytes of body, and the
 * answer has a body of that size, as an echo would.
 *
 * As a library (cc -shared -fPIC) it calls a function for each request before it
 * answers: see flask_on_yardstick.py.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 256,
    INPUT_BYTES = 65536,
    ANSWER_BYTES_MAX = 1024,
    ANSWERS_MAX = 1024, /* in one write; more heads make a second one */
    BODY_BYTES_MAX = 512,
    BACKLOG = 1024,
};

struct connection {
    int fd;
    size_t kept; /* bytes of an unfinished request */
    char input[INPUT_BYTES];
};

struct answer {
    char bytes[ANSWER_BYTES_MAX];
    size_t length;
    size_t request_body_bytes;
    void *(*called)(void *argument); /* before; or NULL */
    void *argument;
};

static char output[ANSWERS_MAX * ANSWER_BYTES_MAX];

static void fail(const char *call)
{
    perror(call);
    exit(1);
}

static void prepare(struct answer *answer, size_t body_bytes)
{
    char body[BODY_BYTES_MAX + 1] = "Hello, World!";
    const char *type = "text/html; charset=utf-8";

    if (body_bytes > 0) {
        memset(body, 'x', body_bytes);
        type = "application/octet-stream";
    }
    answer->request_body_bytes = body_bytes;
    answer->length = (size_t)snprintf(answer->bytes, sizeof(answer->bytes),
                                      "HTTP/1.1 200 OK\r\n"
                                      "Server: pyrs\r\n"
                                      "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                      "Content-Type: %s\r\n"
                                      "Content-Length: %zu\r\n\r\n%s",
                                      type, strlen(body), body);
}

static int listen_at(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail("bind");
    if (listen(fd, BACKLOG) < 0)
        fail("listen");
    return fd;
}

static void accept_all(int epoll, int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct connection *connection;

        if (fd < 0)
            return;
        connection = malloc(sizeof(*connection));
        if (connection == NULL)
            fail("malloc");
        connection->fd = fd;
        connection->kept = 0;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        if (epoll_ctl(
                epoll, EPOLL_CTL_ADD, fd,
                &(struct epoll_event){.events = EPOLLIN, .data.ptr = connection}) < 0)
            fail("epoll_ctl");
    }
}

static void drop(struct connection *connection)
{
    close(connection->fd);
    free(connection);
}

/* Consumes whole requests; gives how many there were. */
static size_t count_requests(const struct connection *connection, size_t length,
                             size_t body_bytes, size_t *consumed)
{
    const char *at = connection->input;
    const char *end = at + length;
    size_t count = 0;

    while (count < ANSWERS_MAX) {
        const char *head_end = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);

        if (head_end == NULL || (size_t)(end - head_end) < 4 + body_bytes)
            break;
        at = head_end + 4 + body_bytes;
        count++;
    }
    *consumed = (size_t)(at - connection->input);
    return count;
}

/* False if the connection is over. A client that does not take its answers at once is
 * cut off: the benchmark counts that as an error. */
static bool serve(struct connection *connection, const struct answer *answer)
{
    ssize_t got = recv(connection->fd, connection->input + connection->kept,
                       INPUT_BYTES - connection->kept, 0);
    size_t length, count, consumed;

    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    length = connection->kept + (size_t)got;
    do {
        char *out = output;

        count =
            count_requests(connection, length, answer->request_body_bytes, &consumed);
        for (size_t at = 0; at < count; at++, out += answer->length) {
            if (answer->called != NULL)
                answer->called(answer->argument);
            memcpy(out, answer->bytes, answer->length);
        }
        if (count > 0 && send(connection->fd, output, (size_t)(out - output),
                              MSG_NOSIGNAL) != out - output)
            return false;
        length -= consumed;
        memmove(connection->input, connection->input + consumed, length);
    } while (count == ANSWERS_MAX);
    connection->kept = length;
    return length < INPUT_BYTES;
}

int yardstick(uint16_t port, size_t body_bytes, void *(*called)(void *), void *argument)
{
    static struct answer answer;
    struct epoll_event events[EVENTS_MAX];
    int listener = listen_at(port);
    int epoll;

    answer.called = called;
    answer.argument = argument;
    prepare(&answer, body_bytes);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener,
                  &(struct epoll_event){.events = EPOLLIN, .data.ptr = NULL}) < 0)
        fail("epoll");
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS_MAX, -1);

        for (int at = 0; at < count; at++) {
            struct connection *connection = events[at].data.ptr;

            if (connection == NULL)
                accept_all(epoll, listener);
            else if (!serve(connection, &answer))
                drop(connection);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 2 || (argc > 2 && atoi(argv[2]) > BODY_BYTES_MAX)) {
        fprintf(stderr, "usage: yardstick PORT [BODY_BYTES]\n");
        return 2;
    }
    return yardstick((uint16_t)atoi(argv[1]), argc > 2 ? (size_t)atoi(argv[2]) : 0,
                     NULL, NULL);
}
