"""csrc/http/byteranges.h, as the standard library reads mail; and what it stands on."""

import email
import email.message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .http_kit import field_lines, write_byteranges, write_decimal, write_hex

CONTENT = bytes(range(256)) * 4


def read_mail(body: bytes, boundary: bytes) -> list[email.message.Message]:
    head = b"Content-Type: multipart/byteranges; boundary=" + boundary + b"\r\n\r\n"
    parsed = email.message_from_bytes(head + body)
    assert parsed.is_multipart()
    assert not parsed.defects
    return [part for part in parsed.walk() if part is not parsed]


def test_a_body_of_two_parts_letter_by_letter() -> None:
    assert write_byteranges(b"0123456789", [(0, 2), (7, 3)], b"B", b"text/plain") == (
        b"\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01"
        b"\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 7-9/10\r\n\r\n789"
        b"\r\n--B--\r\n"
    )


def test_without_a_media_type_parts_have_none() -> None:
    body = write_byteranges(b"0123456789", [(0, 2)], b"B", b"")
    assert body == (b"\r\n--B\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n--B--\r\n")


@pytest.mark.parametrize("count", [1, 2, 16])
def test_every_part_is_found_again(count: int) -> None:
    ranges = [(at * 20, at + 1) for at in range(count)]
    body = write_byteranges(CONTENT, ranges, b"0123456789abcdef", b"text/plain")
    parts = read_mail(body, b"0123456789abcdef")
    assert len(parts) == count
    for part, (first, length) in zip(parts, ranges, strict=True):
        last = first + length - 1
        assert part["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
        assert part.get_content_type() == "text/plain"


# ---- numbers ----


@given(st.integers(0, 2**64 - 1))
def test_numbers_are_written(number: int) -> None:
    assert write_decimal(number) == b"%d" % number
    assert write_hex(number) == b"%x" % number


@pytest.mark.parametrize("number", [0, 9, 10, 15, 16, 2**64 - 1])
def test_numbers_at_the_edges(number: int) -> None:
    assert (write_decimal(number), write_hex(number)) == (
        b"%d" % number,
        b"%x" % number,
    )


# ---- field lines ----


def test_field_lines_are_gone_through() -> None:
    assert field_lines(b"A: 1\r\nX-Long:\t a b \r\nEmpty:\r\n") == [
        (b"A: 1\r\n", b"A", b"1"),
        (b"X-Long:\t a b \r\n", b"X-Long", b"a b"),
        (b"Empty:\r\n", b"Empty", b""),
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (b"", []),
        (b"A: 1", [(b"A: 1", b"A", b"1")]),
        (b"A\r\n", [(b"A\r\n", b"A", b"")]),
        (b"A:b:c\r\n", [(b"A:b:c\r\n", b"A", b"b:c")]),
        (b"A: 1\nB: 2\r\n", [(b"A: 1\n", b"A", b"1"), (b"B: 2\r\n", b"B", b"2")]),
        (b"\r\n", [(b"\r\n", b"", b"")]),
    ],
)
def test_odd_lines_lose_no_byte(
    lines: bytes, expected: list[tuple[bytes, bytes, bytes]]
) -> None:
    assert field_lines(lines) == expected


@given(st.binary(max_size=60))
def test_lines_together_are_what_was_given(lines: bytes) -> None:
    assert b"".join(line for line, _, _ in field_lines(lines)) == lines
