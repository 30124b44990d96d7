/* starts.c - listening and starting, where the system refuses or others interfere.
 *
 * The program runs the case that it is told; without one it lists them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/un.h>

#include "kit.h"

static struct pyrs_server *make_server(uint32_t thread_count)
{
    struct pyrs_settings settings;
    struct pyrs_server *server;

    pyrs_settings_init(&settings);
    settings.thread_count = thread_count;
    settings.connections_max = 1; /* asks the system for no more descriptors */
    server = pyrs_server_new(&settings, NULL);
    CHECK(server);
    return server;
}

static int descriptor_count(void)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static int inherited_count(void)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) == 0;
    return count;
}

/* A path in a folder of its own, as "unix:PATH". */
static const char *new_unix_address(void)
{
    static char address[64] = "unix:/tmp/pyrs-starts-XXXXXX";

    CHECK(mkdtemp(address + strlen("unix:")));
    return strcat(address, "/socket");
}

static void remove_folder(char *path)
{
    *strrchr(path, '/') = '\0';
    CHECK(rmdir(path) == 0); /* nothing is left in it */
}

static bool somebody_listens(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    bool answered;

    CHECK(fd >= 0 && strlen(path) < sizeof name.sun_path);
    memcpy(name.sun_path, path, strlen(path) + 1);
    answered = connect(fd, (struct sockaddr *)&name, sizeof name) == 0;
    close(fd);
    return answered;
}

/* ---- the cases ---- */

static void descriptors_that_run_out_are_named(void)
{
    struct pyrs_server *server = make_server(8);
    struct pyrs_error error = {0};
    struct rlimit files, few;
    int before;

    CHECK(pyrs_server_listen(server, "127.0.0.1", 0, &error));
    before = descriptor_count();
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    few = files;
    few.rlim_cur = (rlim_t)before + 6;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK(!pyrs_server_run(server, PYRS_SIGNALS_NONE, &error));
    CHECK(error.code == EMFILE && strstr(error.message, "too many open files"));
    CHECK(descriptor_count() <= before + 1); /* libuv's uv_loop_init keeps one */
    CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
    pyrs_server_free(server);
}

/* Half of them go to connections when there are so few. */
static void few_descriptors_do_not_raise_the_limit_of_connections(void)
{
    struct rlimit few = {.rlim_cur = 100, .rlim_max = 100};
    struct pyrs_settings settings;
    struct pyrs_server *server;

    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    pyrs_settings_init(&settings);
    settings.connections_max = 40;
    server = pyrs_server_new(&settings, NULL);
    CHECK(server);
    pyrs_server_free(server); /* and says nothing */
}

static void a_server_runs_only_once(void)
{
    struct pyrs_server *server = make_server(1);
    struct pyrs_error error = {0};

    CHECK(pyrs_server_listen(server, "127.0.0.1", 0, NULL));
    pyrs_server_stop(server);
    CHECK(pyrs_server_run(server, PYRS_SIGNALS_NONE, &error));
    CHECK(!pyrs_server_run(server, PYRS_SIGNALS_NONE, &error));
    CHECK(strstr(error.message, "only once"));
    pyrs_server_free(server);
}

static void the_socket_file_goes_with_the_server(void)
{
    struct pyrs_server *server = make_server(2);
    char *path = strdup(new_unix_address() + strlen("unix:"));
    char address[80];

    snprintf(address, sizeof address, "unix:%s", path);
    CHECK(pyrs_server_listen(server, address, 0, NULL));
    CHECK(somebody_listens(path));
    pyrs_server_free(server);
    remove_folder(path);
    free(path);
}

