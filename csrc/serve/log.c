/* log.c - see log.h. Two buffers: one is appended to while the other is written. */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "../pyrs.h"

struct lines {
    char *bytes;
    size_t length, capacity;
};

struct log {
    uv_mutex_t lock;
    uv_cond_t changed; /* lines came, were written, or the log closes */
    uv_thread_t writer;
    struct lines pending;
    char *path; /* NULL: standard error */
    int file;
    int level;
    enum log_style style;
    bool closing;
    bool reopening;
    bool writing;
};

/* ---- text ---- */

char *log_write_time(char *out, int64_t unix_seconds)
{
    time_t seconds = (time_t)unix_seconds;
    char text[LOG_TIME_BYTES + 1];
    struct tm parts;

    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S ", &parts);
    memcpy(out, text, LOG_TIME_BYTES);
    return out + LOG_TIME_BYTES;
}

static const char HEX_DIGITS[] = "0123456789abcdef";

char *log_escape(char *out, size_t room, slice bytes)
{
    for (size_t i = 0; i < bytes.length && room >= 4; i++) {
        unsigned char byte = (unsigned char)bytes.bytes[i];

        if (byte < 0x20 || byte == 0x7f || byte == '\\' || byte == '"') {
            *out++ = '\\';
            *out++ = 'x';
            *out++ = HEX_DIGITS[byte >> 4];
            *out++ = HEX_DIGITS[byte & 15];
            room -= 4;
        } else {
            *out++ = (char)byte;
            room--;
        }
    }
    return out;
}

static slice level_name(int level)
{
    if (level >= PYRS_LOG_ERROR)
        return SLICE("ERROR");
    if (level >= PYRS_LOG_WARNING)
        return SLICE("WARNING");
    if (level >= PYRS_LOG_INFO)
        return SLICE("INFO");
    return SLICE("DEBUG");
}

char *log_write_start(const struct log *log, char *out, int level, int64_t unix_seconds)
{
    slice name = level_name(level);

    if (log->style == LOG_DATED)
        out = log_write_time(out, unix_seconds);
    out = (char *)memcpy(out, name.bytes, name.length) + name.length;
    if (log->style == LOG_SHORT)
        *out++ = ':';
    *out++ = ' ';
    return out;
}

/* ---- the writing thread ---- */

static void write_out(int file, slice lines)
{
    while (lines.length > 0) {
        ssize_t n = write(file, lines.bytes, lines.length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) { /* a terminal or pipe that somebody shares */
            poll(&(struct pollfd){.fd = file, .events = POLLOUT}, 1, -1);
            continue;
        }
        if (n < 0)
            return; /* a full disk or a closed terminal must not end the server */
        lines = slice_of(lines.bytes + n, lines.length - (size_t)n);
    }
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

/* A path that cannot be opened again leaves the old file in use. */
static void reopen_file(struct log *log)
{
    int file = open_file(log->path);

    if (file < 0)
        return;
    close(log->file);
    log->file = file;
}

static void run_writer(void *argument)
{
    struct log *log = argument;
    struct lines writing = {0};

    uv_mutex_lock(&log->lock);
    while (!log->closing || log->pending.length > 0 || log->reopening) {
        struct lines taken = log->pending;

        if (log->reopening && log->path)
            reopen_file(log);
        log->reopening = false;
        if (taken.length == 0) {
            if (!log->closing) /* both may have come at once */
                uv_cond_wait(&log->changed, &log->lock);
            continue;
        }
        log->pending = writing;
        log->writing = true;
        writing = taken;
        uv_cond_broadcast(&log->changed);
        uv_mutex_unlock(&log->lock);
        write_out(log->file, slice_of(writing.bytes, writing.length));
        writing.length = 0;
        uv_mutex_lock(&log->lock);
        log->writing = false;
        uv_cond_broadcast(&log->changed);
    }
    uv_mutex_unlock(&log->lock);
    free(writing.bytes);
}

/* ---- appending ---- */

/* With the lock held. False if memory is out: the lines are lost, the server goes on.
 */
static bool make_room(struct lines *lines, size_t length)
{
    size_t capacity = lines->capacity ? lines->capacity : 4096;
    char *bytes;

    if (lines->length + length <= lines->capacity)
        return true;
    while (capacity < lines->length + length)
        capacity *= 2;
    bytes = realloc(lines->bytes, capacity);
    if (!bytes)
        return false;
    lines->bytes = bytes;
    lines->capacity = capacity;
    return true;
}

void log_append_lines(struct log *log, slice lines)
{
    uv_mutex_lock(&log->lock);
    while (log->pending.length > LOG_PENDING_BYTES_MAX)
        uv_cond_wait(&log->changed, &log->lock);
    if (make_room(&log->pending, lines.length)) {
        memcpy(log->pending.bytes + log->pending.length, lines.bytes, lines.length);
        log->pending.length += lines.length;
    }
    uv_cond_broadcast(&log->changed);
    uv_mutex_unlock(&log->lock);
}

bool log_has_level(const struct log *log, int level)
{
    return level >= log->level;
}

enum log_style log_style(const struct log *log)
{
    return log->style;
}

static char *write_message(char *out, slice message)
{
    const char *end = message.bytes + message.length;

    while (message.bytes < end && end[-1] == '\n')
        end--;
    if (message.bytes == end)
        *out++ = '\n';
    for (const char *line = message.bytes; line < end;) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        size_t length = (size_t)((feed ? feed : end) - line);

        for (size_t i = 0; i < length; i++) /* quotes may stand as they are here */
            if (line[i] == '"' || line[i] == '\\' || line[i] == '\t')
                *out++ = line[i];
            else
                out = log_escape(out, 4, slice_of(line + i, 1));
        line += length + 1;
        *out++ = '\n';
        if (feed)
            out = (char *)memcpy(out, "    ", 4) + 4;
    }
    return out;
}

