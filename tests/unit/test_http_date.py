"""csrc/http/http_date.h, against what the standard library makes of dates."""

import calendar
import email.utils
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .http_kit import http_date, read_http_date

END = 253402300800  # of year 9999
NOW = 1795000000  # in 2026
EXAMPLE = 784111777


def formatted(seconds: int) -> bytes:
    return email.utils.formatdate(seconds, usegmt=True).encode()


@pytest.mark.parametrize(
    "seconds",
    [0, 784111777, 951782400, 951868799, 4107542400, 1709164800, 1735689599, END - 1],
)
def test_dates_are_written_as_http_wants_them(seconds: int) -> None:
    assert http_date(seconds) == formatted(seconds)


def test_the_example_of_the_rfc() -> None:
    assert http_date(784111777) == b"Sun, 06 Nov 1994 08:49:37 GMT"


def test_every_day_of_two_leap_cycles_around_2000() -> None:
    for day in range(8 * 365, 16 * 366):
        assert http_date(day * 86400) == formatted(day * 86400)


@given(st.integers(0, END - 1))
def test_any_second(seconds: int) -> None:
    assert http_date(seconds) == formatted(seconds)


# ---- reading ----


@pytest.mark.parametrize(
    "text",
    [
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sunday, 06-Nov-94 08:49:37 GMT",
        b"Sun Nov  6 08:49:37 1994",
    ],
)
def test_the_three_formats_of_the_rfc_are_read(text: bytes) -> None:
    assert read_http_date(text, NOW) == EXAMPLE


@given(st.integers(0, END - 1))
def test_what_was_written_is_read_again(seconds: int) -> None:
    assert read_http_date(http_date(seconds), NOW) == seconds


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))
def test_any_date_is_read_as_the_standard_library_does(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=timezone.utc)
    asctime = f"{moment:%a %b} {moment.day:2d} {moment:%H:%M:%S} {moment.year:04d}"
    fixdate = f"{moment:%a, %d %b} {moment.year:04d} {moment:%H:%M:%S} GMT"
    seconds = (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds()
    assert read_http_date(asctime.encode(), NOW) == seconds
    assert read_http_date(fixdate.encode(), NOW) == seconds


@pytest.mark.parametrize(
    ("two_digits", "year"),
    [
        ("26", 2026),
        ("27", 2027),
        ("76", 2076),
        ("77", 1977),
        ("94", 1994),
        ("00", 2000),
    ],
)
def test_a_year_of_two_digits_is_at_most_50_years_ahead(
    two_digits: str, year: int
) -> None:
    read = read_http_date(f"Sunday, 06-Nov-{two_digits} 00:00:00 GMT".encode(), NOW)
    assert read == calendar.timegm((year, 11, 6, 0, 0, 0))


def test_late_in_a_century_a_small_year_is_of_the_next() -> None:
    now = calendar.timegm((2099, 6, 1, 0, 0, 0))
    read = read_http_date(b"Friday, 01-Jan-00 00:00:00 GMT", now)
    assert read == calendar.timegm((2100, 1, 1, 0, 0, 0))


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        (b"Thu, 29 Feb 2024 00:00:00 GMT", (2024, 2, 29, 0, 0, 0)),
        (b"Tue, 29 Feb 2000 00:00:00 GMT", (2000, 2, 29, 0, 0, 0)),
        (b"Fri, 30 Jun 2023 23:59:60 GMT", (2023, 7, 1, 0, 0, 0)),  # a leap second
        (b"Mon, 06 Nov 1994 00:00:00 GMT", (1994, 11, 6, 0, 0, 0)),  # it was a Sunday
    ],
)
def test_odd_dates_are_read(text: bytes, same_as: tuple[int, ...]) -> None:
    assert read_http_date(text, NOW) == calendar.timegm(same_as)


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"0", b"*", b"784111777", b"yesterday"),
        b"Sun, 06 Nov 1994 08:49:37",
        b"Sun, 06 Nov 1994 08:49:37 UTC",
        b"Sun, 06 Nov 1994 08:49:37 GMT ",
        b" Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49:37 gmt",
        b"sun, 06 nov 1994 08:49:37 GMT",
        b"Sun, 6 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 94 08:49:37 GMT",
        b"Sun, 06-Nov-1994 08:49:37 GMT",
        b"Sun, 06-Nov-94 08:49:37 GMT",
        b"Sunday, 06 Nov 1994 08:49:37 GMT",
        b"Sun Nov 6 08:49:37 1994",
        b"Sun Nov  6 08:49:37 94",
        b"Sun, 00 Nov 1994 08:49:37 GMT",
        b"Sun, 31 Nov 1994 08:49:37 GMT",
        b"Wed, 29 Feb 2023 00:00:00 GMT",
        b"Thu, 29 Feb 1900 00:00:00 GMT",
        b"Sun, 06 Nov 1994 24:00:00 GMT",
        b"Sun, 06 Nov 1994 08:60:00 GMT",
        b"Sun, 06 Nov 1994 08:49:61 GMT",
        b"Sun, 06 Nov 1994 -8:49:37 GMT",
        b"Son, 06 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Okt 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49:37 +0000",
    ],
)
def test_anything_else_is_no_date(text: bytes) -> None:
    assert read_http_date(text, NOW) is None


@pytest.mark.parametrize("length", range(29))
def test_a_date_that_is_cut_is_none(length: int) -> None:
    assert read_http_date(b"Sun, 06 Nov 1994 08:49:37 GMT"[:length], NOW) is None
