/* send_file.h - from a file to a socket.
 *
 * Either the system sends the pages of its own cache, and no byte passes through here;
 * its call for that differs from system to system, this is Linux's. Until the client
 * has them, such pages change with the file. Or the bytes are copied, which costs time
 * and makes them what they were when they were read. */
#ifndef PYRS_NET_SEND_FILE_H
#define PYRS_NET_SEND_FILE_H

#include <stddef.h>
#include <sys/types.h>

struct segment;

/* What is copied at once: read, looked at, sent. What the socket does not take of it is
 * read again. */
enum { SEND_COPY_BYTES = 64 * 1024 };

/* The first `length` bytes, or fewer, of a part of a file (net/output.h): how many the
 * socket took. 0: the file ends before, or its last bytes are not sent because those
 * before them may have been of another state; the client would take all of them for one
 * file. Negative with errno, never SIGPIPE. Copies where the file system has no
 * sendfile. */
ssize_t send_file(int socket, const struct segment *part, size_t length);

/* The same with a copy of the bytes. */
ssize_t send_file_copy(int socket, const struct segment *part, size_t length);

#endif
