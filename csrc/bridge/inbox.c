/* inbox.c - see inbox.h. A job is the exchange's state for as long as it may be
 * notified; the lock guards that link, so that a job is not freed while it is looked
 * at. */
#include "inbox.h"

#include <stdlib.h>
#include <unistd.h>

bool inbox_init(struct inbox *inbox)
{
    inbox->first = NULL;
    inbox->end = &inbox->first;
    inbox->reader_runs = inbox->wake_due = false;
    atomic_init(&inbox->wake_fd, -1);
    return pthread_mutex_init(&inbox->lock, NULL) == 0;
}

void inbox_fini(struct inbox *inbox)
{
    pthread_mutex_destroy(&inbox->lock);
}

void inbox_open(struct inbox *inbox, int wake_fd)
{
    atomic_store(&inbox->wake_fd, wake_fd);
}

void inbox_close(struct inbox *inbox)
{
    atomic_store(&inbox->wake_fd, -1);
}

/* A full pipe wakes as well as one byte more. */
void inbox_wake(struct inbox *inbox)
{
    int wake_fd = atomic_load(&inbox->wake_fd);
    bool due;

    pthread_mutex_lock(&inbox->lock);
    due = inbox->wake_due;
    inbox->wake_due = false;
    pthread_mutex_unlock(&inbox->lock);
    if (due && wake_fd >= 0 && write(wake_fd, "", 1) < 0)
        return;
}

/* Under the lock. */
static void add_event(struct inbox *inbox, struct job *job, unsigned event)
{
    inbox->wake_due |= !inbox->first && !inbox->reader_runs;
    job->events |= event;
    if (job->queued)
        return;
    job->queued = true;
    job->next = NULL;
    *inbox->end = job;
    inbox->end = &job->next;
}

static struct job *new_job(struct pyrs_exchange *exchange,
                           const struct handler *handler)
{
    struct job *job = malloc(sizeof *job);

    if (job)
        *job = (struct job){.exchange = exchange, .handler = handler};
    return job;
}

/* Its client may leave as soon as it is deferred, so the job is there before. */
bool inbox_put(struct inbox *inbox, struct pyrs_exchange *exchange,
               const struct handler *handler)
{
    bool is_read = atomic_load(&inbox->wake_fd) >= 0;
    struct job *job = is_read ? new_job(exchange, handler) : NULL;

    if (!job)
        return false;
    pyrs_exchange_set_state(exchange, job);
    if (!pyrs_exchange_defer(exchange)) {
        pyrs_exchange_set_state(exchange, NULL);
        free(job);
        return false;
    }
    pthread_mutex_lock(&inbox->lock);
    add_event(inbox, job, JOB_NEW);
    pthread_mutex_unlock(&inbox->lock);
    return true;
}

void inbox_tell(struct inbox *inbox, struct pyrs_exchange *exchange,
                enum pyrs_event event)
{
    static const unsigned EVENTS[] = {[PYRS_EVENT_SENT] = JOB_SENT,
                                      [PYRS_EVENT_BODY] = JOB_BODY,
                                      [PYRS_EVENT_GONE] = JOB_GONE};
    struct job *job;

    pthread_mutex_lock(&inbox->lock);
    job = pyrs_exchange_state(exchange);
    if (job)
        add_event(inbox, job, EVENTS[event]);
    pthread_mutex_unlock(&inbox->lock);
    inbox_wake(inbox);
}

struct job *inbox_take(struct inbox *inbox)
{
    struct job *first;

    pthread_mutex_lock(&inbox->lock);
    first = inbox->first;
    inbox->first = NULL;
    inbox->end = &inbox->first;
    inbox->reader_runs = first;
    inbox->wake_due = false;
    pthread_mutex_unlock(&inbox->lock);
    return first;
}

void inbox_pause(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    inbox->reader_runs = false;
    inbox->wake_due = inbox->first;
    pthread_mutex_unlock(&inbox->lock);
    inbox_wake(inbox);
}

unsigned inbox_open_job(struct inbox *inbox, struct job **rest, struct job **job)
{
    unsigned events;

    pthread_mutex_lock(&inbox->lock);
    *job = *rest;
    *rest = (*job)->next;
    events = (*job)->events;
    (*job)->events = 0;
    (*job)->queued = false;
    pthread_mutex_unlock(&inbox->lock);
    if ((*job)->exchange)
        return events;
    free(*job);
    return 0;
}

struct pyrs_exchange *inbox_end_job(struct inbox *inbox, struct job *job)
{
    struct pyrs_exchange *exchange = job->exchange;
    bool still_queued;

    pthread_mutex_lock(&inbox->lock);
    pyrs_exchange_set_state(exchange, NULL);
    still_queued = job->queued;
    pthread_mutex_unlock(&inbox->lock);
    job->exchange = NULL;
    if (!still_queued && !job->waits)
        free(job); /* else when it is come upon */
    return exchange;
}
