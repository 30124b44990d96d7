"""csrc/http/http_date.h, against the standard library's formatting of dates."""

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .http_kit import http_date

END = 253402300800  # of year 9999


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
