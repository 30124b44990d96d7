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
struct pyrs_origin_reader; /* made by pyrs._bridge */

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
    bool sendfile;           /* else bytes of files are copied */
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
    uint32_t
        handler_timeout_ms; /* from the request to the head of its answer; then 504 */

    uint32_t handoff_after_us; /* a handler that runs longer loses its loop to another
                                  thread; 0: never */
    uint32_t handler_threads;  /* most handlers that run beside the loops, 1-1024 */

    const char *log_path; /* NULL: standard error. Copied */
    int log_level;        /* enum pyrs_log_level */
    bool log_short;       /* records begin "INFO: " instead of with the time */
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

/* Where a route's endpoint is run. */
enum pyrs_run {
    PYRS_RUN_AUTO,   /* on the loop, until it is seen to block; then on other threads */
    PYRS_RUN_LOOP,   /* always begins on the loop, which is handed on if it blocks; but
                        not while its body arrives, which it may have to wait for */
    PYRS_RUN_THREAD, /* always on another thread */
};

struct pyrs_route_options {
    int run;          /* enum pyrs_run */
    bool stream_body; /* the endpoint is called when the head has come, and reads the
                         body as it arrives (pyrs_exchange_read) */
    bool own_options; /* without a list of methods, it answers OPTIONS too, which is the
                         server's otherwise */
    uint64_t stream_bytes_min; /* a body that is shorter, or does not tell its length,
                                  is collected all the same; 0: none is */
};

/* Leads `pattern` ("/users/{id:int}") and `methods` ("GET,POST"; NULL: every method) to
 * the endpoint, which belongs to the server from then on, also when the call fails; it
 * may serve several routes. Options: NULL for all zero. */
bool pyrs_server_add_route(struct pyrs_server *server, const char *pattern,
                           const char *methods, struct pyrs_endpoint *endpoint,
                           const struct pyrs_route_options *options,
                           struct pyrs_error *error);

/* Lets an endpoint answer where the server itself would with this status: 404 or 405.
 * The endpoint is the server's, as in pyrs_server_add_route. */
bool pyrs_server_set_error_endpoint(struct pyrs_server *server, uint32_t status,
                                    struct pyrs_endpoint *endpoint,
                                    struct pyrs_error *error);

/* Lets an endpoint answer where static files and programs would with a plain page of
 * this status, 400 to 599. It is asked the same request, without its body; the endpoint
 * is the server's, as in pyrs_server_add_route. */
bool pyrs_server_set_error_page(struct pyrs_server *server, uint32_t status,
                                struct pyrs_endpoint *endpoint,
                                struct pyrs_error *error);

/* Binds and listens: an IPv4 or IPv6 address, a host name, or "unix:PATH" (port
 * ignored). Port 0 takes a free one. May be called several times. Nothing is accepted
 * before pyrs_server_run. */
bool pyrs_server_listen(struct pyrs_server *server, const char *address, uint16_t port,
                        struct pyrs_error *error);

/* Instead of pyrs_server_listen, for one process of several: `sockets` are as many as
 * there are threads, of those that pyrs_bind has made for this address. The server owns
 * them from then on, also when the call fails. */
bool pyrs_server_listen_on(struct pyrs_server *server, const char *address,
                           uint16_t port, const int *sockets, struct pyrs_error *error);

/* The port of the n-th successful pyrs_server_listen; 0 for a unix socket. */
uint16_t pyrs_server_port(const struct pyrs_server *server, uint32_t listener);

/* Which signals a server obeys while it runs; SIGUSR1 reopens the log. */
enum pyrs_signals {
    PYRS_SIGNALS_NONE,          /* they are the caller's */
    PYRS_SIGNALS_OF_PERSON,     /* SIGINT and SIGTERM stop it, a second one at once */
    PYRS_SIGNALS_OF_SUPERVISOR, /* SIGTERM stops it, however often it comes: others may
                                   send it as well; SIGINT at once */
};

/* Serves until it was stopped; true if every running request could finish, false
 * without a message if some were cut off. `signals`: enum pyrs_signals. */
bool pyrs_server_run(struct pyrs_server *server, int signals, struct pyrs_error *error);

/* Before pyrs_server_run, which writes "." to the descriptor once it accepts, and
 * closes it. */
void pyrs_server_tell_when_running(struct pyrs_server *server, int descriptor);

/* From any thread, and from a signal handler. The first call stops gracefully: no new
 * connections, running requests finish, stop_timeout_ms at most. The second stops at
 * once. */
