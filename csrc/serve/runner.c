/* runner.c - see runner.h. */
#include "runner.h"

#include "crew.h"

bool runner_meet_challenge(struct runner *runner)
{
    bool drives;

    uv_mutex_lock(&runner->crew->lock);
    drives = runner->role == RUNNER_DRIVES;
    uv_mutex_unlock(&runner->crew->lock);
    return drives;
}
