/* kit.h - what the cases in C share.
 *
 * A case drives one loop itself, turn by turn, and holds its clients' sockets in its
 * own hands, so that what comes in which turn is decided there and not by the
 * scheduler:
 *
 *     prepare();                  settings may be changed behind it
 *     start();                    routes are added behind it
 *     client = connect_client();
 *     say(client, GET("/echo"));
 *     ...
 *     finish();                   nothing may be left behind
 */
#ifndef PYRS_TESTS_CORE_KIT_H
#define PYRS_TESTS_CORE_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/connection.h"
#include "serve/http1.h"
#include "serve/site.h"

#define CHECK(claim)                                                                \
    ((claim) ? (void)0                                                              \
             : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim), \
                exit(1)))

/* ---- cases ---- */

struct test_case {
    const char *name;
    void (*run)(void);
};

#define CASE(name) {#name, name}

/* Runs the case that the program was told; lists them if it was told none. */
int run_cases(const struct test_case *cases, size_t case_count, char **arguments);

#define RUN_CASES(cases, arguments) \
    run_cases(cases, sizeof(cases) / sizeof *(cases), arguments)

/* ---- a site ---- */

/* Its endpoints stand on the ready list, as Python's do. */
extern const struct interpreter INTERPRETER;
void keep_endpoint(struct pyrs_endpoint *endpoint);

extern struct site site;
extern struct service service;

void prepare(void);
void start(void);
void add_route(const char *pattern, struct pyrs_endpoint *endpoint);
/* Called when the head has come. */
void add_stream_route(const char *pattern, struct pyrs_endpoint *endpoint);

/* The log of this case has to hold this text; nothing else is looked at then. Without
 * it the log has to be empty. */
void expect_log(const char *text);

/* Ends the loop and looks for what was left behind. */
void finish(void);
void look_for_leftovers(void); /* the loop is over */

uint64_t response_count(int class);
uint64_t late_response_count(void);

/* ---- time ---- */

void sleep_ms(uint32_t ms);
void turns(int count);
/* Turns until so much time has passed. */
void turns_for_ms(uint32_t ms);

/* How often the loop wakes up in 400 ms; its tick alone makes it three or four times.
 */
int wake_ups(void);

/* ---- clients ---- */

#define GET(path)       "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_CLOSE(path) "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#define GET_1_0(path)   "GET " path " HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
#define HEAD(path)      "HEAD " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, length) \
    "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: " #length "\r\n\r\n"
#define POST_CHUNKED(path) \
    "POST " path " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

/* Over a socket pair whose server side buffers little. */
int connect_client(void);
/* Over TCP, which knows resets. */
int connect_by_tcp(void);
/* To a whole server, which another thread runs: one that waits for what it sends and
 * receives. */
int connect_to_port(uint16_t port);
/* As a client that has crashed: closes such a connection with a reset, and waits for
 * the server to notice. A plain close only says that it has finished sending. */
void reset_client(int client);

/* Sends it, and gives the server some turns. */
void say(int client, const char *text);
/* Sends as much of so many bytes as the server takes; gives how many. */
size_t push(int client, const char *bytes, size_t length);

enum { ANSWERS_BYTES_MAX = 16 * 1024 * 1024 };

struct answers {
    char bytes[ANSWERS_BYTES_MAX];
    size_t length;
    bool ended; /* the server has closed */
    bool reset; /* or more than that: not all that was sent had been read, or it cut */
};

/* Reads what comes in so many turns. */
void listen_for(int client, struct answers *answers, int count);
/* At most 4 KiB in each turn, so that the server has to wait. */
void listen_in_bits(int client, struct answers *answers, int count);
/* So, until there are so many bytes. */
void listen_until(int client, struct answers *answers, size_t length);
/* Reads what is there, when the loop is over. */
void listen_for_rest(int client, struct answers *answers);
/* Reads until the server has closed. */
void listen_until_end(int client, struct answers *answers);

int count_of(const struct answers *answers, const char *text);
/* The last head's end and what follows it are the end of what came. */
bool ends_with(const struct answers *answers, const char *text);

/* ---- an endpoint that defers ---- */

enum { LATER_MAX = 1024 };

struct later {
    struct pyrs_exchange *exchange;
    _Atomic int sent, body, gone, finished; /* how often it was told each */
};

extern struct pyrs_endpoint later_endpoint;
extern struct pyrs_endpoint patient_endpoint; /* likewise, of a patient class */
extern struct later laters[LATER_MAX]; /* in the order in which they were deferred */
extern _Atomic int later_count;

void respond_later(struct later *later, struct pyrs_slice body);

/* Counts how often what was lent came back. */
extern _Atomic int released;
void release(void *owner);

#endif
