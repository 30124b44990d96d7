/* file_response.h - an answer whose body is a file, and what a client may ask of it:
 * "only if it has changed", "this part of it" (RFC 9110, 13 and 14).
 *
 * For the thread that drives the loop, with the exchange at home. Reading order:
 * file_response_send, then http/conditions.h and http/range.h for the rules,
 * file_fields.h for the headers, net/output.h for the way of the bytes.
 */
#ifndef PYRS_SERVE_FILE_RESPONSE_H
#define PYRS_SERVE_FILE_RESPONSE_H

#include "endpoint.h"

struct stored_file;

/* Answers with response->file, which it closes; releases the response. */
void file_response_send(struct pyrs_exchange *exchange,
                        const struct pyrs_response *response);

/* Answers a GET or HEAD with a file that is held ready, and stays so. */
void file_response_send_stored(struct pyrs_exchange *exchange,
                               struct stored_file *stored);

/* Closes the file, if there is one, of a response that will not be sent. */
void file_response_drop(const struct pyrs_response *response);

#endif
