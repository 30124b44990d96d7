/* cgi_warm.h - the warm launcher: Python scripts run as forks of a template.
 *
 * There is a template (cgi_template.h) for each first line that scripts have, started
 * as that line says: so flags and environment are the script's own, and a virtualenv is
 * named as ever. While a template is not ready, or if it cannot be had, its scripts are
 * the cold launcher's: nobody waits, and what is wrong with a script is said by a fresh
 * process.
 */
#ifndef PYRS_SERVE_CGI_WARM_H
#define PYRS_SERVE_CGI_WARM_H

#include "cgi.h"

/* Takes what is needed of the settings; what else it looks at is the endpoint's, `cold`
 * too, which stands behind it. NULL if memory is out. */
struct cgi_launcher *cgi_warm_new(const struct cgi *cgi,
                                  const struct pyrs_cgi_settings *settings,
                                  struct cgi_launcher *cold);

#endif