static void the_socket_file_of_the_next_server_stays(void)
{
    struct pyrs_server *first = make_server(1), *second = make_server(1);
    char *path = strdup(new_unix_address() + strlen("unix:"));
    char address[80];

    snprintf(address, sizeof address, "unix:%s", path);
    CHECK(pyrs_server_listen(first, address, 0, NULL));
    pyrs_server_stop(first);
    CHECK(pyrs_server_run(first, PYRS_SIGNALS_NONE,
                          NULL)); /* listens no more; the file is there */
    CHECK(pyrs_server_listen(second, address, 0, NULL));
    pyrs_server_free(first);
    CHECK(somebody_listens(path));
    pyrs_server_free(second);
    remove_folder(path);
    free(path);
}

static void the_socket_file_of_a_running_server_is_not_taken(void)
{
    struct pyrs_server *first = make_server(1), *second = make_server(1);
    struct pyrs_error error = {0};
    char *path = strdup(new_unix_address() + strlen("unix:"));
    char address[80];

    snprintf(address, sizeof address, "unix:%s", path);
    CHECK(pyrs_server_listen(first, address, 0, NULL));
    CHECK(!pyrs_server_listen(second, address, 0, &error));
    CHECK(error.code == EADDRINUSE);
    pyrs_server_free(second);
    CHECK(somebody_listens(path));
    pyrs_server_free(first);
    remove_folder(path);
    free(path);
}

static void a_unix_address_without_a_path_is_refused(void)
{
    struct pyrs_server *server = make_server(1);
    struct pyrs_error error = {0};

    CHECK(!pyrs_server_listen(server, "unix:", 0, &error));
    CHECK(error.code == EINVAL);
    pyrs_server_free(server);
}

static void no_socket_is_left_to_child_processes(void)
{
    struct pyrs_server *server = make_server(3);
    int before = descriptor_count(), inherited = inherited_count();
    char *path = strdup(new_unix_address() + strlen("unix:"));
    char address[80];

    snprintf(address, sizeof address, "unix:%s", path);
    CHECK(pyrs_server_listen(server, address, 0, NULL));
    CHECK(pyrs_server_listen(server, "127.0.0.1", 0, NULL));
    CHECK(descriptor_count() == before + 6);
    CHECK(inherited_count() == inherited);
    pyrs_server_free(server);
    remove_folder(path);
    free(path);
}

/* As a supervisor and two workers, in one process. */
static void lent_sockets_outlive_the_servers_that_have_them(void)
{
    struct pyrs_server *first = make_server(1), *second = make_server(1);
    char *path = strdup(new_unix_address() + strlen("unix:"));
    int before = descriptor_count();
    uint16_t port = 0;
    char address[80];
    int sockets[2], lent;

    snprintf(address, sizeof address, "unix:%s", path);
    CHECK(pyrs_bind(address, &port, 8, sockets, 2, NULL));
    lent = fcntl(sockets[0], F_DUPFD_CLOEXEC, 0);
    CHECK(pyrs_server_listen_on(first, address, port, &lent, NULL));
    pyrs_server_stop(first);
    CHECK(pyrs_server_run(first, PYRS_SIGNALS_NONE, NULL));
    pyrs_server_free(first);
    CHECK(descriptor_count() <= before + 3); /* libuv's uv_loop_init keeps one */
    CHECK(somebody_listens(path));
    lent = fcntl(sockets[1], F_DUPFD_CLOEXEC, 0);
    CHECK(pyrs_server_listen_on(second, address, port, &lent, NULL));
    pyrs_server_free(second); /* never ran */
    CHECK(somebody_listens(path));
    pyrs_unbind(address, sockets, 2);
    CHECK(descriptor_count() <= before + 1);
    remove_folder(path);
    free(path);
}

static void lent_sockets_are_closed_if_they_are_refused(void)
{
    struct pyrs_server *server = make_server(2);
    int before = descriptor_count();
    struct pyrs_error error = {0};
    char address[300];
    uint16_t port = 0;
    int sockets[2];

    CHECK(pyrs_bind("127.0.0.1", &port, 8, sockets, 2, NULL));
    CHECK(port != 0);
    CHECK(descriptor_count() == before + 2);
    memset(address, 'a', sizeof address - 1);
    address[sizeof address - 1] = '\0';
    CHECK(!pyrs_server_listen_on(server, address, port, sockets, &error));
    CHECK(strstr(error.message, "too long"));
    CHECK(descriptor_count() == before);
    CHECK(!pyrs_bind(address, &port, 8, sockets, 2, &error));
    pyrs_server_free(server);
}

