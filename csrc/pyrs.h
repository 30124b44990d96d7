/* pyrs.h - the public C API of pyrs.
 *
 * Two readers: pyrs._core, whose cffi declarations are the part between the two `cffi`
 * marks, and the author of a native endpoint, a C function named in project.pyrs:
 *
 *     #include <pyrs.h>
 *
 *     void hello(struct pyrs_exchange *exchange)
 *     {
 *         pyrs_exchange_respond(exchange, &(struct pyrs_response){
 *             .status = 200,
 *             .content_type = PYRS_TEXT("text/plain"),
 *             .body = PYRS_TEXT("Hello, World!"),
 *         });
 *     }
 *
 * Functions may be called from any thread where their comment says so, else from the
 * thread that made the server, before pyrs_server_run. What fails answers false or NULL
 * and fills the error, when one is given.
 */
#ifndef PYRS_H
#define PYRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PYRS_TEXT(literal) ((struct pyrs_slice){(literal), sizeof(literal) - 1})

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* cffi: begin */

struct pyrs_server;
struct pyrs_endpoint;
struct pyrs_exchange;

/* Bytes that somebody else owns; not terminated. */
struct pyrs_slice {
    const char *bytes;
    size_t length;
};

/* What went wrong at the start, for a person: "address already in use". */
struct pyrs_error {
    int code;          /* errno of the system's refusal, 0 for any other fault */
    char message[512]; /* UTF-8, terminated */
};

/* ---- settings ---- */

enum pyrs_log_level {
    PYRS_LOG_DEBUG = 10, /* the numbers of Python's logging */
    PYRS_LOG_INFO = 20,
    PYRS_LOG_WARNING = 30,
    PYRS_LOG_ERROR = 40,
};

/* Every field has a default: pyrs_settings_init. Times in milliseconds, 0: never; sizes
 * in bytes. */
struct pyrs_settings {
    uint32_t thread_count;   /* event-loop threads, 1-1024 */
    uint32_t listen_backlog; /* connections the kernel queues for accept */
    bool tcp_nodelay;
    const char *server_name; /* of the Server header; "" sends none. Copied */

    uint32_t request_line_bytes_max; /* past it: 414 */
    uint32_t head_bytes_max;         /* past it: 431 */
    uint32_t headers_max;            /* past it: 431 */
    uint64_t body_bytes_max;         /* past it: 413; 0: no limit */
    uint64_t body_memory_bytes_max;  /* a larger body waits in a temporary file */
    uint32_t connections_max;        /* past it accepting pauses */

    uint32_t head_timeout_ms; /* a whole head, from its first byte; then 408 */
    uint32_t
        body_timeout_ms; /* between two reads of a body, and the window of the rate */
    uint32_t body_rate_min;   /* bytes a second a body must bring, over each window */
    uint32_t idle_timeout_ms; /* a keep-alive connection without a request */
    uint32_t send_timeout_ms; /* an answer of which the client takes nothing */
    uint32_t stop_timeout_ms; /* running requests, once a stop was asked for */

    const char *log_path; /* NULL: standard error. Copied */
    int log_level;        /* enum pyrs_log_level */
    bool access_log;      /* one line per request, to the log */
};

void pyrs_settings_init(struct pyrs_settings *settings);

const char *pyrs_version(void);

/* ---- server ---- */

/* Copies the settings. NULL if they contradict each other, the log cannot be opened or
 * memory is out. */
struct pyrs_server *pyrs_server_new(const struct pyrs_settings *settings,
                                    struct pyrs_error *error);

/* Frees its endpoints too. Not while it runs. */
void pyrs_server_free(struct pyrs_server *server);

/* Leads `pattern` ("/users/{id:int}") and `methods` ("GET,POST"; NULL: every method) to
 * the endpoint, which belongs to the server from then on, also when the call fails; it
 * may serve several routes. */
bool pyrs_server_add_route(struct pyrs_server *server, const char *pattern,
                           const char *methods, struct pyrs_endpoint *endpoint,
                           struct pyrs_error *error);

/* Binds and listens: an IPv4 or IPv6 address, a host name, or "unix:PATH" (port
 * ignored). Port 0 takes a free one. May be called several times. Nothing is accepted
 * before pyrs_server_run. */
bool pyrs_server_listen(struct pyrs_server *server, const char *address, uint16_t port,
                        struct pyrs_error *error);

/* The port of the n-th successful pyrs_server_listen; 0 for a unix socket. */
uint16_t pyrs_server_port(const struct pyrs_server *server, uint32_t listener);

/* Serves until it was stopped; true if every running request could finish, false
 * without a message if some were cut off. SIGINT and SIGTERM stop it (a second one at
 * once) and SIGUSR1 reopens the log, if handle_signals. */
bool pyrs_server_run(struct pyrs_server *server, bool handle_signals,
                     struct pyrs_error *error);

/* From any thread, and from a signal handler. The first call stops gracefully: no new
 * connections, running requests finish, stop_timeout_ms at most. The second stops at
 * once. */
void pyrs_server_stop(struct pyrs_server *server);

/* From any thread. Writes a record to the process log; control characters are escaped.
 */
void pyrs_server_log(struct pyrs_server *server, int level, struct pyrs_slice message);

/* ---- counters ---- */

