/* log.h - records for a person: level, time, message; one line each.
 *
 * Any thread appends to a buffer; one thread writes it, so that no loop waits for a
 * disk or a terminal. Nothing is dropped: an appender waits only when
 * LOG_PENDING_BYTES_MAX are unwritten. Control characters are escaped: a line cannot be
 * forged from outside (uvicorn's CVE-2020-7694).
 */
#ifndef PYRS_SERVE_LOG_H
#define PYRS_SERVE_LOG_H

#include <stdbool.h>

#include "../http/slice.h"

struct log;

enum { LOG_PENDING_BYTES_MAX = 4 * 1024 * 1024 };
/* A longer message is cut: a traceback of a deep recursion is the longest there is. */
enum { LOG_MESSAGE_BYTES_MAX = 64 * 1024 };

/* How a record begins. */
enum log_style {
    LOG_DATED, /* "2026-11-21 06:14:00 INFO " */
    LOG_SHORT, /* "INFO: ", for a terminal, and where whoever takes the log adds the
                  time */
};

/* `path` NULL: standard error. NULL with errno set if it cannot be opened. */
struct log *log_open(const char *path, int level, enum log_style style);

/* Writes what is pending, then closes. */
void log_close(struct log *log);

/* Waits until what was appended before is written. */
void log_flush(struct log *log);

/* Opens the path again, for log rotation. From any thread. */
void log_reopen(struct log *log);

/* Appends one record if its level is not below the log's. Line feeds inside the message
 * (a traceback) start continuation lines, indented, which no record's first line is. */
void log_write(struct log *log, int level, slice message);

bool log_has_level(const struct log *log, int level);

enum log_style log_style(const struct log *log);

/* Appends complete lines as they are: the access log's batches. */
void log_append_lines(struct log *log, slice lines);

/* "2026-11-21 06:14:00 " into out, without NUL; gives the end. UTC. */
enum { LOG_TIME_BYTES = 20 };
char *log_write_time(char *out, int64_t unix_seconds);

/* The beginning of a record, in the log's style. */
enum { LOG_START_BYTES_MAX = LOG_TIME_BYTES + 10 };
char *log_write_start(const struct log *log, char *out, int level,
                      int64_t unix_seconds);

/* Copies bytes, control characters, the backslash and the quote as \xNN, at most `room`
 * bytes; gives the end. */
char *log_escape(char *out, size_t room, slice bytes);

#endif
