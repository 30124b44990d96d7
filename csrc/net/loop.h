/* loop.h - one event-loop thread: its libuv loop, its connections, its memory.
 *
 * A turn is: poll (libuv only notes which sockets are readable or writable), then, in
 * batches, receive and parse the readable connections, run what became ready, and flush
 * every connection with one write. Input and output of a batch lie in two slabs, used
 * from the start again when the batch is over; whatever outlives the batch was moved
 * out. So memory stays as hot in the cache as in a server that handles one socket at a
 * time.
 *
 * Running the ready ones and flushing stand outside uv_run: the libuv loop is at rest
 * while handlers run, so another thread may take it over.
 */
#ifndef PYRS_NET_LOOP_H
#define PYRS_NET_LOOP_H

#include <uv.h>

#include "counter.h"
#include "list.h"
#include "output.h"
#include "timeout.h"

struct connection;
struct loop;

/* What speaks on the connections of a loop. All calls come from the loop's thread. */
struct protocol {
    size_t connection_bytes; /* of the struct that begins with struct connection */
    void (*opened)(struct connection *connection);
    /* `bytes`: everything received and not consumed yet. Gives how many are consumed
     * now; the rest comes again. Sets connection->held if it stopped for a reason other
     * than missing bytes: it then calls connection_resume. The bytes may be
     * overwritten. Also called without bytes, when the client has sent its last one and
     * when a stop has begun. Advances loop->input_used past what ready exchanges refer
     * to. */
    size_t (*received)(struct connection *connection, char *bytes, size_t length);
    /* Runs what is ready; answers are in the connections' outputs afterwards. False:
     * another thread drives the loop now, which the caller must not touch any more. */
    bool (*run_ready)(struct loop *loop);
    /* Somebody has called loop_wake. */
    void (*woken)(struct loop *loop);
    /* All output was sent. */
    void (*drained)(struct connection *connection);
    /* The deadline has passed. False if the connection may go on. */
    bool (*timed_out)(struct connection *connection);
    /* No event will come any more. True: the memory may go; else the protocol calls
     * connection_free when nothing refers to it any longer. */
    bool (*closed)(struct connection *connection);
    /* Gives back borrowed segments. False as run_ready. */
    bool (*release_spent)(struct loop *loop);
    /* A graceful stop has begun: end or finish this connection. */
    void (*stopping)(struct connection *connection);
    /* To close it now would cut something off. */
    bool (*is_busy)(const struct connection *connection);
    /* A while has passed (TIMEOUT_TICK_MS); not called while there is nothing to time.
     * NULL if nothing is to be done. */
    void (*ticked)(struct loop *loop);
};

struct loop_counters {
    counter connections_accepted;
    counter connections_open;
    counter accept_pauses;
    counter bytes_received;
    counter bytes_sent;
    counter timeouts;
    counter turns;
    counter allocations;
};

/* Received bytes of a batch. A batch whose bytes somebody still reads when it is over
 * (loop_share_input) leaves its slab to them. */
struct slab {
    uint32_t users;
    char bytes[];
};

struct loop_settings {
    const struct protocol *protocol;
    uint32_t send_timeout_ms;
    uint32_t linger_timeout_ms;
    size_t input_bytes_max; /* most that received() may leave unconsumed */
    bool tcp_nodelay;
    bool sendfile; /* else bytes of files are copied */
};

struct loop {
    uv_loop_t uv;
    uv_async_t wakeup;
    uv_timer_t tick;
    bool ticking;
    bool ticked;       /* in this turn */
    bool woken;        /* likewise */
    bool ticks_wanted; /* by the protocol, also without connections */
    struct loop_settings settings;
    struct loop_counters counters;

    struct link connections; /* every open one */
    struct link readable;    /* to be received from in the next turn */
    struct link receiving;   /* and in this one */
    struct link unflushed;   /* have output of this batch */
    struct link listeners;
    struct timeout_wheel timeouts;
    struct pool connection_pool;
    struct pool carry_pool;

    struct slab *input_slab;
    char *input; /* its bytes */
    size_t input_used;
    size_t input_bytes;
    struct output_store output_store;
    uint32_t ready_count;  /* how much is ready to run; the protocol counts */
    uint32_t ready_before; /* and was when the batch began: bodies that go on */
    uint32_t away_count;   /* how much is in the hands of other threads; likewise */

    _Atomic int wish; /* enum loop_wish, set by any thread */
    bool stopping;
    bool has_cut_off; /* connections that were busy, by stopping at once */
    time_t clock;     /* seconds since 1970, as of this batch */
};

/* Most exchanges that are made ready before they are run: enough that attaching to an
 * interpreter costs nothing by comparison, few enough that their memory stays in the
 * first cache levels. */
enum { BATCH_READY_MAX = 128 };

/* And so with what was answered while receiving, before it is flushed. */
enum { BATCH_OUTPUT_BYTES_MAX = 256 * 1024 };

/* One receive takes at most this much: as much as a socket buffer usually holds, and
 * little enough that one connection cannot keep the others waiting. */
enum { RECEIVE_BYTES_MAX = 64 * 1024 };

/* Output that waits for a slow reader: past it the connection is not read from, and its
 * next requests are not run, until all is sent. */
enum { OUTPUT_HIGH_WATER_BYTES = 256 * 1024 };

/* Bytes that outlive a turn, up to this many, come from a pool: a cut head is rarely
 * larger. */
enum { CARRY_BLOCK_BYTES = 4096 };

/* True if the batch may have one more. What goes on from batch to batch does not count:
 * else many long bodies would be gone through again for each connection that is
 * received from. */
static inline bool loop_batch_has_room(const struct loop *loop)
{
    return loop->ready_count < loop->ready_before + BATCH_READY_MAX;
}

/* `loop` is all zero: others may read its counters already. False with errno's negative
 * in *code if the system refuses; nothing is left open. */
bool loop_init(struct loop *loop, const struct loop_settings *settings, int *code);

/* Everything must be closed: after loop_run, or before the first. */
void loop_fini(struct loop *loop);

/* One turn; waits for events only if it may. On the loop's thread. False: another
 * thread drives the loop now. */
bool loop_turn(struct loop *loop, bool may_wait);

/* Serves until stopped and the last connection is closed. On the loop's thread. False:
 * another thread drives the loop now. */
bool loop_run(struct loop *loop);

/* Goes on with a loop that another thread drove: ends its batch, then as loop_run. */
bool loop_take_over(struct loop *loop);

/* From any thread, while the loop runs: it will call protocol->woken. */
void loop_wake(struct loop *loop);

/* The slab of this batch, which stays as it is until loop_give_back_input. */
struct slab *loop_share_input(struct loop *loop);
void loop_give_back_input(struct slab *slab);

/* From any thread. Graceful: listeners close, connections finish. At once: all close.
 */
void loop_stop(struct loop *loop);
void loop_stop_at_once(struct loop *loop);

/* A place under a limit may have become free. */
void loop_resume_accepting(struct loop *loop);

/* Milliseconds of a monotonic clock, as of this turn. */
uint64_t loop_now_ms(const struct loop *loop);

#endif
