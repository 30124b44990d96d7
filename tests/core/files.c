/* files.c - parts of files on their way to a client, turn by turn (csrc/net).
 *
 * What is sent is appended to a connection's output here, as a protocol would do it;
 * the protocol of this program itself says nothing. Every case ends with as many open
 * descriptors as it began with. The program runs the case that it is told; without one
 * it lists them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/connection.h"
#include "net/file_state.h"

enum {
    LARGE_BYTES = 3 * 1024 * 1024 + 7,    /* far more than a socket takes */
    SEVERAL_BYTES = 50 * 1024,            /* sent, not read; a socket takes it */
    FLUSH_BYTES_MAX = 1024 * 1024 + 4096, /* of connection.c, and a head */
};

#define CHECK(claim)                                                                \
    ((claim) ? (void)0                                                              \
             : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim), \
                exit(1)))

/* ---- a protocol that says nothing ---- */

static struct connection *opened_last;
static int drained_count;

static void opened(struct connection *connection)
{
    opened_last = connection;
}

static size_t received(struct connection *connection, char *bytes, size_t length)
{
    (void)connection;
    (void)bytes;
    return length;
}

static bool nothing_to_do(struct loop *loop)
{
    (void)loop;
    return true;
}

static void woken(struct loop *woken_loop)
{
    (void)woken_loop;
}

static void drained(struct connection *connection)
{
    drained_count++;
    if (connection->paused || connection->held)
        connection_resume(connection);
}

static bool timed_out(struct connection *connection)
{
    connection_close(connection);
    return true;
}

static bool file_failed;

static bool closed(struct connection *connection)
{
    file_failed = connection->file_failed;
    opened_last = NULL;
    return true;
}

static void stopping(struct connection *connection)
{
    connection_finish(connection, false);
}

static bool is_busy(const struct connection *connection)
{
    return connection->output.bytes > 0;
}

static const struct protocol PROTOCOL = {
    .connection_bytes = sizeof(struct connection),
    .opened = opened,
    .received = received,
    .run_ready = nothing_to_do,
    .woken = woken,
    .drained = drained,
    .timed_out = timed_out,
    .closed = closed,
    .release_spent = nothing_to_do,
    .stopping = stopping,
    .is_busy = is_busy,
};

static struct loop loop;
static struct connection_limit limit = {.max = 10};
static int descriptors_before;

static int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    CHECK(folder != NULL);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void start(void)
{
    struct loop_settings settings = {
        .protocol = &PROTOCOL,
        .send_timeout_ms = 30000,
        .linger_timeout_ms = 1000,
        .input_bytes_max = 4096,
        .sendfile = true,
    };
    uv_loop_t first;
    int code;

    CHECK(uv_loop_init(&first) == 0 && uv_loop_close(&first) == 0);
    descriptors_before = count_descriptors(); /* what libuv opens once included */
    CHECK(loop_init(&loop, &settings, &code));
}

static void finish(void)
{
    loop_stop_at_once(&loop);
    loop_run(&loop);
    loop_fini(&loop);
    CHECK(atomic_load(&limit.open) == 0);
    CHECK(count_descriptors() == descriptors_before);
}

static void turns(int count)
{
    for (int i = 0; i < count; i++)
        loop_turn(&loop, false);
}

/* ---- the client ---- */

static int connect_client(void)
{
    union socket_address peer = {.any.sa_family = AF_UNIX};
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    atomic_fetch_add(&limit.open, 1);
    connection_open(&loop, pair[0], &peer, NULL, &limit);
    return pair[1];
}

struct answers {
    char bytes[LARGE_BYTES + 4096];
    size_t length;
    bool ended;
};

/* Reads until nothing has come for some turns. */
static void listen_to(int client, struct answers *answers)
{
    for (int quiet = 0; quiet < 10; quiet++) {
        ssize_t n;

        turns(1);
        while ((n = recv(client, answers->bytes + answers->length,
                         sizeof answers->bytes - answers->length, 0)) > 0) {
            answers->length += (size_t)n;
            quiet = 0;
        }
        answers->ended |= n == 0;
    }
}

/* Takes what stands next in the answers. */
static void expect(struct answers *answers, const void *bytes, size_t length)
{
    CHECK(answers->length >= length);
    CHECK(memcmp(answers->bytes, bytes, length) == 0);
    answers->length -= length;
    memmove(answers->bytes, answers->bytes + length, answers->length);
}

static void expect_text(struct answers *answers, const char *text)
{
    expect(answers, text, strlen(text));
}

/* ---- what is sent ---- */

static char content[LARGE_BYTES];

