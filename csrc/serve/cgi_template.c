/* cgi_template.c - see cgi_template.h. Reading order: cgi_template_start,
 * cgi_template_launch, take_messages, on_exited. */
#include "cgi_template.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../net/list.h"
#include "../pyrs.h"
#include "cgi_lines.h"
#include "log.h"

/* As in cgi_template.py. */
enum message_kind { READY = 1, STARTED, ENDED, RUN, RELEASE };
enum { PATH_BYTES_MAX = 4096 };
/* A script's three, and the file that says the rest. */
enum { DESCRIPTORS = 4 };

struct message {
    int32_t kind, value;
    uint64_t id;
};

struct cgi_template {
    struct cgi_process process; /* its own */
    struct log *log;
    void (*ended)(void *owner, int status, bool was_ready);
    void *owner;

    int socket;
    uv_poll_t messages; /* polls the socket */
    uv_pipe_t output;   /* what it writes, which is for the log */
    char line[CGI_LINE_BYTES_MAX];
    size_t line_length;
    uint32_t open_handles; /* that libuv knows of */

    struct link programs; /* not released */
    uint64_t last_id;
    bool is_ready;
    bool is_over; /* it has ended, or is made to */
};

/* One that the template was told to run. */
struct program {
    struct link link;
    struct cgi_template *template; /* NULL: that has ended */
    struct cgi_process *process;
    uint64_t id;
    pid_t number;    /* of its process and group; 0: not known yet */
    int signal;      /* to be sent when it is */
    bool has_exited; /* and that was told */
};

/* ---- life ---- */

static void on_closed(uv_handle_t *handle)
{
    struct cgi_template *template = handle->data;

    if (--template->open_handles > 0)
        return;
    close(template->socket);
    free(template);
}

/* Not before the process was released. */
static void close_handles(struct cgi_template *template)
{
    template->is_over = true;
    uv_close((uv_handle_t *)&template->messages, on_closed);
    uv_close((uv_handle_t *)&template->output, on_closed);
}

/* It does not do what it was told: on_exited sees to what is left. */
static void give_up(struct cgi_template *template)
{
    template->is_over = true;
    uv_poll_stop(&template->messages);
    cgi_signal(&template->process, SIGKILL);
}

void cgi_template_stop(struct cgi_template *template)
{
    assert(list_is_empty(&template->programs));
    cgi_signal(&template->process, SIGKILL);
    cgi_release(&template->process);
    close_handles(template);
}

bool cgi_template_is_ready(const struct cgi_template *template)
{
    return template->is_ready;
}

/* ---- what it says ---- */

static void program_exited(struct program *program, int status)
{
    program->has_exited = true;
    program->process->exited(program->process, status);
}

static struct program *find_program(struct cgi_template *template, uint64_t id)
{
    struct link *link = template->programs.next;

    for (; link != &template->programs; link = link->next) {
        struct program *program = CONTAINER_OF(link, struct program, link);

        if (program->id == id)
            return program;
    }
    return NULL;
}

static void program_started(struct program *program, pid_t number)
{
    program->number = number;
    if (program->signal)
        kill(-number, program->signal);
}

static void take_message(struct cgi_template *template, const struct message *message)
{
    struct program *program = find_program(template, message->id);

    if (message->kind == READY)
        template->is_ready = true;
    else if (program && message->kind == STARTED && message->value > 1)
        program_started(program, message->value);
    else if (program && message->kind == ENDED && !program->has_exited)
        program_exited(program, message->value);
}

/* False if there will be no more. */
static bool take_messages(struct cgi_template *template)
{
    struct message message;
    ssize_t count;

    do {
        count = recv(template->socket, &message, sizeof message, MSG_DONTWAIT);
        if (count == sizeof message)
            take_message(template, &message);
    } while (count > 0 || (count < 0 && errno == EINTR));
    return count < 0 && errno == EAGAIN;
}

static void on_messages(uv_poll_t *poll, int code, int events)
{
    struct cgi_template *template = poll->data;

    (void)code;
    (void)events;
    if (!take_messages(template))
        give_up(template);
}

/* What it ran cannot be waited for any more: it ends too. */
static void end_programs(struct cgi_template *template)
{
    struct link *link;

    while ((link = list_take_first(&template->programs))) {
        struct program *program = CONTAINER_OF(link, struct program, link);

        program->template = NULL;
        if (program->number > 0)
            kill(-program->number, SIGKILL);
        program->number = 0; /* from now on it may be somebody else's */
        if (!program->has_exited)
            program_exited(program, CGI_STATUS_UNKNOWN);
    }
}

