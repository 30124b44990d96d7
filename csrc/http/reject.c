/* reject.c - the statuses and texts of reject.h's rows. */
#include "reject.h"

#include <assert.h>

uint16_t reject_status(enum reject_reason reason)
{
    static const uint16_t statuses[REJECT_REASON_COUNT] = {
#define REJECT_STATUS(name, status, text) [name] = (status),
        REJECT_REASONS(REJECT_STATUS)
#undef REJECT_STATUS
    };

    assert(reason < REJECT_REASON_COUNT);
    return statuses[reason];
}

const char *reject_text(enum reject_reason reason)
{
    static const char *const texts[REJECT_REASON_COUNT] = {
#define REJECT_TEXT(name, status, text) [name] = (text),
        REJECT_REASONS(REJECT_TEXT)
#undef REJECT_TEXT
    };

    assert(reason < REJECT_REASON_COUNT);
    return texts[reason];
}