void pyrs_server_stop(struct pyrs_server *server);

/* From any thread. Writes a record to the process log; control characters are escaped.
 */
void pyrs_server_log(struct pyrs_server *server, int level, struct pyrs_slice message);

/* ---- sockets for the servers of several processes ---- */

/* Binds `count` sockets to one address and listens, as pyrs_server_listen does; `*port`
 * gets the real one. Whoever has bound them keeps them as well: a connection that waits
 * in a socket when its process ends then waits for the next one that has it. */
bool pyrs_bind(const char *address, uint16_t *port, uint32_t backlog, int *sockets,
               uint32_t count, struct pyrs_error *error);

/* Closes them, and removes the file of a unix socket. */
void pyrs_unbind(const char *address, const int *sockets, uint32_t count);

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
    uint64_t hand_overs;      /* a loop went to another thread while a handler ran, or
                                 waited for the interpreter */
    uint64_t marks;           /* routes (or paths of one) now known to block */
    uint64_t threads;         /* now: loops, handlers beside them and standbys */
    uint64_t threads_busy;    /* now: inside handlers beside the loops */
    uint64_t thread_waits;    /* requests that had to wait for one of handler_threads */
    uint64_t programs;        /* CGI programs started */
    uint64_t programs_running; /* now */
    uint64_t programs_waiting; /* now: requests that wait for one of them to end */
    uint64_t programs_killed;  /* their time was up, their client gone, their output
                                  malformed */
    uint64_t late_responses;   /* dropped: their time was up, or the client gone */
    uint64_t turns;            /* passes of the loops */
    uint64_t allocations; /* heap allocations of the core; a warm keep-alive request
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

/* A C function that answers an exchange. Called on several threads at once. What blocks
 * is treated as a Python handler that blocks. When it returns it must have answered or
 * deferred the exchange; else the client gets a 500. */
typedef void pyrs_native_function(struct pyrs_exchange *exchange);

struct pyrs_endpoint *pyrs_endpoint_native(pyrs_native_function *function);

/* Loads a shared library and finds the function in it. */
struct pyrs_endpoint *pyrs_endpoint_native_load(const char *library, const char *symbol,
                                                struct pyrs_error *error);

/* What files with an extension are: {"html", "text/html"}. */
struct pyrs_media_type {
    const char *extension; /* without the dot, in lower case */
    const char *type;      /* as Content-Type says it */
};

/* All zero: no index, no listing, links stay inside, every file an octet stream. */
struct pyrs_static_options {
    const char *index;    /* name of the file that answers for its folder; NULL: none */
    bool listing;         /* a folder without an index is answered with what is in it */
    bool follow_symlinks; /* links may lead out of the folder */
    bool precompressed;   /* siblings (.br, .zst, .gz) go to whom takes them */
    const char *cache_control; /* Cache-Control of every file; NULL: none */
    const struct pyrs_media_type *media_types;
    size_t media_type_count;
    bool walk; /* for tests: paths are walked name by name, as on systems without
                  openat2 */
};

/* Answers with the files of a folder, to GET and HEAD, which its route should name. The
 * route takes a rest ("/files/" and "*"), which is the path below the folder. Copies
 * the options. */
struct pyrs_endpoint *pyrs_endpoint_static(const char *folder,
                                           const struct pyrs_static_options *options,
                                           struct pyrs_error *error);

/* CGI programs: every executable below a folder (RFC 3875). Every field has a default,
 * the folder excepted: pyrs_cgi_settings_init. Sizes in bytes; 0: no limit. */
struct pyrs_cgi_settings {
    const char *folder;
    const char *const *environment; /* "NAME=value", or "NAME": as this process has it;
                                       beside what RFC 3875 names, and PATH */
    size_t environment_count;
    uint32_t timeout_ms;        /* of a program, and of waiting for its turn; 0: none */
    uint32_t processes_max;     /* at once, at least 1 */
    uint32_t waiting_max;       /* requests that wait for their turn; past it: 503 */
    uint32_t head_bytes_max;    /* of what a program says before its document */
    uint64_t memory_bytes_max;  /* address space of a process */
    uint32_t cpu_seconds_max;   /* processor time of a process */
    bool follow_symlinks;       /* links may lead out of the folder */
    bool pass_authorization;    /* programs see the Authorization header */
    const char *template_file;  /* pyrs/cgi_template/cgi_template.py: Python scripts are
                                   forks of a process that has their interpreter loaded;
                                   NULL: fresh processes, as all others */
    const char *const *preload; /* names of modules that it imports besides */
    size_t preload_count;
    struct pyrs_origin_reader
        *origin_reader; /* tells the client behind trusted proxies;
                           NULL: it is who is connected */
};

