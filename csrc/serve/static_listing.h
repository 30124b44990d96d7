/* static_listing.h - a folder of static files, answered with what is in it. */
#ifndef PYRS_SERVE_STATIC_LISTING_H
#define PYRS_SERVE_STATIC_LISTING_H

#include "static_search.h"

/* Of the folder that is asked for; 404 if there is none. */
void static_listing_answer(struct static_search *search);

#endif
