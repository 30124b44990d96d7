"""csrc/http/chars.h, and the scanners against each other.

A byte at every place of a head, by every scanner: the portable one is the reference.
The places go past two blocks of 32 bytes, and the head ends at a guard page.
"""

import pytest

from .c_core import lib
from .http_kit import (
    VARIANTS,
    Limits,
    available_variants,
    parse_head,
    parse_head_in_cuts,
    scanning_with,
)

TOKEN = set(b"!#$%&'*+-.^_`|~" + bytes(range(48, 58)))
TOKEN |= {*range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1)}
CONTROL = ({*range(0x20)} - {9}) | {0x7F}


def members(bit: int) -> set[int]:
    return {byte for byte in range(256) if lib.char_classes[byte] & bit}


def test_character_classes_are_those_of_the_grammar() -> None:
    assert members(lib.CHAR_TOKEN) == TOKEN
    assert members(lib.CHAR_CONTROL) == CONTROL
    assert members(lib.CHAR_VISIBLE) == set(range(0x21, 0x7F))
    assert members(lib.CHAR_HEX) == set(b"0123456789abcdefABCDEF")
    assert members(lib.CHAR_BLANK) == set(b" \t")
    assert members(lib.CHAR_QUOTED) == set(range(256)) - CONTROL - set(b'"\\')
    assert members(lib.CHAR_REG_NAME) == set(
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+;="
    )


def test_the_portable_scanner_is_always_there() -> None:
    assert available_variants()[0] == "portable"


def test_a_scanner_that_the_processor_lacks_is_refused() -> None:
    for number in range(len(VARIANTS)):
        assert lib.scan_use(number) == lib.scan_is_available(number)
    assert not lib.scan_use(len(VARIANTS))


HEADS = {
    "method": (b"", b"X" * 70, b" / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "target": (b"GET /", b"x" * 70, b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    "query": (b"GET /?", b"x" * 70, b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    "name": (b"GET / HTTP/1.1\r\nHost: a\r\n", b"X" * 70, b": b\r\n\r\n"),
    "value": (b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"x" * 70, b"\r\n\r\n"),
    "short": (b"GET / HTTP/1.1\r\n", b"Host: a", b"\r\n\r\n"),
}


@pytest.mark.parametrize("variant", available_variants()[1:])
@pytest.mark.parametrize("part", HEADS)
def test_every_byte_at_every_place_means_the_same_to_every_scanner(
    variant: str, part: str
) -> None:
    before, middle, after = HEADS[part]
    heads = [
        before + middle[:at] + bytes([byte]) + middle[at + 1 :] + after
        for at in range(len(middle))
        for byte in range(256)
    ]
    with scanning_with("portable"):
        expected = [parse_head(head) for head in heads]
    with scanning_with(variant):
        for head, outcome in zip(heads, expected, strict=True):
            assert parse_head(head) == outcome, head


@pytest.mark.parametrize("variant", available_variants())
@pytest.mark.parametrize("pair", [b"//", b"/.", b"./", b"%2", b"?/", b"/?", b"#/"])
def test_two_bytes_of_a_target_are_seen_across_blocks(
    variant: str, pair: bytes
) -> None:
    for at in range(70):
        target = b"/" + b"x" * at + pair + b"f" * 40
        head = b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n"
        with scanning_with("portable"):
            expected = parse_head_in_cuts(head, [3])  # not on the usual path
        with scanning_with(variant):
            assert parse_head(head) == expected, target


@pytest.mark.parametrize("variant", available_variants())
def test_lines_and_names_of_every_length_are_read(variant: str) -> None:
    limits = Limits(line=300, head=2000, headers=3)
    for length in range(1, 140):
        text = b"x" * length
        head = b"GET /%s HTTP/1.1\r\nHost: a\r\n%s: %s\r\n\r\n" % (text, text, text)
        with scanning_with("portable"):
            expected = parse_head(head, limits)
        with scanning_with(variant):
            assert parse_head(head, limits) == expected
