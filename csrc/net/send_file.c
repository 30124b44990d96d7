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

#include "file_state.h"
#include "output.h"

static bool is_as_promised(const struct sent_file *file)
{
    return file_state_holds(&file->state, file->descriptor);
}

/* Looks at the file when its last bytes were read: by then all of the part was. */
ssize_t send_file_copy(int socket, const struct segment *part, size_t length)
{
    const struct sent_file *file = part->owner;
    char bytes[SEND_COPY_BYTES];
    ssize_t n =
        pread(file->descriptor, bytes, length < sizeof bytes ? length : sizeof bytes,
              (off_t)part->offset);

    if (n <= 0 || ((size_t)n == part->length && !is_as_promised(file)))
        return n < 0 ? n : 0;
    return send(socket, bytes, (size_t)n, MSG_NOSIGNAL);
}

/* Looks at the file before: afterwards the last bytes would have left. */
static ssize_t send_or_copy(int socket, const struct segment *part, size_t length)
{
    const struct sent_file *file = part->owner;
    off_t from = (off_t)part->offset;
    ssize_t n;

    if (length == part->length && !is_as_promised(file))
        return 0;
    n = sendfile(socket, file->descriptor, &from, length);
    if (n < 0 && (errno == EINVAL || errno == ENOSYS))
        return send_file_copy(socket, part, length);
    return n;
}

static bool sigpipe_is_ignored(void)
{
    struct sigaction action;

    return sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static ssize_t send_with_sigpipe_blocked(int socket, const struct segment *part,
                                         size_t length)
{
    sigset_t pipe, before;
    ssize_t n;
    int code;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    n = send_or_copy(socket, part, length);
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
ssize_t send_file(int socket, const struct segment *part, size_t length)
{
    if (sigpipe_is_ignored())
        return send_or_copy(socket, part, length);
    return send_with_sigpipe_blocked(socket, part, length);
}
