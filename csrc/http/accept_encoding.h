/* accept_encoding.h - which content codings a client takes (RFC 9110, 12.5.3). */
#ifndef PYRS_HTTP_ACCEPT_ENCODING_H
#define PYRS_HTTP_ACCEPT_ENCODING_H

#include "request_head.h"

/* In the order in which they are preferred when the client has no preference: the
 * denser and the cheaper to decode first, none at all last. */
enum content_coding {
    CODING_BR,
    CODING_ZSTD,
    CODING_GZIP,
    CODING_IDENTITY,
    CODING_COUNT,
};

/* As Content-Encoding says it; empty for identity. */
slice coding_name(enum content_coding coding);

/* Of `available`, bits 1 << coding, the one with the largest weight; CODING_COUNT if
 * the client takes none of them. Without Accept-Encoding, and for what a malformed one
 * does not say, it takes identity alone: what was not asked for is not decoded by
 * everybody. */
enum content_coding accept_encoding_choose(const struct request_head *head,
                                           const char *buffer, unsigned available);

#endif
