/* send_file.h - from a file to a socket, without the bytes passing through here. The
 * system's own call for it differs from system to system: this is Linux's. */
#ifndef PYRS_NET_SEND_FILE_H
#define PYRS_NET_SEND_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How many bytes the socket took, which may be fewer; 0: the file ends before `offset`.
 * Negative with errno, never SIGPIPE. */
ssize_t send_file(int socket, int file, uint64_t offset, size_t length);

#endif
