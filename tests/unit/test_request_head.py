"""csrc/http/request_head.h: what the corpus does not say.

Limits of a few bytes, progress, names of methods, and heads that hypothesis makes.
"""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .c_core import ffi, lib
from .http_kit import (
    Head,
    HeadParser,
    Limits,
    More,
    Rejected,
    available_variants,
    bytes_of,
    kept_slice,
    parse_head,
    parse_head_in_cuts,
    scanning_with,
)

SMALL = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(params=available_variants(), autouse=True)
def variant(request: pytest.FixtureRequest) -> Iterator[None]:
    with scanning_with(request.param):
        yield


def head(data: bytes) -> Head:
    outcome = parse_head(data)
    assert isinstance(outcome, Head), outcome
    return outcome


def test_a_head_ends_behind_its_empty_line() -> None:
    assert head(SMALL + b"body").size == len(SMALL)


def test_no_bytes_are_a_legal_beginning() -> None:
    assert parse_head(b"") == More()


def test_headers_keep_their_order_and_case() -> None:
    seen = head(b"GET / HTTP/1.1\r\nhOST: a\r\nB: 1\r\nA: 2\r\nb: 3\r\n\r\n")
    assert seen.headers == ((b"hOST", b"a"), (b"B", b"1"), (b"A", b"2"), (b"b", b"3"))


def test_a_header_is_found_in_any_case_and_the_first_one() -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\r\nB: 1\r\nb: 2\r\n\r\n"
    parser = HeadParser()
    parser.give(data)
    assert parser.find(data, b"b") == b"1"
    assert parser.find(data, b"HOST") == b"a"
    assert parser.find(data, b"hos") is None


# ---- limits ----


@pytest.mark.parametrize("method", [b"GET", b"XYZ"])
def test_a_request_line_may_be_as_long_as_its_limit(method: bytes) -> None:
    data = method + b" /abc HTTP/1.1\r\nHost: a\r\n\r\n"
    assert isinstance(parse_head(data, Limits(line=17)), Head)
    assert parse_head(data, Limits(line=16)) == Rejected(
        "REJECT_REQUEST_LINE_LENGTH", 16
    )


def test_a_request_line_is_too_long_before_its_end_has_come() -> None:
    parser = HeadParser(Limits(line=10))
    assert parser.give(b"GET /abcde") == More()
    assert parser.give(b"GET /abcdef") == Rejected("REJECT_REQUEST_LINE_LENGTH", 10)


def test_a_head_may_be_as_long_as_its_limit() -> None:
    assert isinstance(parse_head(SMALL, Limits(head=len(SMALL))), Head)
    assert parse_head(SMALL, Limits(head=len(SMALL) - 1)) == Rejected(
        "REJECT_HEAD_LENGTH", len(SMALL) - 1
    )


def test_a_head_is_too_long_before_its_end_has_come() -> None:
    parser = HeadParser(Limits(head=20))
    assert parser.give(SMALL[:20]) == More()
    assert parser.give(SMALL[:21]) == Rejected("REJECT_HEAD_LENGTH", 20)


def test_a_fault_before_the_limit_comes_before_the_limit() -> None:
    data = b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"
    assert parse_head(data, Limits(head=27)) == Rejected("REJECT_HEADER_BLANK", 20)


def test_there_may_be_as_many_headers_as_their_limit() -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\r\nB: b\r\nC"
    assert parse_head(data[:-1] + b"\r\n", Limits(headers=2)) != More()
    assert parse_head(data[:-1], Limits(headers=2)) == More()
    assert parse_head(data, Limits(headers=2)) == Rejected("REJECT_HEADER_COUNT", 31)


def test_a_head_without_room_for_headers_is_still_read() -> None:
    data = b"GET / HTTP/1.0\r\n\r\n"
    assert isinstance(parse_head(data, Limits(headers=0)), Head)


# ---- one fault, one place ----


@pytest.mark.parametrize(
    ("data", "reason", "offset"),
    [
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", "LINE_END", 14),
        (b"GET / HTTP/1.1\rHost: a\r\n\r\n", "LINE_END", 14),
        (b"G\x00T / HTTP/1.1\r\n\r\n", "METHOD", 1),
        (b"G(T / HTTP/1.1\r\n\r\n", "METHOD", 1),
        (b"GET /\x00 HTTP/1.1\r\n\r\n", "TARGET_BYTE", 5),
        (b"GET /a#b HTTP/1.1\r\n\r\n", "TARGET_BYTE", 6),
        (b"GET /a%zz HTTP/1.1\r\n\r\n", "TARGET_ESCAPE", 6),
        (b"GET /a/../../b HTTP/1.1\r\n\r\n", "TARGET_CLIMBS", 10),
        (b"GET / HTTP/1.10\r\n\r\n", "VERSION", 14),
        (b"GET / HTTP/2.0\r\n\r\n", "VERSION_MAJOR", 11),
        (b"GET / HTTP/1.1\r\nHo st: a\r\n\r\n", "HEADER_NAME", 18),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "HEADER_BLANK", 20),
        (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "HEADER_FOLDED", 25),
        (b"GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n", "HEADER_BYTE", 23),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "HOST", 22),
        (b"GET / HTTP/1.1\r\n\r\n", "HOST_MISSING", 16),
    ],
)
def test_the_offset_is_that_of_the_offending_byte(
    data: bytes, reason: str, offset: int
) -> None:
    assert parse_head(data) == Rejected(f"REJECT_{reason}", offset)


