/* static_files.h - the endpoint that answers with the files of a folder (pyrs.h,
 * pyrs_endpoint_static).
 *
 * Reading order: static_path.h (which file is meant), folder.h (opening it, and nothing
 * outside), media_types.h (what it is), then file_response.h, which sends it.
 */
#ifndef PYRS_SERVE_STATIC_FILES_H
#define PYRS_SERVE_STATIC_FILES_H

#include "endpoint.h"
#include "folder.h"
#include "media_types.h"

enum { CACHE_CONTROL_BYTES_MAX = 1000 };

struct static_files {
    struct pyrs_endpoint endpoint;
    struct folder folder;
    struct media_types types;
    char *index;  /* or NULL */
    char *fields; /* header lines that every file has; perhaps empty */
    bool listing;
    bool precompressed;
};

#endif
