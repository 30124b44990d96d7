/* counters.c - what the loops have counted, summed. Each counter has one writer, its
 * loop; reading needs no lock. */
#include "server.h"

static void add_counters(struct pyrs_counters *sum, const struct service *service)
{
    const struct loop_counters *loop = &service->loop.counters;
    const struct service_counters *own = &service->counters;

    sum->connections_accepted += counter_read(&loop->connections_accepted);
    sum->connections_open += counter_read(&loop->connections_open);
    sum->accept_pauses += counter_read(&loop->accept_pauses);
    sum->bytes_received += counter_read(&loop->bytes_received);
    sum->bytes_sent += counter_read(&loop->bytes_sent);
    sum->timeouts += counter_read(&loop->timeouts);
    sum->turns += counter_read(&loop->turns);
    sum->allocations += counter_read(&loop->allocations);
    sum->requests += counter_read(&own->requests);
    sum->exchanges_open += counter_read(&own->exchanges_open);
    sum->handler_runs += counter_read(&own->handler_runs);
    sum->late_responses += counter_read(&own->late_responses);
    sum->handler_time_ns += counter_read(&own->handler_time_ns);
    for (int i = 0; i < 6; i++)
        sum->responses[i] += counter_read(&own->responses[i]);
    for (int i = 0; i < REJECT_REASON_COUNT; i++)
        sum->rejections += counter_read(&own->rejections[i]);
}

void pyrs_server_counters(const struct pyrs_server *server,
                          struct pyrs_counters *counters)
{
    const struct crew *crew = &server->crew;

    *counters = (struct pyrs_counters){0};
    for (uint32_t i = 0; i < server->site.settings.thread_count; i++)
        add_counters(counters, &server->services[i]);
    counters->handler_time_ns += atomic_load(&crew->counters.handler_time_ns);
    counters->hand_overs = atomic_load(&crew->counters.hand_overs);
    counters->marks = atomic_load(&crew->marks.count);
    counters->threads = atomic_load(&crew->counters.threads);
    counters->threads_busy = atomic_load(&crew->counters.threads_busy);
    counters->programs = atomic_load(&server->programs.runs);
    counters->programs_running = atomic_load(&server->programs.running);
    counters->programs_waiting = atomic_load(&server->programs.waiting);
    counters->programs_killed = atomic_load(&server->programs.killed);
    counters->thread_waits = atomic_load(&crew->counters.waits);
}

uint32_t pyrs_rejection_count(void)
{
    return REJECT_REASON_COUNT;
}

const char *pyrs_rejection_text(uint32_t kind)
{
    return kind < REJECT_REASON_COUNT ? reject_text((enum reject_reason)kind) : "";
}

uint64_t pyrs_server_rejections(const struct pyrs_server *server, uint32_t kind)
{
    uint64_t sum = 0;

    if (kind >= REJECT_REASON_COUNT)
        return 0;
    for (uint32_t i = 0; i < server->site.settings.thread_count; i++)
        sum += counter_read(&server->services[i].counters.rejections[kind]);
    return sum;
}
