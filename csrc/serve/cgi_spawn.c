/* cgi_spawn.c - see cgi_spawn.h.
 *
 * Not uv_spawn: that forks, which for a large server means copying its page tables
 * while its threads wait, leaves the program every descriptor that somebody forgot to
 * close, and hears of its end by a signal whose handler Python code may replace. Here
 * the process is made by vfork, which costs the same whatever the server's size, and
 * its end comes by a descriptor (pidfd), or is looked for where the system has none.
 */
#include "cgi_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../net/list.h"

/* Where a process has no descriptor: how often it is looked whether it has ended. What
 * it wrote has long been seen then. */
enum { LOOK_INTERVAL_MS = 10 };
/* Without close_range: descriptors past this are not closed one by one. */
enum { DESCRIPTORS_CLOSED_MAX = 1024 * 1024 };

struct spawn_launcher {
    struct cgi_launcher launcher;
    uv_loop_t *uv;
    uv_timer_t look;
    struct link looked_for; /* children without a descriptor */
};

struct child {
    struct link link;
    uv_poll_t ended; /* polls `descriptor` */
    int descriptor;  /* -1: it is looked for */
    pid_t id;
    bool is_lost; /* somebody else has waited for it: its number may be another's */
    struct spawn_launcher *launcher;
    struct cgi_process *process;
};

/* ---- in the new process ----
 *
 * It has the server's memory until exec: nothing is allocated, no lock is taken, and
 * the one thing that is written is *fault. */

static void reset_signals(void)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        sigaction(number, &plain, NULL); /* those that cannot be set need not be */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool take_descriptors(const int given[3])
{
    int moved[3];

    /* Above those that they become, which may be the very ones that are given. */
    for (int i = 0; i < 3; i++)
        if ((moved[i] = fcntl(given[i], F_DUPFD, 3)) < 0)
            return false;
    for (int i = 0; i < 3; i++)
        if (dup2(moved[i], i) < 0)
            return false;
    return true;
}

static void close_others(void)
{
    long limit;

#ifdef SYS_close_range
    if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0)
        return;
#endif
    limit = sysconf(_SC_OPEN_MAX);
    if (limit < 0 || limit > DESCRIPTORS_CLOSED_MAX)
        limit = DESCRIPTORS_CLOSED_MAX;
    for (int descriptor = 3; descriptor < limit; descriptor++)
        close(descriptor);
}

#ifdef __GLIBC__
typedef __rlimit_resource_t limited; /* an enum to compilers that mind */
#else
typedef int limited;
#endif

static bool set_limit(limited resource, uint64_t most)
{
    struct rlimit limit;

    if (most == 0)
        return true;
    if (getrlimit(resource, &limit) != 0)
        return false;
    if (limit.rlim_max == RLIM_INFINITY || most < limit.rlim_max)
        limit.rlim_max = (rlim_t)most;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit) == 0;
}

static _Noreturn void become(const struct cgi_program *program, volatile int *fault)
{
    char *alone[] = {(char *)(uintptr_t)program->path, NULL};
    char *const *arguments = program->arguments ? program->arguments : alone;

    if (setpgid(0, 0) == 0 && take_descriptors(program->descriptors) &&
        chdir(program->folder) == 0 &&
        set_limit(RLIMIT_CPU, program->cpu_seconds_max)) {
        close_others();
        reset_signals();
        /* Last: exec needs memory as well. */
        if (set_limit(RLIMIT_AS, program->memory_bytes_max))
            execve(program->path, arguments, program->environment);
    }
    *fault = errno;
    _exit(127);
}

/* ---- its beginning ---- */

/* No signal may be handled in the process that has this one's memory. Negative: errno.
 */
static pid_t make_process(const struct cgi_program *program)
{
    volatile int fault = 0;
    sigset_t all, before;
    pid_t id;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    id = vfork();
    if (id == 0)
        become(program, &fault);
    if (id < 0)
        fault = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (id > 0 && fault != 0)
        while (waitpid(id, NULL, 0) < 0 && errno == EINTR) {
        }
    return fault != 0 ? -fault : id;
}

/* ---- its end ---- */

static int status_of(const siginfo_t *info)
{
    return info->si_code == CLD_EXITED ? info->si_status : -info->si_status;
}

/* True if it has ended. It stays, as a zombie, so that its number is nobody else's. */
static bool has_ended(const struct child *child, int *status)
{
    siginfo_t info = {0};
    int options = WEXITED | WNOHANG | WNOWAIT;
    int code;

    while ((code = waitid(P_PID, (id_t)child->id, &info, options)) != 0 &&
           errno == EINTR) {
    }
    if (code == 0 && info.si_pid == 0)
        return false;
    /* Whoever waits for any child of this process may have been first. */
    *status = code == 0 ? status_of(&info) : CGI_STATUS_UNKNOWN;
    return true;
}