/* A file without a name. The caller keeps a descriptor to change it by. */
static int make_file(size_t length)
{
    int file = memfd_create("file", 0);

    for (size_t i = 0; i < length; i++)
        content[i] = (char)(i * 7 % 251);
    CHECK(file >= 0 && write(file, content, length) == (ssize_t)length);
    return file;
}

static void append_text(const char *text)
{
    size_t length = strlen(text);
    char *out = output_reserve(&opened_last->output, &loop.output_store, length);

    memcpy(out, text, length);
    output_commit(&opened_last->output, &loop.output_store, length);
    connection_touch(opened_last);
}

static void append_part(struct sent_file *file, uint64_t offset, uint64_t length)
{
    CHECK(output_append_file(&opened_last->output, &loop.output_store, file, offset,
                             length) == APPEND_DONE);
    connection_touch(opened_last);
}

static struct sent_file *send_copy_of(int file)
{
    struct stat facts;
    struct file_state state;

    CHECK(fstat(file, &facts) == 0);
    state = file_state_of(&facts);
    return sent_file_new(&loop.output_store, dup(file), &state);
}

static void append_file(int file, uint64_t offset, uint64_t length)
{
    struct sent_file *sent = send_copy_of(file);

    append_part(sent, offset, length);
    sent_file_give_up(&loop.output_store, sent);
}

/* ---- the cases ---- */

static void a_file_stands_between_what_was_said_before_and_after_it(void)
{
    static struct answers answers;
    int file, client;

    start();
    file = make_file(LARGE_BYTES);
    client = connect_client();
    append_text("head ");
    append_file(file, 0, LARGE_BYTES);
    append_text(" next");
    listen_to(client, &answers);
    expect_text(&answers, "head ");
    expect(&answers, content, LARGE_BYTES);
    expect_text(&answers, " next");
    CHECK(answers.length == 0 && drained_count == 1);
    close(client);
    close(file);
    finish();
}

static void a_small_file_leaves_in_one_turn_and_at_once(void)
{
    static struct answers answers;
    int file, client;

    start();
    file = make_file(100);
    client = connect_client();
    append_text("head ");
    append_file(file, 10, 20);
    turns(1);
    answers.length = (size_t)recv(client, answers.bytes, 1000, 0);
    expect_text(&answers, "head ");
    expect(&answers, content + 10, 20);
    CHECK(answers.length == 0);
    close(client);
    close(file);
    finish();
}

static void parts_of_one_file_leave_in_their_order(void)
{
    static struct answers answers;
    int file, client;
    struct sent_file *sent;

    start();
    file = make_file(LARGE_BYTES);
    client = connect_client();
    sent = send_copy_of(file);
    append_part(sent, 1000000, SEVERAL_BYTES);
    append_text("--");
    append_part(sent, 0, SEVERAL_BYTES);
    append_text("--");
    append_part(sent, LARGE_BYTES - 3, 3);
    append_part(sent, 500000, 2 * SEVERAL_BYTES);
    sent_file_give_up(&loop.output_store, sent);
    listen_to(client, &answers);
    expect(&answers, content + 1000000, SEVERAL_BYTES);
    expect_text(&answers, "--");
    expect(&answers, content, SEVERAL_BYTES);
    expect_text(&answers, "--");
    expect(&answers, content + LARGE_BYTES - 3, 3);
    expect(&answers, content + 500000, 2 * SEVERAL_BYTES);
    CHECK(answers.length == 0);
    close(client);
    close(file);
    finish();
}

static void a_reader_that_stops_holds_a_descriptor_and_no_memory(void)
{
    static struct answers answers;
    int file, client, open_before;
    uint64_t sent, allocations;

    start();
    file = make_file(LARGE_BYTES);
    client = connect_client();
    open_before = count_descriptors();
    append_text("head ");
    append_file(file, 0, LARGE_BYTES);
    turns(20);
    CHECK(count_descriptors() == open_before + 1);
    sent = counter_read(&loop.counters.bytes_sent);
    allocations = counter_read(&loop.counters.allocations);
    CHECK(sent < LARGE_BYTES && opened_last->output.bytes == 5 + LARGE_BYTES - sent);
    CHECK(opened_last->paused); /* what it asks meanwhile stays unread */
    turns(20);
    CHECK(counter_read(&loop.counters.bytes_sent) == sent);
    listen_to(client, &answers);
    expect_text(&answers, "head ");
    expect(&answers, content, LARGE_BYTES);
    CHECK(counter_read(&loop.counters.allocations) == allocations);
    CHECK(count_descriptors() == open_before);
    CHECK(!opened_last->paused && drained_count == 1);
    close(client);
    close(file);
    finish();
}

