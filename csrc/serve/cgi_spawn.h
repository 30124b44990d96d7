/* cgi_spawn.h - the cold launcher: a process of its own for each program. */
#ifndef PYRS_SERVE_CGI_SPAWN_H
#define PYRS_SERVE_CGI_SPAWN_H

#include "cgi_launcher.h"

/* Takes every program. NULL if memory is out. */
struct cgi_launcher *cgi_spawn_new(void);

#endif
