/* cgi_find.h - which program a path means.
 *
 * Segment by segment, from the endpoint's folder: the first file is the program, and
 * what follows it is the program's (PATH_INFO). Nothing outside the folder is found, no
 * name that begins with a dot, and no segment with an encoded slash.
 */
#ifndef PYRS_SERVE_CGI_FIND_H
#define PYRS_SERVE_CGI_FIND_H

#include "cgi.h"

struct cgi_found {
    char *path;           /* heap block: absolute, of the program */
    size_t folder_length; /* of the folder it is in, the start of `path` */
    slice script_name;    /* in the exchange's path: the URL's path up to the program */
    slice path_info;      /* and behind it: empty, or from a slash on */
    bool is_nph;          /* its name says that it writes whole responses */
};

/* 0 if there is a program, which cgi_found_fini is due for; else the status that
 * answers: 404, 403, or 500 without memory. */
uint16_t cgi_find(const struct cgi *cgi, const struct pyrs_exchange *exchange,
                  struct cgi_found *found);
void cgi_found_fini(struct cgi_found *found);

#endif
