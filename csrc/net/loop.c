/* loop.c - the turn, the clock and the end of a loop. See loop.h. */
#include "loop.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "listener.h"

/* Connections and carries kept for reuse: what a busy loop has open, not its peak. */
enum { CONNECTIONS_KEPT = 256, CARRIES_KEPT = 64 };
/* One batch's answers; more spill to the heap. */
enum { OUTPUT_SLAB_BYTES = 1024 * 1024 };
/* Batches of received bytes; the room that one receive may need is added. */
enum { INPUT_SLAB_BYTES = 512 * 1024 };

enum loop_wish { LOOP_RUN, LOOP_STOP, LOOP_STOP_AT_ONCE };

uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

void loop_resume_accepting(struct loop *loop)
{
    for (struct link *link = loop->listeners.next; link != &loop->listeners;
         link = link->next)
        listener_resume(CONTAINER_OF(link, struct listener, link));
}

/* ---- the clock ---- */

static void on_tick(uv_timer_t *timer)
{
    struct loop *loop = CONTAINER_OF(timer, struct loop, tick);

    loop->ticked = true;
    loop_resume_accepting(loop);
}

/* Behind receiving: when a handler kept the loop, what clients sent in time has come
 * in by now and postponed their deadlines. */
static void end_due(struct loop *loop)
{
    struct timeout *due;

    loop->ticked = false;
    while ((due = timeout_take_due(&loop->timeouts, loop_now_ms(loop)))) {
        struct connection *connection = CONTAINER_OF(due, struct connection, timeout);

        if (connection->blocked && connection_goes_on(connection))
            continue;
        if (connection->state != CONNECTION_OPEN || connection->blocked)
            connection_close(connection);
        else if (!loop->settings.protocol->timed_out(connection))
            continue;
        counter_add(&loop->counters.timeouts, 1);
    }
}

static bool any_listener_paused(const struct loop *loop)
{
    for (struct link *link = loop->listeners.next; link != &loop->listeners;
         link = link->next)
        if (CONTAINER_OF(link, struct listener, link)->paused)
            return true;
    return false;
}

/* A server with nothing to time sleeps without waking up. */
static void keep_time(struct loop *loop)
{
    bool wanted =
        loop->timeouts.count > 0 || loop->ticks_wanted || any_listener_paused(loop);

    if (wanted == loop->ticking)
        return;
    loop->ticking = wanted;
    if (wanted)
        uv_timer_start(&loop->tick, on_tick, TIMEOUT_TICK_MS, TIMEOUT_TICK_MS);
    else
        uv_timer_stop(&loop->tick);
}

/* ---- stopping ---- */

static void close_listeners(struct loop *loop)
{
    while (!list_is_empty(&loop->listeners))
        listener_close(CONTAINER_OF(loop->listeners.next, struct listener, link));
}

static void for_each_connection(struct loop *loop, void (*act)(struct connection *))
{
    struct link *link = loop->connections.next;

    while (link != &loop->connections) {
        struct connection *connection = CONTAINER_OF(link, struct connection, all);

        link = link->next;
        act(connection);
    }
}

/* One that lingers, or waits for a request, loses nothing. */
static void cut_off(struct connection *connection)
{
    struct loop *loop = connection->loop;

    loop->has_cut_off |= connection->state != CONNECTION_LINGERING &&
                         loop->settings.protocol->is_busy(connection);
    connection_close(connection);
}

static void obey(struct loop *loop)
{
    int wish = atomic_load(&loop->wish);

    if (wish >= LOOP_STOP && !loop->stopping) {
        loop->stopping = true;
        close_listeners(loop);
        for_each_connection(loop, loop->settings.protocol->stopping);
    }
    if (wish == LOOP_STOP_AT_ONCE)
        for_each_connection(loop, cut_off);
}

/* The turn looks at the wish after every poll. */
static void on_wakeup(uv_async_t *wakeup)
{
    CONTAINER_OF(wakeup, struct loop, wakeup)->woken = true;
}

void loop_wake(struct loop *loop)
{
    uv_async_send(&loop->wakeup);
}

void loop_stop(struct loop *loop)
{
    int running = LOOP_RUN;

    atomic_compare_exchange_strong(&loop->wish, &running, LOOP_STOP);
    uv_async_send(&loop->wakeup);
}

void loop_stop_at_once(struct loop *loop)
{
    atomic_store(&loop->wish, LOOP_STOP_AT_ONCE);
    uv_async_send(&loop->wakeup);
}

/* ---- the input slab ---- */

static size_t receive_room(const struct loop *loop)
{
    /* What was left and one receive more, and as much again for what is made of them.
     */
    return 2 * (loop->settings.input_bytes_max + 2 * RECEIVE_BYTES_MAX);
}

static struct slab *new_slab(const struct loop *loop)
{
    struct slab *slab = malloc(sizeof *slab + loop->input_bytes);

    if (slab)
        slab->users = 1;
    return slab;
}

struct slab *loop_share_input(struct loop *loop)
{
    loop->input_slab->users++;
    return loop->input_slab;
}

void loop_give_back_input(struct slab *slab)
{
    if (--slab->users == 0)
        free(slab);
}

/* Without a slab nothing can be received; without memory for one, nothing else could be
 * done either, so this waits for somebody to give some back. */