static void a_reader_that_never_goes_on_is_cut(void)
{
    static struct answers answers;
    uint64_t end_ns = uv_hrtime() + 20 * 1000000000ull;
    int file, client;

    start();
    loop.settings.send_timeout_ms = 300;
    file = make_file(LARGE_BYTES);
    client = connect_client();
    append_file(file, 0, LARGE_BYTES);
    turns(1);
    while (opened_last && uv_hrtime() < end_ns)
        loop_turn(&loop, true);
    CHECK(!opened_last && !file_failed);
    CHECK(counter_read(&loop.counters.timeouts) == 1);
    listen_to(client, &answers);
    CHECK(answers.ended && answers.length < LARGE_BYTES);
    close(client);
    close(file);
    finish();
}

static void a_file_that_becomes_shorter_is_cut_and_never_padded(void)
{
    static struct answers answers;
    int file, client;

    start();
    file = make_file(LARGE_BYTES);
    client = connect_client();
    append_text("head ");
    append_file(file, 0, LARGE_BYTES);
    append_text(" next");
    turns(4);
    CHECK(ftruncate(file, 2000000) == 0);
    listen_to(client, &answers);
    CHECK(answers.ended && answers.length == 5 + 2000000);
    expect_text(&answers, "head ");
    expect(&answers, content, 2000000);
    CHECK(!opened_last && file_failed);
    close(client);
    close(file);
    finish();
}

static void a_client_that_goes_away_leaves_no_descriptor(void)
{
    int file, client, open_before;

    start();
    file = make_file(LARGE_BYTES);
    open_before = count_descriptors();
    client = connect_client();
    append_file(file, 0, LARGE_BYTES);
    append_file(file, 0, LARGE_BYTES);
    turns(4);
    close(client);
    turns(4);
    CHECK(!opened_last && !file_failed);
    CHECK(count_descriptors() == open_before);
    close(file);
    finish();
}

/* SIGPIPE would end this program. */
static void a_client_that_is_gone_ends_its_connection_and_nothing_else(void)
{
    sigset_t mask;
    int file, client;

    start();
    file = make_file(LARGE_BYTES);
    client = connect_client();
    append_file(file, 0, LARGE_BYTES);
    close(client);
    connection_flush(opened_last);
    turns(4);
    CHECK(!opened_last);
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
    CHECK(!sigismember(&mask, SIGPIPE));
    CHECK(sigpending(&mask) == 0 && !sigismember(&mask, SIGPIPE));
    close(file);
    finish();
}

static void who_keeps_sigpipe_blocked_finds_it_blocked(void)
{
    sigset_t mask;
    int file, client;

    start();
    sigemptyset(&mask);
    sigaddset(&mask, SIGPIPE);
    CHECK(pthread_sigmask(SIG_BLOCK, &mask, NULL) == 0);
    file = make_file(LARGE_BYTES);
    client = connect_client();
    append_file(file, 0, LARGE_BYTES);
    turns(2);
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
    CHECK(sigismember(&mask, SIGPIPE));
    close(client);
    close(file);
    finish();
}

/* A file system may know no sendfile; a socket that is said to append has none either.
 */
static void without_sendfile_a_file_is_read_and_sent(void)
{
    static struct answers answers;
    int file, client;

    start();
    file = make_file(LARGE_BYTES);
    client = connect_client();
    CHECK(fcntl(opened_last->fd, F_SETFL, O_NONBLOCK | O_APPEND) == 0);
    append_text("head ");
    append_file(file, 5, LARGE_BYTES - 5);
    append_text(" next");
    listen_to(client, &answers);
    expect_text(&answers, "head ");
    expect(&answers, content + 5, LARGE_BYTES - 5);
    expect_text(&answers, " next");
    append_file(file, 0, LARGE_BYTES);
    turns(2);
    CHECK(ftruncate(file, 2000000) == 0);
    listen_to(client, &answers);
    CHECK(answers.ended && answers.length == 2000000 && file_failed);
    close(client);
    close(file);
    finish();
}

/* As long ago that whatever is written now has another time. */
static void age(int file)
{
    CHECK(futimens(file, (struct timespec[2]){{1000, 0}, {1000, 0}}) == 0);
}

static void overwrite(int file)
{
    static char other[LARGE_BYTES];
    struct stat facts;

    memset(other, 'x', sizeof other);
    CHECK(fstat(file, &facts) == 0);
    CHECK(pwrite(file, other, (size_t)facts.st_size, 0) == facts.st_size);
}