void log_write(struct log *log, int level, slice message)
{
    size_t lines = 1;
    char *record, *end;

    if (!log_has_level(log, level))
        return;
    if (message.length > LOG_MESSAGE_BYTES_MAX)
        message.length = LOG_MESSAGE_BYTES_MAX;
    for (size_t i = 0; i < message.length; i++)
        lines += message.bytes[i] == '\n';
    record = malloc(LOG_START_BYTES_MAX + 4 * message.length + 5 * lines);
    if (!record)
        return;
    end = log_write_start(log, record, level, time(NULL));
    end = write_message(end, message);
    log_append_lines(log, slice_of(record, (size_t)(end - record)));
    free(record);
}

/* ---- life ---- */

void log_flush(struct log *log)
{
    uv_mutex_lock(&log->lock);
    while (log->pending.length > 0 || log->writing)
        uv_cond_wait(&log->changed, &log->lock);
    uv_mutex_unlock(&log->lock);
}

void log_reopen(struct log *log)
{
    uv_mutex_lock(&log->lock);
    log->reopening = true;
    uv_cond_broadcast(&log->changed);
    uv_mutex_unlock(&log->lock);
}

/* Takes no signals: the process's are for the thread that runs the server, and may be
 * blocked there until it is ready for them. */
static bool start_writer(struct log *log)
{
    sigset_t every, before;
    int code;

    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    code = uv_thread_create(&log->writer, run_writer, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = -code;
    return code == 0;
}

struct log *log_open(const char *path, int level, enum log_style style)
{
    struct log *log = calloc(1, sizeof *log);
    int code;

    if (!log)
        return NULL;
    log->level = level;
    log->style = style;
    log->file = STDERR_FILENO;
    if (path) {
        log->path = strdup(path);
        log->file = open_file(path);
        if (log->file < 0 || !log->path)
            goto fail;
    }
    uv_mutex_init(&log->lock);
    uv_cond_init(&log->changed);
    if (start_writer(log))
        return log;
    uv_cond_destroy(&log->changed);
    uv_mutex_destroy(&log->lock);
fail:
    code = errno;
    if (path && log->file >= 0)
        close(log->file);
    free(log->path);
    free(log);
    errno = code;
    return NULL;
}

void log_close(struct log *log)
{
    uv_mutex_lock(&log->lock);
    log->closing = true;
    uv_cond_broadcast(&log->changed);
    uv_mutex_unlock(&log->lock);
    uv_thread_join(&log->writer);
    uv_cond_destroy(&log->changed);
    uv_mutex_destroy(&log->lock);
    if (log->path)
        close(log->file);
    free(log->path);
    free(log->pending.bytes);
    free(log);
}
