"""csrc/serve/static_path.h and media_types.h."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .c_core import ffi, lib
from .http_kit import bytes_of, slice_


def read(rest: bytes) -> bytes | None:
    path = ffi.new("struct static_path *")
    if not lib.static_path_read(path, slice_(rest)):
        return None
    text = bytes(ffi.string(path.text))
    assert len(text) == path.length
    return text


@pytest.mark.parametrize(
    "rest", [b"", b"a", b"a/b", b"a b/\xff", b".well-known/a", b"a."]
)
def test_names_are_kept_as_they_are(rest: bytes) -> None:
    assert read(rest) == rest
    assert read(rest + b"/") == rest


@pytest.mark.parametrize(
    "rest",
    [
        b".a",
        b"a/.b",
        b".well-known/.a",
        b"...",
        b"a/..b/c",
        b"a\0b",
        b"\0",
        b"a" * 4096,
    ],
)
def test_what_cannot_be_there_is_not_asked_for(rest: bytes) -> None:
    assert read(rest) is None
    assert read(rest + b"/") is None


segments = st.lists(
    st.binary(min_size=1, max_size=8).map(lambda name: name.replace(b"/", b".")),
    max_size=5,
)


@given(segments)
def test_no_path_has_a_name_with_a_dot_before_it(names: list[bytes]) -> None:
    text = read(b"/".join(names))
    hidden = [name for name in names if name[0] == ord(".") or b"\0" in name]
    assert (text is None) == bool(hidden)


def encode(path: bytes) -> bytes:
    out = ffi.new("char[]", 3 * len(path) + 1)
    return bytes(ffi.buffer(out, lib.static_path_encode(slice_(path), out) - out))


@given(st.binary(max_size=30).map(lambda path: path.replace(b"\0", b"")))
def test_a_location_is_encoded_as_a_path_is(path: bytes) -> None:
    assert encode(path) == quote(path).encode()


def test_an_encoded_slash_stays_one() -> None:
    assert encode(b"/a\0b/") == b"/a%2Fb/"


def test_types_are_found_by_the_last_extension_in_any_case() -> None:
    given = {"html": "text/html", "gz": "application/gzip", "b": "x/b"}
    texts = [
        ffi.new("char[]", text.encode()) for pair in given.items() for text in pair
    ]
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    types = ffi.new("struct media_types *")
    assert lib.media_types_init(
        types, ffi.new("struct pyrs_media_type[]", pairs), len(pairs)
    )
    found = {
        name: bytes_of(lib.media_types_find(types, slice_(name.encode())))
        for name in ("a.html", "A.HTML", "a.tar.gz", ".html", "a.b")
    }
    unknown = {
        bytes_of(lib.media_types_find(types, slice_(name.encode())))
        for name in ("html", "a.", "", ".", "a.ht", "a.htmlx", "a." + "x" * 100)
    }
    lib.media_types_fini(types)
    assert found == {
        "a.html": b"text/html",
        "A.HTML": b"text/html",
        "a.tar.gz": b"application/gzip",
        ".html": b"text/html",
        "a.b": b"x/b",
    }
    assert unknown == {b"application/octet-stream"}