FAULTS = [b"", b"\x00", b"\r", b"\n", b" ", b"\t", b":", b"#", b"%", b"\xff", b"\r\n"]


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(FAULTS, 2)))
def test_of_two_faults_the_same_is_reported_however_the_bytes_arrive(
    first: bytes, second: bytes
) -> None:
    pieces = SMALL.split(b" ")
    for a, b in itertools.combinations(range(1, len(pieces)), 2):
        data = b" ".join(
            (first if i == a else second if i == b else b"") + piece
            for i, piece in enumerate(pieces)
        )
        whole = parse_head(data, Limits(line=18, head=40, headers=2))
        bytewise = parse_head_in_cuts(
            data, list(range(len(data))), Limits(line=18, head=40, headers=2)
        )
        assert bytewise == whole, data


def test_a_head_that_comes_byte_by_byte_costs_no_more_than_a_constant() -> None:
    """progress says how far it was looked: the next call goes on from there."""
    data = b"GET /" + b"a" * 100 + b" HTTP/1.1\r\nHost: a\r\nX: " + b"b" * 100
    limits = ffi.new("struct head_limits *", (8192, 32768, 10))
    progress = ffi.new("struct head_progress *")
    headers = ffi.new("struct header[]", 10)
    parsed = ffi.new("struct request_head *", {"headers": headers})
    for length in range(1, len(data) + 1):
        result = lib.request_head_parse(
            kept_slice(data[:length]), limits, progress, parsed, ffi.NULL
        )
        assert result == lib.HEAD_MORE
        assert progress.looked in (length, length - 1)  # a CR is looked at again


# ---- methods ----


def test_methods_have_their_names() -> None:
    for number in range(lib.METHOD_OTHER):
        name = bytes_of(lib.method_name(number))
        assert lib.method_from_name(kept_slice(name)) == number
        assert head(name + b" / HTTP/1.1\r\nHost: a\r\n\r\n").method == name.decode()
    assert bytes_of(lib.method_name(lib.METHOD_OTHER)) == b""


@pytest.mark.parametrize("name", [b"get", b"GETS", b"GE", b"", b"PROPFIND"])
def test_other_names_are_other_methods(name: bytes) -> None:
    assert lib.method_from_name(kept_slice(name)) == lib.METHOD_OTHER


# ---- heads that nobody thought of ----

TOKENS = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=40).map(str.encode)
VALUES = st.binary(max_size=80).map(
    lambda value: bytes(b for b in value if b >= 0x20 and b != 0x7F).strip(b" \t")
)
MEANINGFUL = {b"host", b"expect", b"connection", b"content-length"}
MEANINGFUL |= {b"transfer-encoding"}
FIELDS = st.tuples(TOKENS.filter(lambda name: name.lower() not in MEANINGFUL), VALUES)
BLANKS = st.text(" \t", max_size=3).map(str.encode)


@given(
    TOKENS.filter(lambda name: name != b"CONNECT"),
    st.text("abc?=&;:@!$'()*+,~|^`\"<>{}[]\\", max_size=80).map(str.encode),
    st.lists(st.tuples(FIELDS, BLANKS, BLANKS), max_size=8),
    st.lists(st.integers(0, 400), max_size=4),
)
def test_a_legal_head_is_read_as_it_was_written(
    method: bytes,
    target: bytes,
    fields: list[tuple[tuple[bytes, bytes], bytes, bytes]],
    cuts: list[int],
) -> None:
    lines = [b"%s /%s HTTP/1.1" % (method, target), b"Host: a"]
    lines += [b"%s:%s%s%s" % (name, a, value, b) for (name, value), a, b in fields]
    data = b"\r\n".join(lines) + b"\r\n\r\n"
    seen = parse_head_in_cuts(data, sorted(cut for cut in cuts if cut < len(data)))
    assert isinstance(seen, Head)
    assert seen.size == len(data)
    assert seen.method.encode() == method
    assert seen.raw_target == b"/" + target
    path, _, query = (b"/" + target).partition(b"?")
    assert (seen.path, seen.query) == (path, query)
    assert seen.headers[1:] == tuple(field for field, _, _ in fields)
