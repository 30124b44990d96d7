/* cgi_environment.h - what a program is told of its request (RFC 3875, 4.1).
 *
 * The meta-variables, PATH, and what the project lists: nothing else of the server's
 * environment, which may hold secrets. Of the request's headers those whose name can
 * only be read one way: letters, digits and hyphens, since "_" would come from a hyphen
 * too. Never Proxy, which programs take for HTTP_PROXY, where their own requests go,
 * and not Authorization, unless the project says so.
 */
#ifndef PYRS_SERVE_CGI_ENVIRONMENT_H
#define PYRS_SERVE_CGI_ENVIRONMENT_H

#include "cgi_run.h"

/* One heap block: "NAME=value" each, NULL behind the last. NULL if memory is out. */
char **cgi_environment_new(const struct cgi_run *run);

/* What is the same for every program: PATH, and `given`, each "NAME=value", or "NAME"
 * for what this process has. Likewise one block. */
char **cgi_environment_common(const char *const *given, size_t count);

#endif
