"""csrc/http/body_framing.h: the chunked decoder, with small limits and all cuts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .http_kit import Chunked, More, Rejected, decode_chunked

HELLO = b"5\r\nhello\r\n0\r\n\r\n"


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


def test_chunks_are_joined() -> None:
    wire = chunk(b"hello") + chunk(b" world") + b"0\r\n\r\n"
    assert decode_chunked(wire) == Chunked(b"hello world", len(wire))


def test_what_follows_the_body_is_left_alone() -> None:
    assert decode_chunked(HELLO + b"GET /") == Chunked(b"hello", len(HELLO))


def test_data_are_slices_of_the_input() -> None:
    """decode_chunked checks that each lies within the bytes that were given."""
    assert decode_chunked(chunk(b"x" * 5000) + b"0\r\n\r\n", step=100) == Chunked(
        b"x" * 5000, 5000 + 6 + 2 + 5
    )


def test_every_beginning_is_unfinished() -> None:
    wire = b'5;a="b"\r\nhello\r\n0;c\r\nX: y\r\n\r\n'
    for length in range(len(wire)):
        assert decode_chunked(wire[:length]) == More()
        assert decode_chunked(wire[:length], step=1) == More()


@pytest.mark.parametrize(
    ("sizes", "limit", "outcome"),
    [
        ([5], 5, None),
        ([5], 4, Rejected("REJECT_BODY_LENGTH", 1)),
        ([5, 5], 10, None),
        ([5, 5], 9, Rejected("REJECT_BODY_LENGTH", 11)),
        ([5], 0, None),
    ],
)
def test_a_chunk_over_the_limit_is_refused_before_its_data(
    sizes: list[int], limit: int, outcome: Rejected | None
) -> None:
    wire = b"".join(chunk(b"x" * size) for size in sizes) + b"0\r\n\r\n"
    expected = outcome or Chunked(b"x" * sum(sizes), len(wire))
    for step in (1, 2, 1000):
        assert decode_chunked(wire, step, limit) == expected


@pytest.mark.parametrize("length", [255, 256, 257, 258])
def test_an_extension_may_have_256_bytes(length: int) -> None:
    wire = chunk(b"x", b";" + b"a" * (length - 1)) + b"0\r\n\r\n"
    accepted = isinstance(decode_chunked(wire), Chunked)
    assert accepted == (length <= 256)
    assert decode_chunked(wire, step=1) == decode_chunked(wire)


def test_each_chunk_may_have_an_extension() -> None:
    wire = chunk(b"x", b";" + b"a" * 200) * 3 + b"0\r\n\r\n"
    assert decode_chunked(wire) == Chunked(b"xxx", len(wire))


@pytest.mark.parametrize("length", [8191, 8192, 8193])
def test_a_trailer_section_may_have_8192_bytes(length: int) -> None:
    wire = b"0\r\n" + b"a:" + b"b" * (length - 6) + b"\r\n\r\n"
    assert isinstance(decode_chunked(wire), Chunked) == (length <= 8192)


def test_an_extension_of_the_last_chunk_does_not_count_as_a_trailer() -> None:
    wire = b"0;" + b"a" * 200 + b"\r\n" + b"a:" + b"b" * 8186 + b"\r\n\r\n"
    assert decode_chunked(wire) == Chunked(b"", len(wire))


def test_an_endless_trailer_section_is_refused_at_its_limit() -> None:
    assert decode_chunked(b"0\r\n" + b"a: b\r\n" * 5000) == Rejected(
        "REJECT_TRAILER", 3 + 8192
    )


def test_the_offset_counts_from_the_body() -> None:
    wire = chunk(b"hello") + b"z\r\n"
    for step in (1, 3, 100):
        assert decode_chunked(wire, step) == Rejected("REJECT_CHUNK_SIZE", 10)


def obvious(wire: bytes) -> Chunked | More | Rejected:
    """For wires without extensions and trailers."""
    body, at = b"", 0
    while True:
        end = wire.find(b"\r\n", at)
        if end < 0:
            return More()
        size = int(wire[at:end], 16)
        at = end + 2 + size + 2
        if at > len(wire):
            return More()
        body += wire[end + 2 : end + 2 + size]
        if size == 0:
            return Chunked(body, at)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.integers(1, 60))
def test_any_body_comes_out_as_it_went_in(chunks: list[bytes], step: int) -> None:
    wire = b"".join(map(chunk, chunks)) + b"0\r\n\r\n"
    expected = obvious(wire)
    assert expected == Chunked(b"".join(chunks), len(wire))
    assert decode_chunked(wire, step) == expected


@given(st.text('05afg;="\\ \t\r\n:aX\x00\x7f', max_size=40), st.integers(1, 9))
def test_where_the_bytes_are_cut_does_not_matter(text: str, step: int) -> None:
    wire = text.encode()
    assert decode_chunked(wire, step) == decode_chunked(wire)
    assert decode_chunked(b"0\r\n" + wire, step) == decode_chunked(b"0\r\n" + wire)
    assert decode_chunked(b"0;" + wire, step) == decode_chunked(b"0;" + wire)