static void on_exited(struct cgi_process *process, int status)
{
    struct cgi_template *template = CONTAINER_OF(process, struct cgi_template, process);

    take_messages(template);
    template->is_over = true;
    template->ended(template->owner, status, template->is_ready);
    end_programs(template);
    cgi_release(process);
    close_handles(template);
}

/* ---- what it writes: a traceback, when a module cannot be imported ---- */

static void log_line(void *owner, slice line)
{
    struct cgi_template *template = owner;
    char text[CGI_LINE_BYTES_MAX + 32];
    int length =
        snprintf(text, sizeof text, "cgi template: %.*s", (int)line.length, line.bytes);

    if (line.length > 0)
        log_write(template->log, PYRS_LOG_WARNING, slice_of(text, (size_t)length));
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    struct cgi_template *template = handle->data;

    (void)suggested;
    *room = uv_buf_init(template->line + template->line_length,
                        (unsigned)(CGI_LINE_BYTES_MAX - template->line_length));
}

static void on_output(uv_stream_t *stream, ssize_t count, const uv_buf_t *room)
{
    struct cgi_template *template = stream->data;

    (void)room;
    if (count > 0)
        template->line_length += (size_t)count;
    cgi_lines_take(template->line, &template->line_length, count < 0, log_line,
                   template);
    if (count < 0)
        uv_read_stop(stream);
}

/* ---- to start it ---- */

/* What the template's process has of them is closed here. */
struct ends {
    int socket_here, socket_there;
    int output_here, output_there;
};

static bool open_ends(struct ends *ends)
{
    int sockets[2], output[2];

    *ends = (struct ends){-1, -1, -1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0)
        return false;
    ends->socket_here = sockets[0];
    ends->socket_there = sockets[1];
    if (pipe2(output, O_CLOEXEC) != 0)
        return false;
    ends->output_here = output[0];
    ends->output_there = output[1];
    return fcntl(output[0], F_SETFL, O_NONBLOCK) == 0;
}

/* As the first line says, with cgi_template.py for the script. NULL if memory is out.
 */
static char **make_arguments(const struct cgi_template_plan *plan)
{
    size_t count = 0, module_count = 0;
    char **arguments;

    while (plan->modules[module_count])
        module_count++;
    arguments = calloc(module_count + 4, sizeof *arguments);
    if (!arguments)
        return NULL;
    arguments[count++] = (char *)(uintptr_t)plan->line->interpreter;
    if (*plan->line->argument)
        arguments[count++] = (char *)(uintptr_t)plan->line->argument;
    arguments[count++] = (char *)(uintptr_t)plan->file;
    memcpy(arguments + count, plan->modules, module_count * sizeof *arguments);
    return arguments;
}

/* What the dynamic linker finds out only when it is needed, each child would find out
 * anew. */
static char **make_environment(const struct cgi_template_plan *plan)
{
    size_t count = 0;
    char **environment;

    while (plan->environment[count])
        count++;
    environment = calloc(count + 2, sizeof *environment);
    if (!environment)
        return NULL;
    memcpy(environment, plan->environment, count * sizeof *environment);
    environment[count] = (char *)(uintptr_t)"LD_BIND_NOW=1";
    return environment;
}

static int start_process(struct cgi_template *template,
                         const struct cgi_template_plan *plan, const struct ends *ends)
{
    char **arguments = make_arguments(plan);
    char **environment = make_environment(plan);
    struct cgi_program program = {
        .path = plan->line->interpreter,
        .arguments = arguments,
        .folder = plan->folder,
        .environment = environment,
        .descriptors = {ends->socket_there, ends->output_there, ends->output_there},
    };
    int code = ENOMEM;

    template->process.exited = on_exited;
    if (arguments && environment)
        code = cgi_launch(plan->cold, &program, &template->process);
    free(arguments);
    free(environment);
    return code;
}

/* That it has nothing to say any more is not seen here, but by on_exited. */
static void open_handles(struct cgi_template *template, uv_loop_t *uv,
                         const struct ends *ends)
{
    template->socket = ends->socket_here;
    template->messages.data = template->output.data = template;
    template->open_handles = 2;
    uv_poll_init(uv, &template->messages, template->socket);
    uv_poll_start(&template->messages, UV_READABLE, on_messages);
    uv_pipe_init(uv, &template->output, 0);
    if (uv_pipe_open(&template->output, ends->output_here) != 0)
        close(ends->output_here);
    else
        uv_read_start((uv_stream_t *)&template->output, give_room, on_output);
}