void pyrs_cgi_settings_init(struct pyrs_cgi_settings *settings);

/* Copies the settings; their origin reader is the endpoint's from then on, also when
 * the call fails. Its routes take the rest of the path ("/cgi-bin/" and "*"), stream
 * bodies and collect chunked ones. NULL if the folder cannot be opened or memory is
 * out. */
struct pyrs_endpoint *pyrs_endpoint_cgi(const struct pyrs_cgi_settings *settings,
                                        struct pyrs_error *error);

/* cffi: end */

/* ---- exchange: for endpoints, until the exchange has ended ----
 *
 * An endpoint is called in steps. A step may answer (pyrs_exchange_respond), begin a
 * body that is sent in pieces, or defer the exchange to whoever calls these functions
 * later, from any thread, one at a time. Answered and ended, it is still there until
 * the step returns; a deferred one is gone at once. */

/* A file as the body of an answer. To GET and HEAD with status 200 the conditions and
 * ranges of the request are obeyed (RFC 9110, 13 and 14), so that the client may get a
 * 206, 304, 412 or 416 instead, and ETag, Last-Modified and Accept-Ranges are added;
 * those that `fields` brings are sent as they are and compared with, and
 * "Accept-Ranges: none" there means that ranges are ignored. Any other answer has the
 * file whole. */
struct pyrs_file {
    int descriptor;         /* open for reading, a regular file; the core closes it */
    struct pyrs_slice etag; /* as in the header, with its quotes; empty (or not valid):
                               made from size, times and inode */
    bool is_plain; /* a part of it is the body, and nothing else: no condition or range
                      is looked at */
    uint64_t offset, length; /* which part, if is_plain */
};

struct pyrs_response {
    uint32_t status;                /* 200-599 */
    struct pyrs_slice reason;       /* behind the status; empty: the registered one */
    struct pyrs_slice content_type; /* empty: no Content-Type */
    struct pyrs_slice fields;       /* further header lines, each checked by
                                       pyrs_field_is_valid and written "Name: value\r\n" */
    bool has_server, has_date;      /* among the fields: pyrs adds none of its own */
    struct pyrs_slice body;
    void (*release)(void *owner); /* NULL: the body is copied before the call returns.
                                     Otherwise it may be borrowed until release(owner),
                                     which runs where the endpoint ran */
    void *owner;
    const struct pyrs_file *file; /* NULL; or the body, instead of `body`: read by
                                     pyrs_exchange_respond only, until it returns */
};

/* Answers the exchange, once. Server, Date, Content-Length and Connection are added;
 * the body of an answer to HEAD, and of 204 and 304, is left out. */
void pyrs_exchange_respond(struct pyrs_exchange *exchange,
                           const struct pyrs_response *response);

/* Within a step: the exchange is answered later. False if memory is out: then it has to
 * be answered now. */
bool pyrs_exchange_defer(struct pyrs_exchange *exchange);

/* What a body that is sent in pieces may do next. */
enum pyrs_flow {
    PYRS_FLOW_GO_ON, /* send more */
    PYRS_FLOW_PAUSE, /* taken, but much waits for the client: return from the step, and
                        go on when the next one comes (deferred: when told that it was
                        sent) */
    PYRS_FLOW_GONE,  /* nobody wants it: the client has left, or asked for no body
                        (HEAD); end the exchange */
};

/* Begins an answer whose body follows; body and file of the response are not looked at.
 * The body has `body_bytes`, or, with -1, as many as it turns out to have: chunked, or
 * until the connection closes under HTTP/1.0. */
enum pyrs_flow pyrs_exchange_begin(struct pyrs_exchange *exchange,
                                   const struct pyrs_response *response,
                                   int64_t body_bytes);

/* A piece of the body; bytes past the announced length are dropped, and logged. */
enum pyrs_flow pyrs_exchange_send(struct pyrs_exchange *exchange,
                                  struct pyrs_slice bytes, void (*release)(void *owner),
                                  void *owner);

/* Asks without sending. */
enum pyrs_flow pyrs_exchange_flow(struct pyrs_exchange *exchange);

/* True if the step runs on its loop, so that other connections wait for its end. */
bool pyrs_exchange_holds_loop(struct pyrs_exchange *exchange);

