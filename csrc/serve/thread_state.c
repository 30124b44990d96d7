/* thread_state.c - see thread_state.h. */
#include "thread_state.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct thread_id thread_self(void)
{
    struct thread_id thread = {.number = (int)syscall(SYS_gettid)};

    if (pthread_getcpuclockid(pthread_self(), &thread.cpu_clock) != 0)
        thread.number = 0; /* there is none of which the system tells */
    return thread;
}

uint64_t thread_cpu_ns(const struct thread_id *thread)
{
    struct timespec used;

    if (clock_gettime(thread->cpu_clock, &used) != 0)
        return 0;
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

/* "running", or the number of the system call in which it is and its arguments, the
 * first of a futex its address (proc(5)). */
bool thread_sleeps(const struct thread_id *thread, uint64_t *futex)
{
    char path[64], line[256];
    ssize_t length;
    char *end;
    int file;

    *futex = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", thread->number);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return true;
    length = read(file, line, sizeof line - 1);
    close(file);
    if (length <= 0)
        return true;
    line[length] = '\0';
    if (*line == 'r')
        return false;
    if (strtol(line, &end, 10) == SYS_futex)
        *futex = strtoull(end, NULL, 16);
    return true;
}
