"""csrc/http/target.h, against a slow and obvious model."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from .http_kit import (
    Rejected,
    authorities_equal,
    authority_is_valid,
    parse_target,
    resolve_path,
)

PIECES = [
    "/",
    "//",
    ".",
    "..",
    "%2e",
    "%2E",
    "%2f",
    "%2F",
    "a",
    "b",
    "%41",
    "...",
    "%25",
]
PATHS = st.lists(st.sampled_from(PIECES), max_size=12).map(
    lambda pieces: ("/" + "".join(pieces)).encode()
)


def resolved(path: bytes) -> bytes | None:
    """What target_resolve_path promises, without a thought for speed."""
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for raw in segments:
        segment = re.sub(
            rb"%([0-9a-fA-F]{2})",
            lambda match: bytes([int(match[1], 16)]).replace(b"/", b"\0"),
            raw,
        )
        if segment == b"..":
            if not kept:
                return None
            kept.pop()
        elif segment not in (b"", b"."):
            kept.append(segment)
    open_end = bool(segments) and (
        segments[-1] == b"" or re.fullmatch(rb"(\.|%2[eE]){1,2}", segments[-1])
    )
    return b"/" + b"/".join(kept) + (b"/" if kept and open_end else b"")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"", b"/"),
        (b"/", b"/"),
        (b"//", b"/"),
        (b"/a", b"/a"),
        (b"/a/", b"/a/"),
        (b"/a//b///", b"/a/b/"),
        (b"/a/./b", b"/a/b"),
        (b"/a/../b", b"/b"),
        (b"/a/..", b"/"),
        (b"/a/b/..", b"/a/"),
        (b"/a/.", b"/a/"),
        (b"/a/%2e%2E/b", b"/b"),
        (b"/a%2Fb", b"/a\0b"),
        (b"/a/..%2f", b"/a/..\0"),
        (b"/%41%2541", b"/A%41"),
        (b"/...", b"/..."),
        (b"/.well-known/x", b"/.well-known/x"),
        (b"/caf%C3%A9", b"/caf\xc3\xa9"),
        (b"/a//../b", b"/b"),
    ],
)
def test_paths_are_resolved(path: bytes, expected: bytes) -> None:
    assert resolve_path(path) == expected
    if path:
        assert resolved(path) == expected


@pytest.mark.parametrize(
    ("path", "offset"),
    [(b"/..", 1), (b"/a/../..", 6), (b"/./../a", 3), (b"//../a", 2), (b"/%2e%2e", 1)],
)
def test_a_path_that_climbs_is_refused_where_it_does(path: bytes, offset: int) -> None:
    assert resolve_path(path) == Rejected("REJECT_TARGET_CLIMBS", offset)
    assert parse_target(path) == Rejected("REJECT_TARGET_CLIMBS", offset)


@given(PATHS)
@example(b"/a%2e/..")
def test_resolving_is_what_the_model_says(path: bytes) -> None:
    expected = resolved(path)
    outcome = resolve_path(path)
    target = parse_target(path)
    if expected is None:
        assert isinstance(outcome, Rejected)
        assert target == outcome
        return
    assert outcome == expected
    assert not isinstance(target, Rejected)
    assert target.path_is_resolved == (path == expected)


def test_spans_count_from_the_buffer() -> None:
    target = parse_target(b"http://a:80/b?c", before=b"GET ")
    assert not isinstance(target, Rejected)
    assert (target.form, target.path, target.query) == ("absolute", b"/b", b"c")
    assert target.authority == b"a:80"
    assert parse_target(b"/a%", before=b"GET ") == Rejected("REJECT_TARGET_ESCAPE", 6)


def test_a_refused_target_leaves_the_old_one_alone() -> None:
    assert parse_target(b"", before=b"") == Rejected("REJECT_TARGET_FORM", 0)


VALID_AUTHORITIES = r"""
a a:80 a: a:0 a:65535 127.0.0.1 A-b_c~d. %41 1 !$&'()*+;=
[::] [::1] [1::] [1:2:3:4:5:6:7:8] [1:2:3:4:5:6:7::] [::2:3:4:5:6:7:8] [a:B::c]:443
[1:2:3:4:5:6:1.2.3.4] [::1.2.3.4] [1:2:3:4:5::1.2.3.4] [::0001]
"""
INVALID_AUTHORITIES = r"""
: :80 a:b a:65536 a:-1 a:+1 a:80:80 a@b a/b a?b a#b a,b a\b a"b % %4 %4g %00
[ [] [::1 ::1 [::1]a [:1] [1:] [:::] [1::2::3] [12345::] [g::] [1:2:3:4:5:6:7]
[1:2:3:4:5:6:7:8:9] [1:2:3:4:5:6:7:8::] [::1:2:3:4:5:6:7:8] [1:2:3:4:5:6::1.2.3.4]
[1:2:3:4:5:6:7:1.2.3.4] [1.2.3.4] [::1.2.3] [::1.2.3.4.5] [::1.2.3.256] [::01.2.3.4]
[::1.2.3.4:5] [::1%25a] [v1.a]
"""


def test_an_authority_is_a_host_and_perhaps_a_port() -> None:
    for text in VALID_AUTHORITIES.split():
        assert authority_is_valid(text.encode()), text
    for text in [*INVALID_AUTHORITIES.split(), "", " ", "a b", "a\t", "caf\xe9"]:
        assert not authority_is_valid(text.encode("latin-1")), text


def test_authorities_are_equal_in_any_case_and_by_their_default_port() -> None:
    assert authorities_equal(b"a.B", b"A.b", 80)
    assert authorities_equal(b"a", b"a:80", 80)
    assert authorities_equal(b"a:", b"a:80", 80)
    assert authorities_equal(b"[::1]:443", b"[::1]", 443)
    assert authorities_equal(b"a:8080", b"a:08080", 80)
    assert not authorities_equal(b"a", b"a:80", 443)
    assert not authorities_equal(b"a", b"a:0", 80)
    assert not authorities_equal(b"a", b"b", 80)