static void what_was_copied_stays_what_it_was(void)
{
    static struct answers answers;
    int file, client;

    start();
    loop.settings.sendfile = false;
    file = make_file(LARGE_BYTES);
    client = connect_client();
    append_file(file, 0, SEVERAL_BYTES);
    turns(1);
    overwrite(file);
    CHECK(ftruncate(file, 1000) == 0); /* within a page */
    listen_to(client, &answers);
    expect(&answers, content, SEVERAL_BYTES);
    CHECK(answers.length == 0 && !answers.ended);
    close(client);
    close(file);
    finish();
}

static void copies_of_two_states_are_not_sent_as_one(void)
{
    static struct answers answers;
    int file, client;
    uint64_t sent;

    start();
    loop.settings.sendfile = false;
    file = make_file(LARGE_BYTES);
    age(file);
    client = connect_client();
    append_file(file, 0, LARGE_BYTES);
    turns(4);
    sent = counter_read(&loop.counters.bytes_sent);
    CHECK(sent > 0 && sent < LARGE_BYTES);
    overwrite(file);
    listen_to(client, &answers);
    CHECK(answers.ended && answers.length < LARGE_BYTES && file_failed);
    expect(&answers, content, sent);
    close(client);
    close(file);
    finish();
}

static void without_sendfile_a_reader_that_stops_holds_a_descriptor(void)
{
    static struct answers answers;
    int file, client;
    uint64_t allocations;

    start();
    loop.settings.sendfile = false;
    file = make_file(LARGE_BYTES);
    client = connect_client();
    append_text("head ");
    append_file(file, 1, LARGE_BYTES - 1);
    append_text(" next");
    turns(20);
    allocations = counter_read(&loop.counters.allocations);
    CHECK(opened_last->paused && opened_last->output.bytes > 0);
    listen_to(client, &answers);
    expect_text(&answers, "head ");
    expect(&answers, content + 1, LARGE_BYTES - 1);
    expect_text(&answers, " next");
    CHECK(counter_read(&loop.counters.allocations) == allocations);
    close(client);
    close(file);
    finish();
}

static void *read_all(void *context)
{
    static char bytes[256 * 1024];
    int client = *(int *)context;
    size_t length = 0;
    ssize_t n;

    while (length < LARGE_BYTES && (n = recv(client, bytes, sizeof bytes, 0)) > 0)
        length += (size_t)n;
    return length == LARGE_BYTES ? context : NULL;
}

static void read_fast(bool with_sendfile)
{
    int file, client;
    pthread_t reader;
    void *all;

    start();
    loop.settings.sendfile = with_sendfile;
    file = make_file(LARGE_BYTES);
    client = connect_client();
    CHECK(fcntl(client, F_SETFL, 0) == 0); /* waits for bytes, in its thread */
    CHECK(pthread_create(&reader, NULL, read_all, &client) == 0);
    append_file(file, 0, LARGE_BYTES);
    for (bool waits = false; drained_count == 0; waits = true) {
        uint64_t before = counter_read(&loop.counters.bytes_sent);

        CHECK(opened_last && !file_failed);
        loop_turn(&loop, waits);
        CHECK(counter_read(&loop.counters.bytes_sent) - before <= FLUSH_BYTES_MAX);
    }
    CHECK(pthread_join(reader, &all) == 0 && all);
    close(client);
    close(file);
    finish();
}

static void however_fast_a_client_reads_others_have_their_turns(void)
{
    read_fast(true);
}

static void and_have_them_when_files_are_copied(void)
{
    read_fast(false);
}

struct test_case {
    const char *name;
    void (*run)(void);
};

#define CASE(name) {#name, name}

static const struct test_case CASES[] = {
    CASE(a_file_stands_between_what_was_said_before_and_after_it),
    CASE(a_small_file_leaves_in_one_turn_and_at_once),
    CASE(parts_of_one_file_leave_in_their_order),
    CASE(a_reader_that_stops_holds_a_descriptor_and_no_memory),
    CASE(a_reader_that_never_goes_on_is_cut),
    CASE(a_file_that_becomes_shorter_is_cut_and_never_padded),
    CASE(a_client_that_goes_away_leaves_no_descriptor),
    CASE(a_client_that_is_gone_ends_its_connection_and_nothing_else),
    CASE(who_keeps_sigpipe_blocked_finds_it_blocked),
    CASE(without_sendfile_a_file_is_read_and_sent),
    CASE(what_was_copied_stays_what_it_was),
    CASE(copies_of_two_states_are_not_sent_as_one),
    CASE(without_sendfile_a_reader_that_stops_holds_a_descriptor),
    CASE(however_fast_a_client_reads_others_have_their_turns),
    CASE(and_have_them_when_files_are_copied),
};

int main(int count, char **arguments)
{
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        if (count == 1)
            puts(CASES[i].name);
        else if (strcmp(arguments[1], CASES[i].name) == 0)
            CASES[i].run();
    }
    return 0;
}
