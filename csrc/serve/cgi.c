/* cgi.c - the programs of a folder as an endpoint: see cgi.h. */
#include "cgi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cgi_environment.h"
#include "cgi_run.h"
#include "cgi_spawn.h"
#include "cgi_warm.h"
#include "error.h"

/* One that runs mostly waits: for a disk, a database, its client. */
enum { PROCESSES_PER_PROCESSOR = 4 };

void pyrs_cgi_settings_init(struct pyrs_cgi_settings *settings)
{
    *settings = (struct pyrs_cgi_settings){
        .timeout_ms = 60 * 1000,
        .processes_max = PROCESSES_PER_PROCESSOR * uv_available_parallelism(),
        .waiting_max = 256,
        .head_bytes_max = 32 * 1024,
    };
}

/* ---- what the loops see ---- */

/* Memory is out, or it cannot be told where the request comes from. */
static void refuse(struct pyrs_exchange *exchange)
{
    pyrs_exchange_respond(exchange,
                          &(struct pyrs_response){
                              .status = 503,
                              .content_type = PYRS_TEXT("text/plain; charset=utf-8"),
                              .body = PYRS_TEXT("503 Service Unavailable\n"),
                          });
}

/* Here, where the interpreter is: the thread that makes the program's environment does
 * not wait for it. */
static bool learn_origin(struct cgi_run *run)
{
    struct pyrs_origin_reader *reader = run->cgi->settings.origin_reader;

    if (reader)
        run->origin = reader->read(reader, run->exchange);
    return !reader || run->origin;
}

/* Its client may leave as soon as it is deferred, so the run is there before. */
static void cgi_answer(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange)
{
    struct cgi *cgi = cgi_of(endpoint);
    struct cgi_run *run = cgi_run_new(cgi, exchange);

    pyrs_exchange_set_state(exchange, run);
    if (run && learn_origin(run) && pyrs_exchange_defer(exchange)) {
        cgi_thread_put(cgi, run);
        return;
    }
    pyrs_exchange_set_state(exchange, NULL);
    if (run)
        cgi_run_free(run);
    refuse(exchange);
}

static void cgi_notify(struct pyrs_endpoint *endpoint, struct pyrs_exchange *exchange,
                       enum pyrs_event event)
{
    static const unsigned EVENTS[] = {[PYRS_EVENT_SENT] = RUN_SENT,
                                      [PYRS_EVENT_BODY] = RUN_BODY,
                                      [PYRS_EVENT_GONE] = RUN_GONE,
                                      [PYRS_EVENT_FINISHED] = RUN_FINISHED};

    cgi_thread_tell(cgi_of(endpoint), exchange, EVENTS[event]);
    uv_async_send(&cgi_of(endpoint)->wakeup);
}

/* ---- life ---- */

static bool cgi_start(struct pyrs_endpoint *endpoint, const struct site *site,
                      struct pyrs_error *error)
{
    struct cgi *cgi = cgi_of(endpoint);

    cgi->site = site;
    return cgi_thread_start(cgi, error);
}

static void cgi_stop(struct pyrs_endpoint *endpoint)
{
    cgi_thread_stop(cgi_of(endpoint));
}

static void free_reader(struct pyrs_origin_reader *reader)
{
    if (reader)
        reader->free(reader);
}

static void free_parts(struct cgi *cgi)
{
    free_reader(cgi->settings.origin_reader);
    cgi_launchers_free(cgi->launchers);
    if (cgi->nothing >= 0)
        close(cgi->nothing);
    free(cgi->environment);
    free(cgi->folder_path);
    free(cgi);
}

static void cgi_free(struct pyrs_endpoint *endpoint)
{
    struct cgi *cgi = cgi_of(endpoint);

    folder_fini(&cgi->folder);
    uv_mutex_destroy(&cgi->lock);
    free_parts(cgi);
}

static bool make_launchers(struct cgi *cgi, const struct pyrs_cgi_settings *settings)
{
    struct cgi_launcher *warm;

    cgi->launchers = cgi_spawn_new();
    if (!cgi->launchers || !settings->template_file)
        return cgi->launchers != NULL;
    warm = cgi_warm_new(cgi, settings, cgi->launchers);
    if (warm)
        cgi->launchers = warm;
    return warm != NULL;
}

static bool take_settings(struct cgi *cgi, const struct pyrs_cgi_settings *settings,
                          struct pyrs_error *error)
{
    cgi->settings = *settings;
    cgi->settings.environment = cgi->settings.preload = NULL;
    cgi->settings.template_file = NULL;
    cgi->folder_path = realpath(settings->folder, NULL);
    if (!cgi->folder_path)
        return error_set(error, errno, "cannot open the folder %s: %s",
                         settings->folder, strerror(errno));
    cgi->settings.folder = cgi->folder_path;
    cgi->nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (cgi->nothing < 0)
        return error_set(error, errno, "cannot open /dev/null: %s", strerror(errno));
    cgi->environment =
        cgi_environment_common(settings->environment, settings->environment_count);
    if (!cgi->environment || !make_launchers(cgi, settings) ||
        uv_mutex_init(&cgi->lock) != 0)
        return error_set(error, 0, "out of memory");
    return true;
}

struct pyrs_endpoint *pyrs_endpoint_cgi(const struct pyrs_cgi_settings *settings,
                                        struct pyrs_error *error)
{
    static const struct endpoint_class CLASS = {
        .patient = true,
        .answer = cgi_answer,
        .free = cgi_free,
        .notify = cgi_notify,
        .start = cgi_start,
        .stop = cgi_stop,
    };
    struct cgi *cgi = calloc(1, sizeof *cgi);

    if (!cgi) {
        free_reader(settings->origin_reader);
        error_set(error, 0, "out of memory");
        return NULL;
    }
    cgi->class = CLASS;
    cgi->endpoint.class = &cgi->class;
    cgi->settings.origin_reader = settings->origin_reader;
    if (settings->origin_reader)
        cgi->class.interpreter = settings->origin_reader->interpreter;
    cgi->nothing = -1;
    list_init(&cgi->inbox);
    list_init(&cgi->runs);
    list_init(&cgi->waiting);
    if (!folder_init(&cgi->folder, settings->folder, settings->follow_symlinks, false,
                     error)) {
        free_parts(cgi);
        return NULL;
    }
    if (!take_settings(cgi, settings, error)) {
        folder_fini(&cgi->folder);
        free_parts(cgi); /* the lock is last */
        return NULL;
    }
    return &cgi->endpoint;
}
