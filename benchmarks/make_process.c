/* make_process.c - how long the maker of a process is held up, by the size of its
 * memory: why CGI programs are started by vfork (csrc/serve/cgi_spawn.c).
 *
 *     cc -O2 benchmarks/make_process.c -o make_process && ./make_process 1000
 *
 * The argument is in MiB, which are touched in small pages: what is copied are the
 * tables of pages, and huge ones, where the system makes them unasked, would hide that.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 100 };

extern char **environ;

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The new process leaves this function by exec only, as vfork asks. */
static void measure(const char *name, int by_vfork, size_t mebibytes)
{
    double held_us[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        char *arguments[] = {"/bin/true", NULL};
        double start_us = now_us();
        pid_t id = by_vfork ? vfork() : fork();

        if (id == 0) {
            execve(arguments[0], arguments, environ);
            _exit(127);
        }
        held_us[i] = now_us() - start_us;
        waitpid(id, NULL, 0);
    }
    qsort(held_us, ROUNDS, sizeof *held_us, compare);
    printf("%s, %zu MiB: median %.0f us, least %.0f us\n", name, mebibytes,
           held_us[ROUNDS / 2], held_us[0]);
}

/* Not malloc: a compiler leaves out what is written to memory that nobody reads. */
static int fill(size_t bytes)
{
    void *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED || madvise(memory, bytes, MADV_NOHUGEPAGE) != 0)
        return 0;
    memset(memory, 1, bytes);
    return 1;
}

int main(int count, char **arguments)
{
    size_t mebibytes = count > 1 ? (size_t)atoi(arguments[1]) : 10;

    if (!fill(mebibytes << 20))
        return 1;
    measure("fork", 0, mebibytes);
    measure("vfork", 1, mebibytes);
    return 0;
}
