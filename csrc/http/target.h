/* target.h - the request target (RFC 9112, 3.2), its path and its percent-encoding.
 *
 * target_parse splits and checks without writing a byte. target_resolve_path makes of
 * the raw path what the router matches: percent-decoded once, dot segments resolved
 * (encoded dots too), repeated slashes made one. An encoded slash belongs to its
 * segment, so the resolved path holds a NUL in its place: no other NUL can occur, since
 * %00 is refused.
 */
#ifndef PYRS_HTTP_TARGET_H
#define PYRS_HTTP_TARGET_H

#include "reject.h"
#include "slice.h"

enum target_form {
    TARGET_ORIGIN,   /* /path?query */
    TARGET_ABSOLUTE, /* http://authority/path?query, https likewise */
    TARGET_ASTERISK, /* *, for OPTIONS only */
};

struct target {
    enum target_form form;
    span path;      /* raw, with its leading slash; empty for the asterisk and for
                       http://host */
    span query;     /* raw, behind the question mark; empty if there is none */
    span authority; /* of the absolute form, else empty */
    bool path_is_resolved; /* the raw path already is what target_resolve_path would
                              write */
};

/* Spans count from `buffer`; `raw` says where in it the target stands. False leaves
 * *target alone. */
bool target_parse(const char *buffer, span raw, struct target *target,
                  struct reject *reject);

/* Writes at most raw_path.length + 1 bytes to `resolved`; an empty path becomes "/". A
 * trailing slash is kept. False (REJECT_TARGET_CLIMBS, offset within raw_path) if the
 * path climbs above the root. */
bool target_resolve_path(slice raw_path, char *resolved, size_t *length,
                         struct reject *reject);

/* True for host [":" port] of RFC 9110, 7.2: no user information, path, list or blank.
 */
bool target_authority_is_valid(slice authority);

/* Whether two valid authorities name the same host and port: host in any case, and no
 * port the same as the default one. */
bool target_authority_equal(slice a, slice b, uint16_t default_port);

#endif
