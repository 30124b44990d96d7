/* body_framing.h - where a request's body ends (RFC 9112, 6 and 7).
 *
 * Lengths that disagree are how requests are smuggled, so whatever is ambiguous is
 * refused, never reconciled. The chunked decoder copies nothing: it hands out slices of
 * the caller's bytes.
 */
#ifndef PYRS_HTTP_BODY_FRAMING_H
#define PYRS_HTTP_BODY_FRAMING_H

#include "reject.h"
#include "slice.h"

enum body_framing {
    BODY_NONE,
    BODY_LENGTH, /* Content-Length, zero included */
    BODY_CHUNKED,
};

enum chunked_result {
    CHUNKED_DATA,     /* *data holds bytes of the body; call again with what follows
                       *consumed */
    CHUNKED_MORE,     /* all bytes consumed, the body goes on */
    CHUNKED_DONE,     /* the last byte of the trailer section was consumed */
    CHUNKED_REJECTED, /* can never become legal */
};

/* Longest chunk extension that is skipped; nobody uses them, attackers do
 * (CVE-2023-39326). */
enum { CHUNK_EXTENSION_BYTES_MAX = 256 };
/* Longest trailer section that is read and dropped. */
enum { TRAILER_BYTES_MAX = 8192 };

struct chunked_decoder {
    uint64_t chunk_left; /* bytes of the current chunk still to come */
    uint64_t total;      /* bytes of data handed out */
    uint64_t body_bytes_max;
    uint32_t line_bytes; /* of the current extension, or of the trailer section */
    uint32_t offset;     /* bytes consumed since chunked_init, for reject.offset */
    uint8_t state;
    uint8_t digits;
};

/* body_bytes_max 0: no limit. */
void chunked_init(struct chunked_decoder *decoder, uint64_t body_bytes_max);

/* Reads `bytes` up to the next slice of data, the end, or the fault. A chunk whose
 * announced size passes body_bytes_max is refused (REJECT_BODY_LENGTH) before a byte of
 * it is handed out. Trailer fields are checked like headers and dropped. */
enum chunked_result chunked_next(struct chunked_decoder *decoder, slice bytes,
                                 size_t *consumed, slice *data, struct reject *reject);

#endif
