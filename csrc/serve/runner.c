/* runner.c - see runner.h. */
#include "runner.h"

#include <stddef.h>

bool runner_meet_challenge(struct runner *runner)
{
    return runner->service != NULL;
}
