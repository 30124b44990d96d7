/* listing_style.h - how a folder's page looks. */
#ifndef PYRS_SERVE_LISTING_STYLE_H
#define PYRS_SERVE_LISTING_STYLE_H

#include "../http/slice.h"

/* What stands between <style> and </style>. */
extern const slice listing_style;

/* Its hash, by which a browser knows that it is the style that was meant: a test says
 * what it must be when the style has changed. */
#define LISTING_STYLE_HASH "sha256-GNcW6BtKn4WNN+RwBa5ZgM1fHtgLmYZzO31Depwlzi0="

#endif