struct pyrs_counters {
    uint64_t connections_accepted;
    uint64_t connections_open; /* now */
    uint64_t accept_pauses;    /* connections_max reached, or descriptors exhausted */
    uint64_t requests;         /* whole heads that were accepted */
    uint64_t exchanges_open;   /* now: requests begun and not answered yet */
    uint64_t responses[6]; /* by status class, from 1xx at index 1; index 0 counts those
                              cut off */
    uint64_t rejections;   /* sum of pyrs_server_rejections */
    uint64_t timeouts;     /* connections cut by any of the timeouts */
    uint64_t bytes_received;
    uint64_t bytes_sent;
    uint64_t handler_runs;    /* requests given to Python or native endpoints */
    uint64_t handler_time_ns; /* spent in Python endpoints, waiting for the interpreter
                                 not counted */
    uint64_t turns;           /* passes of the loops */
    uint64_t allocations;     /* heap allocations of the core; a warm keep-alive request
                                 makes none */
};

/* From any thread while the server exists; the sum over its loops, each counter at a
 * recent value. */
void pyrs_server_counters(const struct pyrs_server *server,
                          struct pyrs_counters *counters);

/* How many kinds of rejection there are, the text of each ("folded header"), and how
 * often it happened. */
uint32_t pyrs_rejection_count(void);
const char *pyrs_rejection_text(uint32_t kind);
uint64_t pyrs_server_rejections(const struct pyrs_server *server, uint32_t kind);

/* ---- endpoints ---- */

/* A C function that answers an exchange. Called on several threads at once, must not
 * block, must have called pyrs_exchange_respond when it returns (else the client gets a
 * 500). */
typedef void pyrs_native_function(struct pyrs_exchange *exchange);

struct pyrs_endpoint *pyrs_endpoint_native(pyrs_native_function *function);

/* Loads a shared library and finds the function in it. */
struct pyrs_endpoint *pyrs_endpoint_native_load(const char *library, const char *symbol,
                                                struct pyrs_error *error);

/* cffi: end */

/* ---- exchange: for endpoints, until the exchange is answered ---- */

struct pyrs_response {
    uint32_t status;                /* 200-599 */
    struct pyrs_slice content_type; /* empty: no Content-Type */
    struct pyrs_slice fields;       /* further header lines, each checked by
                                       pyrs_field_is_valid and written "Name: value\r\n" */
    struct pyrs_slice body;
    void (*release)(void *owner); /* NULL: the body is copied before the call returns.
                                     Otherwise it may be borrowed until release(owner),
                                     which runs where the endpoint ran */
    void *owner;
};

/* Answers the exchange, once. Server, Date, Content-Length and Connection are added;
 * the body of an answer to HEAD, and of 204 and 304, is left out. */
void pyrs_exchange_respond(struct pyrs_exchange *exchange,
                           const struct pyrs_response *response);

struct pyrs_slice pyrs_exchange_method(const struct pyrs_exchange *exchange);
struct pyrs_slice pyrs_exchange_raw_target(const struct pyrs_exchange *exchange);
struct pyrs_slice pyrs_exchange_raw_path(const struct pyrs_exchange *exchange);
/* Decoded, dot segments resolved; NUL stands for an encoded slash. */
struct pyrs_slice pyrs_exchange_path(const struct pyrs_exchange *exchange);
struct pyrs_slice pyrs_exchange_query(const struct pyrs_exchange *exchange);
struct pyrs_slice pyrs_exchange_body(const struct pyrs_exchange *exchange);
/* Of HTTP/1.x: 0 or 1. */
uint32_t pyrs_exchange_version_minor(const struct pyrs_exchange *exchange);

uint32_t pyrs_exchange_header_count(const struct pyrs_exchange *exchange);
void pyrs_exchange_header_at(const struct pyrs_exchange *exchange, uint32_t index,
                             struct pyrs_slice *name, struct pyrs_slice *value);
/* The first of that name, in any case; NULL bytes if there is none. */
struct pyrs_slice pyrs_exchange_header(const struct pyrs_exchange *exchange,
                                       struct pyrs_slice name);

/* Path parameters of the route, in the order of its pattern; NUL stands for an encoded
 * slash. */
enum pyrs_param_kind {
    PYRS_PARAM_STR,  /* {name} */
    PYRS_PARAM_INT,  /* {name:int} */
    PYRS_PARAM_PATH, /* {name:path}: the rest, without its leading slash */
};
uint32_t pyrs_exchange_param_count(const struct pyrs_exchange *exchange);
enum pyrs_param_kind pyrs_exchange_param_at(const struct pyrs_exchange *exchange,
                                            uint32_t index, struct pyrs_slice *name,
                                            struct pyrs_slice *value);

/* Numeric address and port of either end; a unix socket gives its path (empty for the
 * client) and port 0. */
enum { PYRS_ADDRESS_BYTES = 128 };
uint16_t pyrs_exchange_client(const struct pyrs_exchange *exchange,
                              char address[PYRS_ADDRESS_BYTES]);
uint16_t pyrs_exchange_server(const struct pyrs_exchange *exchange,
                              char address[PYRS_ADDRESS_BYTES]);

/* A record in the process log, with the request line behind it. */
void pyrs_exchange_log(struct pyrs_exchange *exchange, int level,
                       struct pyrs_slice message);

/* True if a response may carry this header: RFC 9110, 5.1 and 5.5, and none that pyrs
 * itself writes (Content-Length, Transfer-Encoding, Connection, Date, Server,
 * Keep-Alive, Upgrade). */
bool pyrs_field_is_valid(struct pyrs_slice name, struct pyrs_slice value);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
