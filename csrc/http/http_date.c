/* http_date.c - seconds to "Sun, 06 Nov 1994 08:49:37 GMT", without the C library:
 * gmtime and strftime read the locale and the time zone's lock. */
#include "http_date.h"

#include <assert.h>
#include <string.h>

/* The first second of year 10000, which would need a fifth digit. */
#define UNIX_SECONDS_END INT64_C(253402300800)

struct civil_date {
    unsigned year;
    unsigned month; /* 0-11 */
    unsigned day;   /* 1-31 */
};

/* Years are counted from March, so that the leap day is the last of its year and the
 * lengths of months fall on a straight line: day of year = (153 * month + 2) / 5. */
static struct civil_date date_from_days(unsigned days_since_1970)
{
    unsigned days = days_since_1970 + 719468; /* since 0000-03-01 */
    unsigned era = days / 146097;             /* 400 years */
    unsigned day_of_era = days % 146097;
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) /
        365;
    unsigned day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153; /* 0 is March */

    return (struct civil_date){
        .year = era * 400 + year_of_era + (month >= 10),
        .month = month >= 10 ? month - 10 : month + 2,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
    };
}

static void write_two_digits(char *out, unsigned number)
{
    out[0] = (char)('0' + number / 10);
    out[1] = (char)('0' + number % 10);
}

void http_date_write(int64_t unix_seconds, char out[HTTP_DATE_BYTES])
{
    static const char week_days[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 first */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    assert(unix_seconds >= 0 && unix_seconds < UNIX_SECONDS_END);
    unsigned days = (unsigned)(unix_seconds / 86400);
    unsigned second = (unsigned)(unix_seconds % 86400);
    struct civil_date date = date_from_days(days);

    memcpy(out, "Thu, 01 Jan 1970 00:00:00 GMT", HTTP_DATE_BYTES);
    memcpy(out, week_days + days % 7 * 3, 3);
    write_two_digits(out + 5, date.day);
    memcpy(out + 8, months + date.month * 3, 3);
    write_two_digits(out + 12, date.year / 100);
    write_two_digits(out + 14, date.year % 100);
    write_two_digits(out + 17, second / 3600);
    write_two_digits(out + 20, second / 60 % 60);
    write_two_digits(out + 23, second % 60);
}
