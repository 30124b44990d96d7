/* settings.h - what a server may be told, checked once at its making. */
#ifndef PYRS_SERVE_SETTINGS_H
#define PYRS_SERVE_SETTINGS_H

#include "../pyrs.h"

/* False with a message that names the field if a value makes no sense. */
bool settings_check(const struct pyrs_settings *settings, struct pyrs_error *error);

#endif
