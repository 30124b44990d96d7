/* http_date.c - seconds to "Sun, 06 Nov 1994 08:49:37 GMT" and back, without the C
 * library: gmtime, strftime and strptime read the locale and the time zone's lock. */
#include "http_date.h"

#include <assert.h>

/* The first second of year 10000, which would need a fifth digit. */
#define UNIX_SECONDS_END INT64_C(253402300800)

static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

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

    assert(unix_seconds >= 0 && unix_seconds < UNIX_SECONDS_END);
    unsigned days = (unsigned)(unix_seconds / 86400);
    unsigned second = (unsigned)(unix_seconds % 86400);
    struct civil_date date = date_from_days(days);

    memcpy(out, "Thu, 01 Jan 1970 00:00:00 GMT", HTTP_DATE_BYTES);
    memcpy(out, week_days + days % 7 * 3, 3);
    write_two_digits(out + 5, date.day);
    memcpy(out + 8, MONTHS + date.month * 3, 3);
    write_two_digits(out + 12, date.year / 100);
    write_two_digits(out + 14, date.year % 100);
    write_two_digits(out + 17, second / 3600);
    write_two_digits(out + 20, second / 60 % 60);
    write_two_digits(out + 23, second % 60);
}

/* ---- reading ---- */

struct date_time {
    struct civil_date date;
    unsigned hour, minute, second;
};

/* How a date is written, in letters: w and W a week day, short and long; D two digits,
 * d a digit with a blank before it or two; m a month; Y and y a year of four and two
 * digits; h, i, s the time. Every other character stands for itself. */
static const char *const FORMATS[] = {
    "w, D m Y h:i:s GMT", /* IMF-fixdate */
    "W, D-m-y h:i:s GMT", /* RFC 850 */
    "w m d h:i:s Y",      /* asctime */
};

static bool take_digits(slice *text, size_t count, unsigned *number)
{
    unsigned value = 0;

    if (text->length < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        unsigned digit = (unsigned char)text->bytes[i] - (unsigned)'0';

        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    *text = slice_of(text->bytes + count, text->length - count);
    *number = value;
    return true;
}

static bool take_name(slice *text, slice name)
{
    if (text->length < name.length || memcmp(text->bytes, name.bytes, name.length) != 0)
        return false;
    *text = slice_of(text->bytes + name.length, text->length - name.length);
    return true;
}

static bool take_week_day(slice *text, bool is_long)
{
    static const slice NAMES[] = {
        {"Monday", 6}, {"Tuesday", 7},  {"Wednesday", 9}, {"Thursday", 8},
        {"Friday", 6}, {"Saturday", 8}, {"Sunday", 6},
    };

    for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++)
        if (take_name(text, slice_of(NAMES[i].bytes, is_long ? NAMES[i].length : 3)))
            return true;
    return false;
}

static bool take_month(slice *text, unsigned *month)
{
    for (*month = 0; *month < 12; ++*month)
        if (take_name(text, slice_of(MONTHS + *month * 3, 3)))
            return true;
    return false;
}

/* RFC 9110, 5.6.7: what seems to be more than 50 years ahead was in the past. */
static unsigned whole_year(unsigned two_digits, int64_t now)
{
    unsigned latest = date_from_days((unsigned)(now / 86400)).year + 50;

    return latest - (latest - two_digits) % 100;
}

static bool take_part(slice *text, char part, int64_t now, struct date_time *read)
{
    switch (part) {
    case 'w':
    case 'W':
        return take_week_day(text, part == 'W');
    case 'd':
        if (take_name(text, SLICE(" ")))
            return take_digits(text, 1, &read->date.day);
        return take_digits(text, 2, &read->date.day);
    case 'D':
        return take_digits(text, 2, &read->date.day);
    case 'm':
        return take_month(text, &read->date.month);
    case 'Y':
        return take_digits(text, 4, &read->date.year);
    case 'y':
        if (!take_digits(text, 2, &read->date.year))
            return false;
        read->date.year = whole_year(read->date.year, now);
        return true;
    case 'h':
        return take_digits(text, 2, &read->hour);
    case 'i':
        return take_digits(text, 2, &read->minute);
    case 's':
        return take_digits(text, 2, &read->second);
    default:
        return take_name(text, slice_of(&part, 1));
    }
}

static bool follows(slice text, const char *format, int64_t now, struct date_time *read)
{
    for (; *format; format++)
        if (!take_part(&text, *format, now, read))
            return false;
    return text.length == 0;
}

/* The inverse of date_from_days; years begin with March here too. */
static int64_t days_from_date(struct civil_date date)
{
    unsigned year = date.year + 400 - (date.month < 2); /* so that none is negative */
    unsigned month = (date.month + 10) % 12;            /* 0 is March */
    unsigned day_of_year = (153 * month + 2) / 5 + date.day - 1;

    return (int64_t)year * 365 + year / 4 - year / 100 + year / 400 + day_of_year -
           719468 - 146097;
}

static unsigned days_in_month(struct civil_date date)
{
    static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);

    return (unsigned)days[date.month] + (date.month == 1 && leap);
}

/* Second 60 is a leap second, which counts as the next minute's first. */
static bool can_be(const struct date_time *read)
{
    return read->date.day >= 1 && read->date.day <= days_in_month(read->date) &&
           read->hour < 24 && read->minute < 60 && read->second <= 60;
}

bool http_date_read(slice text, int64_t now, int64_t *unix_seconds)
{
    struct date_time read = {{0}, 0, 0, 0};

    assert(now >= 0 && now < UNIX_SECONDS_END);
    for (size_t i = 0; i < sizeof(FORMATS) / sizeof(*FORMATS); i++) {
        if (!follows(text, FORMATS[i], now, &read))
            continue;
        if (!can_be(&read))
            return false;
        *unix_seconds = days_from_date(read.date) * 86400 + read.hour * 3600 +
                        read.minute * 60 + read.second;
        return true;
    }
    return false;
}
