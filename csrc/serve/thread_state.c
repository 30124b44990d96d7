/* thread_state.c - see thread_state.h. */
#include "thread_state.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
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

/* The letter after the name in parentheses, which may contain anything (proc(5)). */
static char state_in(const char *line)
{
    const char *end = strrchr(line, ')');

    return end && end[1] == ' ' ? end[2] : '\0';
}

bool thread_wants_processor(const struct thread_id *thread)
{
    char path[64], line[128];
    ssize_t length;
    int file;

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread->number);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    length = read(file, line, sizeof line - 1);
    close(file);
    if (length <= 0)
        return false;
    line[length] = '\0';
    return state_in(line) == 'R';
}