struct cgi_template *cgi_template_start(const struct cgi_template_plan *plan)
{
    struct cgi_template *template = calloc(1, sizeof *template);
    struct ends ends;
    int code = ENOMEM;

    if (!open_ends(&ends))
        code = errno;
    else if (template)
        code = start_process(template, plan, &ends);
    close_if_open(ends.socket_there);
    close_if_open(ends.output_there);
    if (code != 0) {
        close_if_open(ends.socket_here);
        close_if_open(ends.output_here);
        free(template);
        errno = code;
        return NULL;
    }
    template->log = plan->log;
    template->ended = plan->ended;
    template->owner = plan->owner;
    list_init(&template->programs);
    open_handles(template, plan->uv, &ends);
    return template;
}

/* ---- to have it run a script ---- */

static bool write_texts(int file, const char *const *texts, size_t count)
{
    enum { AT_ONCE = 64 };

    while (count > 0) {
        struct iovec parts[AT_ONCE];
        size_t part_count = count < AT_ONCE ? count : AT_ONCE;
        ssize_t length = 0;

        for (size_t i = 0; i < part_count; i++) {
            parts[i].iov_base = (void *)(uintptr_t)texts[i];
            parts[i].iov_len = strlen(texts[i]) + 1;
            length += (ssize_t)parts[i].iov_len;
        }
        if (writev(file, parts, (int)part_count) != length)
            return false;
        texts += part_count;
        count -= part_count;
    }
    return true;
}

/* The file that says what else the script needs; -1 if it cannot be made. */
static int open_details(const struct cgi_program *program)
{
    char memory[24], processor[16];
    const char *first[] = {program->folder, memory, processor};
    char *const *environment = program->environment;
    size_t count = 0;
    int file = memfd_create("cgi", MFD_CLOEXEC);

    snprintf(memory, sizeof memory, "%llu",
             (unsigned long long)program->memory_bytes_max);
    snprintf(processor, sizeof processor, "%u", program->cpu_seconds_max);
    while (environment[count])
        count++;
    if (file >= 0 && write_texts(file, first, sizeof first / sizeof *first) &&
        write_texts(file, (const char *const *)environment, count))
        return file;
    close_if_open(file);
    return -1;
}

static bool send_run(struct cgi_template *template, uint64_t id, const char *path,
                     const int descriptors[DESCRIPTORS])
{
    struct message message = {.kind = RUN, .id = id};
    struct iovec parts[] = {
        {&message, sizeof message},
        {(void *)(uintptr_t)path, strlen(path)},
    };
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
    } control = {0};
    struct msghdr envelope = {
        .msg_iov = parts,
        .msg_iovlen = sizeof parts / sizeof *parts,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&envelope);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(DESCRIPTORS * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, DESCRIPTORS * sizeof(int));
    return sendmsg(template->socket, &envelope, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* Whatever cannot be had: a fresh process may do without it. */
int cgi_template_launch(struct cgi_template *template,
                        const struct cgi_program *program, struct cgi_process *process)
{
    struct program *new = calloc(1, sizeof *new);
    int details = open_details(program);
    const int descriptors[DESCRIPTORS] = {program->descriptors[0],
                                          program->descriptors[1],
                                          program->descriptors[2], details};
    bool sent = new && details >= 0 && !template->is_over &&
                strlen(program->path) <= PATH_BYTES_MAX &&
                send_run(template, template->last_id + 1, program->path, descriptors);

    close_if_open(details);
    if (!sent) {
        free(new);
        return ENOTSUP;
    }
    new->template = template;
    new->process = process;
    new->id = ++template->last_id;
    list_append(&template->programs, &new->link);
    process->state = new;
    return 0;
}

void cgi_template_signal(struct cgi_process *process, int number)
{
    struct program *program = process->state;

    if (program->number > 0) {
        kill(-program->number, number);
        return;
    }
    program->signal = number;
    if (number == SIGKILL && program->template && !program->has_exited)
        give_up(program->template);
}

void cgi_template_release(struct cgi_process *process)
{
    struct program *program = process->state;
    struct message message = {.kind = RELEASE, .id = program->id};

    process->state = NULL;
    if (program->template) {
        list_remove(&program->link);
        if (send(program->template->socket, &message, sizeof message,
                 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            give_up(program->template);
    }
    free(program);
}