/* For a step that cannot return when it is told to pause: waits, not attached, until
 * the client has taken enough or has left. False at once if nobody would send
 * meanwhile, since the step keeps its loop (handoff_after 0). */
bool pyrs_exchange_wait(struct pyrs_exchange *exchange);

/* Ends a body. Not complete: the connection is cut, so that the client can tell. Before
 * the body began it is a 500, or nothing if the client has left. */
void pyrs_exchange_end(struct pyrs_exchange *exchange, bool complete);

/* For a thread that answers many deferred exchanges one after the other: what it says
 * of them between these two leaves at the second, and wakes each loop once. */
void pyrs_batch_begin(void);
void pyrs_batch_end(void);

/* Something of the endpoint's own, kept from step to step. */
void *pyrs_exchange_state(const struct pyrs_exchange *exchange);
void pyrs_exchange_set_state(struct pyrs_exchange *exchange, void *state);

enum pyrs_body_outcome {
    PYRS_BODY_END = 0,
    PYRS_BODY_WAIT = -1, /* nothing has come yet */
    PYRS_BODY_GONE = -2, /* it will never be whole: the client left, was too slow or
                            sent what is no body */
};

/* The next bytes of the body, at most `room`; else an outcome. If asked to wait, waits
 * for the first of them: not attached, and not on a deferred exchange. One that does
 * not wait is told when more has come. */
int64_t pyrs_exchange_read(struct pyrs_exchange *exchange, char *bytes, size_t room,
                           bool wait);

/* Copies `length` bytes of a whole body, from `offset` on. One that lies in a temporary
 * file is read from there, which costs less memory than a look at pyrs_exchange_body.
 * False if the file cannot be read. */
bool pyrs_exchange_copy_body(const struct pyrs_exchange *exchange, size_t offset,
                             char *bytes, size_t length);

/* True if the body arrives while the endpoint runs (pyrs_route_options.stream_body);
 * pyrs_exchange_body is empty then. */
bool pyrs_exchange_body_streams(const struct pyrs_exchange *exchange);

/* True also if it might have, and was whole before: this depends on the route and the
 * head alone, not on how fast the client was. */
bool pyrs_exchange_body_may_stream(const struct pyrs_exchange *exchange);

struct pyrs_slice pyrs_exchange_method(const struct pyrs_exchange *exchange);
struct pyrs_slice pyrs_exchange_raw_target(const struct pyrs_exchange *exchange);
struct pyrs_slice pyrs_exchange_raw_path(const struct pyrs_exchange *exchange);
/* Decoded, dot segments resolved; NUL stands for an encoded slash. */
struct pyrs_slice pyrs_exchange_path(const struct pyrs_exchange *exchange);
/* The end of that path, which the last "*" or {name:path} of the route took, without
 * its leading slash; before it stands the path of the route itself. */
struct pyrs_slice pyrs_exchange_rest(const struct pyrs_exchange *exchange);
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

/* Bytes that mean nothing by themselves, but are the same only if both ends are: those
 * of one connection are. For who wants to read the addresses only when they change. */
enum { PYRS_ENDS_BYTES = 64 }; /* at most */
struct pyrs_slice pyrs_exchange_ends(const struct pyrs_exchange *exchange);

/* A record in the process log, with the request line behind it. */
void pyrs_exchange_log(struct pyrs_exchange *exchange, int level,
                       struct pyrs_slice message);

/* Response headers that are not simply passed on. */
enum pyrs_field {
    PYRS_FIELD_OTHER,
    PYRS_FIELD_MALFORMED, /* RFC 9110, 5.1: no name */
    PYRS_FIELD_CONTENT_TYPE,
    PYRS_FIELD_CONTENT_LENGTH,
    PYRS_FIELD_DATE,
    PYRS_FIELD_SERVER,
    PYRS_FIELD_FRAMING,    /* Transfer-Encoding, Connection, Keep-Alive, Upgrade: of the
                              connection, which is pyrs's */
    PYRS_FIELD_HOP_BY_HOP, /* those others that RFC 2616, 13.5.1 does not pass on */
};
enum pyrs_field pyrs_field_of(struct pyrs_slice name);

/* RFC 9110, 5.5: it has no control character but tabs. */
bool pyrs_field_value_is_valid(struct pyrs_slice value);

/* True if a response may carry this header: a well-formed one, and none that pyrs
 * itself writes (Content-Length, Date, Server, those of framing). */
bool pyrs_field_is_valid(struct pyrs_slice name, struct pyrs_slice value);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
