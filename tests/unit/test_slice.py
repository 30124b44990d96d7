"""csrc/http/slice.h: comparing bytes, reading numbers."""

import pytest

from .c_core import lib
from .http_kit import kept_slice, slice_, to_int64


def equal(a: bytes, b: bytes) -> bool:
    return bool(lib.slice_equal_ignoring_case(kept_slice(a), slice_(b)))


def test_letters_are_compared_in_any_case() -> None:
    assert equal(b"Content-Length", b"cONTENT-lENGTH")
    assert equal(b"", b"")


def test_nothing_but_letters_has_a_case() -> None:
    for a in range(256):
        for b in range(256):
            same = bytes([a]).lower() == bytes([b]).lower()
            assert equal(bytes([a]), bytes([b])) == same, (a, b)


def test_different_lengths_are_not_equal() -> None:
    assert not equal(b"host", b"hos")
    assert not equal(b"", b"h")


@pytest.mark.parametrize(
    ("digits", "value"),
    [
        (b"0", 0),
        (b"5", 5),
        (b"0000000000000000000000000000005", 5),
        (b"9223372036854775807", 2**63 - 1),
    ],
)
def test_digits_are_a_number(digits: bytes, value: int) -> None:
    assert to_int64(digits) == value


@pytest.mark.parametrize(
    "text",
    [
        *(
            b"",
            b"+5",
            b"-5",
            b" 5",
            b"5 ",
            b"1_0",
            b"0x5",
            b"5.0",
            b"\xb2",
            b"5\0",
            b"/",
        ),
        *(b":", b"9223372036854775808", b"18446744073709551621", b"9" * 30),
    ],
)
def test_anything_else_is_none_and_leaves_the_value_alone(text: bytes) -> None:
    assert to_int64(text) is None
