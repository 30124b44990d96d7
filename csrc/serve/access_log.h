/* access_log.h - one line per answered request, gathered on the loop and handed to the
 * log's thread in batches, so that a request costs no lock and no system call for it:
 *
 *   2026-11-21 06:14:00 INFO 127.0.0.1:55058 - "GET /hello HTTP/1.1" 200 OK 13
 *
 * The last number is the body's length as sent; a log in the short style leaves it out.
 */
#ifndef PYRS_SERVE_ACCESS_LOG_H
#define PYRS_SERVE_ACCESS_LOG_H

#include "log.h"

struct pyrs_exchange;

struct access_log {
    struct log *log; /* NULL: off */
    char *lines;
    size_t length;
};

/* False if memory is out. `log` NULL switches it off. */
bool access_log_init(struct access_log *access, struct log *log);
void access_log_fini(struct access_log *access);

void access_log_add(struct access_log *access, const struct pyrs_exchange *exchange,
                    uint16_t status, uint64_t body_bytes);

/* Hands the lines over. Once a turn. */
void access_log_flush(struct access_log *access);

#endif
