/* route_pattern.h - the path of a route, as a user writes it, in segments.
 *
 * Slices point into the text that was parsed.
 */
#ifndef PYRS_SERVE_ROUTE_PATTERN_H
#define PYRS_SERVE_ROUTE_PATTERN_H

#include "router.h"

/* The most specific first. */
enum segment_kind {
    SEGMENT_LITERAL,
    SEGMENT_INT,   /* {name:int} */
    SEGMENT_PARAM, /* {name} */
    SEGMENT_ANY,   /* "*" before the last segment */
    SEGMENT_REST,  /* a last "*", or {name:path} */
};

struct segment {
    enum segment_kind kind;
    slice text; /* of a literal; else the parameter's name, empty for "*" */
};

struct route_pattern {
    uint32_t segment_count; /* 0 for "/" */
    bool is_literal;        /* every segment is */
    struct segment segments[ROUTE_SEGMENTS_MAX];
};

/* Copies `pattern` to `normal`, which has as much room, with repeated and trailing
 * slashes gone. */
void route_pattern_normalise(const char *pattern, char *normal);

/* `normal` begins with a slash unless the pattern is malformed. False leaves *parsed in
 * any state. The error begins with what is wrong, without the pattern. */
bool route_pattern_parse(const char *normal, struct route_pattern *parsed,
                         struct pyrs_error *error);

#endif