static void renew_input(struct loop *loop)
{
    struct slab *slab;

    counter_add(&loop->counters.allocations, 1);
    while (!(slab = new_slab(loop)))
        uv_sleep(1);
    loop_give_back_input(loop->input_slab);
    loop->input_slab = slab;
    loop->input = slab->bytes;
}

/* ---- the turn ---- */

static bool finish_batch(struct loop *loop)
{
    struct link *link;
    bool may_take_long = loop->ready_count > 0;

    if (!loop->settings.protocol->run_ready(loop))
        return false;
    if (may_take_long) /* deadlines count from when the answers leave */
        uv_update_time(&loop->uv);
    while ((link = list_take_first(&loop->unflushed)))
        connection_flush(CONTAINER_OF(link, struct connection, unflushed));
    loop->ready_before = loop->ready_count;
    loop->output_store.slab_used = 0;
    loop->input_used = 0;
    if (loop->input_slab->users > 1)
        renew_input(loop);
    return !loop->output_store.spent || loop->settings.protocol->release_spent(loop);
}

static bool has_work(const struct loop *loop)
{
    return loop->ready_count > 0 || !list_is_empty(&loop->readable);
}

static bool batch_is_full(const struct loop *loop)
{
    return !loop_batch_has_room(loop) ||
           loop->output_store.slab_used > BATCH_OUTPUT_BYTES_MAX ||
           loop->input_bytes - loop->input_used < receive_room(loop);
}

static bool receive_all(struct loop *loop)
{
    while (!list_is_empty(&loop->receiving)) {
        struct link *link;

        /* The list is whole meanwhile: another thread may go on with it. */
        if (batch_is_full(loop) && !finish_batch(loop))
            return false;
        link = list_take_first(&loop->receiving);
        if (link)
            connection_receive(CONTAINER_OF(link, struct connection, readable));
    }
    return finish_batch(loop);
}

bool loop_turn(struct loop *loop, bool may_wait)
{
    keep_time(loop);
    uv_run(&loop->uv, may_wait && !has_work(loop) ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    obey(loop);
    loop->clock = time(NULL);
    if (loop->woken) {
        loop->woken = false;
        loop->settings.protocol->woken(loop);
    }
    /* What becomes readable meanwhile, held bytes above all, waits for the next turn.
     */
    list_move_all(&loop->receiving, &loop->readable);
    if (!receive_all(loop))
        return false;
    if (loop->ticked) {
        end_due(loop);
        if (!finish_batch(loop))
            return false;
        if (loop->settings.protocol->ticked)
            loop->settings.protocol->ticked(loop);
    }
    counter_add(&loop->counters.turns, 1);
    return true;
}

/* What waited on a connection that closes is ended in a later turn, on any thread. */
static bool is_over(const struct loop *loop)
{
    return loop->stopping && counter_read(&loop->counters.connections_open) == 0 &&
           !has_work(loop) && loop->away_count == 0;
}

bool loop_run(struct loop *loop)
{
    while (!is_over(loop))
        if (!loop_turn(loop, true))
            return false;
    uv_close((uv_handle_t *)&loop->tick, NULL);
    uv_close((uv_handle_t *)&loop->wakeup, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    /* What waited on the last connections is ended, and releases what it has. */
    return finish_batch(loop) && finish_batch(loop);
}

bool loop_take_over(struct loop *loop)
{
    loop->clock = time(NULL);
    uv_update_time(&loop->uv);
    return receive_all(loop) && loop_run(loop);
}

/* ---- life ---- */

bool loop_init(struct loop *loop, const struct loop_settings *settings, int *code)
{
    loop->settings = *settings;
    list_init(&loop->connections);
    list_init(&loop->readable);
    list_init(&loop->receiving);
    list_init(&loop->unflushed);
    list_init(&loop->listeners);
    *code = uv_loop_init(&loop->uv);
    if (*code != 0)
        return false;
    uv_async_init(&loop->uv, &loop->wakeup, on_wakeup);
    uv_timer_init(&loop->uv, &loop->tick);
    timeout_wheel_init(&loop->timeouts, loop_now_ms(loop));
    pool_init(&loop->connection_pool, settings->protocol->connection_bytes,
              CONNECTIONS_KEPT, &loop->counters.allocations);
    pool_init(&loop->carry_pool, CARRY_BLOCK_BYTES, CARRIES_KEPT,
              &loop->counters.allocations);
    loop->input_bytes = INPUT_SLAB_BYTES + receive_room(loop);
    loop->input_slab = new_slab(loop);
    if (!output_store_init(&loop->output_store, OUTPUT_SLAB_BYTES,
                           &loop->counters.allocations) ||
        !loop->input_slab) {
        loop_fini(loop);
        *code = UV_ENOMEM;
        return false;
    }
    loop->input = loop->input_slab->bytes;
    return true;
}

void loop_fini(struct loop *loop)
{
    if (uv_loop_close(&loop->uv) == UV_EBUSY) { /* never ran: its handles are open */
        uv_close((uv_handle_t *)&loop->tick, NULL);
        uv_close((uv_handle_t *)&loop->wakeup, NULL);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        uv_loop_close(&loop->uv);
    }
    pool_fini(&loop->connection_pool);
    pool_fini(&loop->carry_pool);
    output_store_fini(&loop->output_store);
    if (loop->input_slab)
        loop_give_back_input(loop->input_slab);
}