static void tell(struct child *child, int status)
{
    child->is_lost = status == CGI_STATUS_UNKNOWN;
    child->process->exited(child->process, status);
}

static void on_ended(uv_poll_t *poll, int code, int events)
{
    struct child *child = CONTAINER_OF(poll, struct child, ended);
    int status;

    (void)code;
    (void)events;
    if (!has_ended(child, &status))
        return;
    uv_poll_stop(poll);
    tell(child, status);
}

static void on_look(uv_timer_t *timer)
{
    struct spawn_launcher *own = CONTAINER_OF(timer, struct spawn_launcher, look);
    struct link *link = own->looked_for.next;
    int status;

    while (link != &own->looked_for) {
        struct child *child = CONTAINER_OF(link, struct child, link);

        link = link->next;
        if (!has_ended(child, &status))
            continue;
        list_remove(&child->link);
        tell(child, status);
    }
    if (list_is_empty(&own->looked_for))
        uv_timer_stop(timer);
}

static int open_process(pid_t id)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, id, 0U); /* close-on-exec by itself */
#else
    (void)id;
    return -1;
#endif
}

static void watch(struct child *child)
{
    struct spawn_launcher *own = child->launcher;

    list_init(&child->link);
    child->descriptor = open_process(child->id);
    if (child->descriptor >= 0 &&
        uv_poll_init(own->uv, &child->ended, child->descriptor) == 0) {
        uv_poll_start(&child->ended, UV_READABLE, on_ended);
        return;
    }
    if (child->descriptor >= 0)
        close(child->descriptor);
    child->descriptor = -1;
    list_append(&own->looked_for, &child->link);
    uv_timer_start(&own->look, on_look, LOOK_INTERVAL_MS, LOOK_INTERVAL_MS);
}

/* ---- the launcher ---- */

static struct spawn_launcher *own_of(struct cgi_launcher *launcher)
{
    return CONTAINER_OF(launcher, struct spawn_launcher, launcher);
}

static bool spawn_start(struct cgi_launcher *launcher, uv_loop_t *uv, struct log *log)
{
    struct spawn_launcher *own = own_of(launcher);

    (void)log;
    own->uv = uv;
    list_init(&own->looked_for);
    return uv_timer_init(uv, &own->look) == 0;
}

static int spawn_launch(struct cgi_launcher *launcher,
                        const struct cgi_program *program, struct cgi_process *process)
{
    struct child *child = malloc(sizeof *child);
    pid_t id;

    if (!child)
        return ENOMEM;
    id = make_process(program);
    if (id < 0) {
        free(child);
        return (int)-id;
    }
    *child = (struct child){.id = id, .launcher = own_of(launcher), .process = process};
    process->state = child;
    watch(child);
    return 0;
}

static void spawn_signal(struct cgi_launcher *launcher, struct cgi_process *process,
                         int number)
{
    const struct child *child = process->state;

    (void)launcher;
    if (!child->is_lost)
        kill(-child->id, number);
}

static void on_closed(uv_handle_t *handle)
{
    struct child *child = CONTAINER_OF((uv_poll_t *)handle, struct child, ended);

    close(child->descriptor);
    free(child);
}

static void spawn_release(struct cgi_launcher *launcher, struct cgi_process *process)
{
    struct child *child = process->state;

    (void)launcher;
    process->state = NULL;
    list_remove(&child->link);
    while (!child->is_lost && waitpid(child->id, NULL, 0) < 0 && errno == EINTR) {
    }
    if (child->descriptor >= 0)
        uv_close((uv_handle_t *)&child->ended, on_closed);
    else
        free(child);
}

static void spawn_stop(struct cgi_launcher *launcher)
{
    uv_close((uv_handle_t *)&own_of(launcher)->look, NULL);
}

static void spawn_free(struct cgi_launcher *launcher)
{
    free(own_of(launcher));
}

struct cgi_launcher *cgi_spawn_new(void)
{
    static const struct cgi_launcher_class CLASS = {
        .start = spawn_start,
        .launch = spawn_launch,
        .signal = spawn_signal,
        .release = spawn_release,
        .stop = spawn_stop,
        .free = spawn_free,
    };
    struct spawn_launcher *own = calloc(1, sizeof *own);

    if (!own)
        return NULL;
    own->launcher.class = &CLASS;
    return &own->launcher;
}
