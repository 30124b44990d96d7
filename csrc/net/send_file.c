/* send_file.c - see send_file.h. */
#include "send_file.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What is read at once where the file system knows no sendfile. */
enum { COPY_BYTES = 16 * 1024 };

static ssize_t copy(int socket, int file, uint64_t offset, size_t length)
{
    char bytes[COPY_BYTES];
    ssize_t n = pread(file, bytes, length < sizeof bytes ? length : sizeof bytes,
                      (off_t)offset);

    return n > 0 ? send(socket, bytes, (size_t)n, MSG_NOSIGNAL) : n;
}

static ssize_t send_or_copy(int socket, int file, uint64_t offset, size_t length)
{
    off_t from = (off_t)offset;
    ssize_t n = sendfile(socket, file, &from, length);

    if (n < 0 && (errno == EINVAL || errno == ENOSYS))
        return copy(socket, file, offset, length);
    return n;
}

static bool sigpipe_is_ignored(void)
{
    struct sigaction action;

    return sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static ssize_t send_with_sigpipe_blocked(int socket, int file, uint64_t offset,
                                         size_t length)
{
    sigset_t pipe, before;
    ssize_t n;
    int code;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    n = send_or_copy(socket, file, offset, length);
    code = errno;
    if (!sigismember(&before, SIGPIPE)) {
        if (n < 0 && code == EPIPE)
            sigtimedwait(&pipe, NULL, &(struct timespec){0});
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    errno = code;
    return n;
}

/* sendfile has no MSG_NOSIGNAL. Whether SIGPIPE is ignored is for the program to say
 * that pyrs is a part of (Python does, which is asked at each call since it may change
 * its mind), and a thread that went on with it blocked would hand that down to what a
 * handler starts; so it is blocked for the call, and taken back if it came. */
ssize_t send_file(int socket, int file, uint64_t offset, size_t length)
{
    if (sigpipe_is_ignored())
        return send_or_copy(socket, file, offset, length);
    return send_with_sigpipe_blocked(socket, file, offset, length);
}