static void every_record_is_a_line(void)
{
    char folder[] = "/tmp/pyrs-starts-XXXXXX", path[80], text[400] = "";
    struct pyrs_settings settings;
    struct pyrs_server *server;
    FILE *file;

    CHECK(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/log", folder);
    pyrs_settings_init(&settings);
    settings.connections_max = 1;
    settings.log_path = path;
    server = pyrs_server_new(&settings, NULL);
    CHECK(server);
    pyrs_server_log(server, PYRS_LOG_ERROR, PYRS_TEXT(""));
    pyrs_server_log(server, PYRS_LOG_ERROR, PYRS_TEXT("\n"));
    pyrs_server_log(server, PYRS_LOG_ERROR, PYRS_TEXT("one\n2026\x1b\n"));
    pyrs_server_free(server);
    file = fopen(path, "r");
    CHECK(file && fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    CHECK(strlen(text) == 3 * (20 + strlen("ERROR \n")) + strlen("one\n    2026\\x1b"));
    CHECK(strstr(text, "ERROR \n") && strstr(text, "one\n    2026\\x1b\n"));
    CHECK(unlink(path) == 0 && rmdir(folder) == 0);
}

static void a_log_that_cannot_be_opened_is_named(void)
{
    struct pyrs_settings settings;
    struct pyrs_error error = {0};

    pyrs_settings_init(&settings);
    settings.log_path = "/nowhere/log";
    CHECK(!pyrs_server_new(&settings, &error));
    CHECK(error.code == ENOENT && strstr(error.message, "/nowhere/log"));
}

/* A full pipe that does not block, as a terminal does that another program uses so. */
static void nothing_is_dropped_while_the_log_is_full(void)
{
    char line[1000], bytes[4096];
    struct pyrs_server *server;
    size_t length = 0;
    int ends[2];
    ssize_t n;

    CHECK(pipe2(ends, O_NONBLOCK) == 0);
    CHECK(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    server = make_server(1);
    memset(line, 'x', sizeof line);
    for (int i = 0; i < 200; i++)
        pyrs_server_log(server, PYRS_LOG_ERROR, (struct pyrs_slice){line, sizeof line});
    for (int i = 0; i < 20000 && length < 200 * (20 + 6 + 1001); i++) {
        while ((n = read(ends[0], bytes, sizeof bytes)) > 0)
            length += (size_t)n;
        usleep(1000);
    }
    pyrs_server_free(server);
    dup2(STDOUT_FILENO, STDERR_FILENO);
    CHECK(length == 200 * (20 + 6 + 1001));
}

static const struct test_case CASES[] = {
    CASE(descriptors_that_run_out_are_named),
    CASE(few_descriptors_do_not_raise_the_limit_of_connections),
    CASE(a_server_runs_only_once),
    CASE(the_socket_file_goes_with_the_server),
    CASE(the_socket_file_of_the_next_server_stays),
    CASE(the_socket_file_of_a_running_server_is_not_taken),
    CASE(a_unix_address_without_a_path_is_refused),
    CASE(no_socket_is_left_to_child_processes),
    CASE(lent_sockets_outlive_the_servers_that_have_them),
    CASE(lent_sockets_are_closed_if_they_are_refused),
    CASE(every_record_is_a_line),
    CASE(a_log_that_cannot_be_opened_is_named),
    CASE(nothing_is_dropped_while_the_log_is_full),
};

int main(int count, char **arguments)
{
    (void)count;
    return RUN_CASES(CASES, arguments);
}
