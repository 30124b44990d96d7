"""csrc/http/utf8.h and csrc/serve/page_text.h: any bytes as text and as links."""

import html
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from .c_core import ffi, lib
from .http_kit import slice_


def characters(data: bytes) -> str:
    """What utf8_read makes of the bytes, one after the other."""
    text, at, character = "", 0, ffi.new("uint32_t *")
    while at < len(data):
        length = lib.utf8_read(slice_(data[at:]), character)
        assert 1 <= length <= len(data) - at
        text += chr(character[0])
        at += length
    return text


def written(function: str, data: bytes) -> str:
    page = ffi.new("struct page_text *")
    getattr(lib, function)(page, slice_(data))
    length = ffi.new("size_t *")
    taken = lib.page_take(page, length)
    if taken == ffi.NULL:  # nothing was written
        assert data == b""
        return ""
    text = bytes(ffi.buffer(taken, length[0])).decode()
    lib.kit_free(taken)
    return text


def as_text(data: bytes) -> str:
    return written("page_add_text", data)


def as_link(data: bytes) -> str:
    return written("page_add_link", data)


# ---- UTF-8 ----


@given(st.text())
def test_text_is_read_as_it_is(text: str) -> None:
    assert characters(text.encode()) == text


@given(st.binary())
@example(b"\xc0\x80")  # longer than needed
@example(b"\xe0\x80\x80")
@example(b"\xf0\x80\x80\x80")
@example(b"\xed\xa0\x80")  # a surrogate
@example(b"\xf4\x90\x80\x80")  # past U+10FFFF
@example(b"\xf0\x9f\x98a")  # one that breaks off
@example(b"\xf0\x9f\x98")
@example(b"\xe2\x82\xe2\x82\xac")
@example(b"\x80\xbf\xfe\xff")
def test_other_bytes_are_replaced_as_the_standard_library_does(data: bytes) -> None:
    assert characters(data) == data.decode("utf-8", "replace")


@pytest.mark.parametrize("lead", range(0x80, 0x100))
def test_every_first_and_second_byte(lead: int) -> None:
    for second in range(0x100):
        data = bytes([lead, second, 0x80, 0x80])
        assert characters(data) == data.decode("utf-8", "replace")


# ---- text ----


def test_what_means_something_to_html_is_escaped() -> None:
    assert as_text(b"<b>\"a\" & 'b'</b>") == (
        "&lt;b&gt;&quot;a&quot; &amp; 'b'&lt;/b&gt;"
    )


def test_control_characters_are_pictures() -> None:
    controls = bytes(range(32)) + b"\x7f"
    assert as_text(controls) == "".join(map(chr, range(0x2400, 0x2420))) + "\u2421"


@pytest.mark.parametrize(
    "character", [0x80, 0x9F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
)
def test_characters_that_disturb_their_neighbours_are_replaced(character: int) -> None:
    assert as_text(f"a{chr(character)}b".encode()) == "a\ufffdb"


def test_letters_of_all_scripts_and_joined_pictures_stay() -> None:
    text = "Gr\u00fc\u00dfe \u65e5\u672c \u05e9\u05dc\u05d5 \U0001f469\u200d\U0001f680"
    assert as_text(text.encode()) == text


@given(st.binary())
def test_no_bytes_leave_the_text_they_are_put_in(data: bytes) -> None:
    text = as_text(data)
    assert not set(text) & set('<>"\n\r\t\0')
    assert html.unescape(text).count("&") == data.count(b"&")


# ---- links ----


@given(st.binary())
@example(b"javascript:alert(1)")
@example(b"a?b#c%41")
def test_a_link_is_encoded_as_the_standard_library_does(data: bytes) -> None:
    data = data.replace(b"\0", b"")  # an encoded slash, which no name has
    assert as_link(data) == quote_from_bytes(data, safe="/")


# ---- pages ----


def test_a_page_grows() -> None:
    page = ffi.new("struct page_text *")
    for _ in range(1000):
        lib.page_add(page, slice_(b"x" * 99))
        lib.page_add_number(page, 7)
    length = ffi.new("size_t *")
    taken = lib.page_take(page, length)
    assert bytes(ffi.buffer(taken, length[0])) == (b"x" * 99 + b"7") * 1000
    lib.kit_free(taken)
