"""csrc/http/range.h: RFC 9110, 14."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .http_kit import parse_range, write_content_range

LENGTH = 1000
HUGE = 2**64 - 1


@pytest.mark.parametrize(
    ("value", "first", "length"),
    [
        (b"bytes=0-0", 0, 1),
        (b"bytes=0-499", 0, 500),
        (b"bytes=500-999", 500, 500),
        (b"bytes=0-", 0, LENGTH),
        (b"bytes=999-", 999, 1),
        (b"bytes=-1", 999, 1),
        (b"bytes=-500", 500, 500),
        (b"bytes=-1000", 0, LENGTH),
        (b"bytes=0-999", 0, LENGTH),
        # more than there is: up to the end, or from the beginning
        (b"bytes=900-1000", 900, 100),
        (b"bytes=900-99999999999999999999999999", 900, 100),
        (b"bytes=-1001", 0, LENGTH),
        (b"bytes=-99999999999999999999999999", 0, LENGTH),
        # in other words
        (b"BYTES=0-0", 0, 1),
        (b"Bytes=0-0", 0, 1),
        (b"bytes=000-0009", 0, 10),
        (b"bytes=0-9,", 0, 10),
        (b"bytes= 0-9", 0, 10),
        (b"bytes=,0-9 , ,", 0, 10),
    ],
)
def test_a_range_is_found(value: bytes, first: int, length: int) -> None:
    assert parse_range(value, LENGTH) == [(first, length)]


@pytest.mark.parametrize(
    ("value", "ranges"),
    [
        (b"bytes=0-0,-1", [(0, 1), (999, 1)]),
        (b"bytes=500-600,601-999", [(500, 101), (601, 399)]),
        (b"bytes=900-, 0-99", [(900, 100), (0, 100)]),  # in the order asked for
        (b"bytes=0-9\t,\t20-29", [(0, 10), (20, 10)]),
        # beyond the end is left out, as long as one is not
        (b"bytes=0-9,1000-", [(0, 10)]),
        (b"bytes=2000-3000,0-9,-0", [(0, 10)]),
    ],
)
def test_several_ranges_are_found(value: bytes, ranges: list[tuple[int, int]]) -> None:
    assert parse_range(value, LENGTH) == ranges


@pytest.mark.parametrize(
    "value",
    [
        *(b"bytes=1000-", b"bytes=1000-1000", b"bytes=5000-6000", b"bytes=-0"),
        *(b"bytes=1000-,2000-", b"bytes=-0,-0", b"bytes=-000"),
        b"bytes=99999999999999999999999999-",
        b"bytes=18446744073709551615-",
        b"bytes=99999999999999999999999999-99999999999999999999999999",
    ],
)
def test_what_lies_beyond_the_end_is_unsatisfiable(value: bytes) -> None:
    assert parse_range(value, LENGTH) == []


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b"bytes", b"bytes=", b"bytes=,", b"bytes= ", b"=0-9", b"0-9"),
        *(b"bytes=-", b"bytes=--", b"bytes=--1", b"bytes=0--9", b"bytes=0-9-"),
        *(b"bytes=a-b", b"bytes=0-b", b"bytes=0x0-9", b"bytes=+0-9", b"bytes=0-+9"),
        *(b"bytes=9-0", b"bytes=5000-4000", b"bytes=0-9,9-0", b"bytes=0 -9"),
        *(b"bytes=0- 9", b"bytes=0-9 20-29", b"bytes=0-9;20-29", b"bytes=0.5-9"),
        *(b"bytes = 0-9", b"bytes =0-9", b" bytes=0-9", b"bytes:0-9", b"bytes 0-9"),
        *(b"bytes=0-9/1000", b"bytes=*", b"bytes=0-9,x", b"bytes=0-9,bytes=20-29"),
        *(b"bytes=0-9\x00", b"bytes=\xb2-\xb3", b"bytes=1_0-20"),
        b"bytes=99999999999999999999999999-3",
    ],
)
def test_what_is_malformed_is_ignored(value: bytes) -> None:
    assert parse_range(value, LENGTH) is None


@pytest.mark.parametrize("value", [b"lines=0-9", b"byte=0-9", b"bytess=0-9", b"x=0-9"])
def test_another_unit_is_ignored(value: bytes) -> None:
    assert parse_range(value, LENGTH) is None


@pytest.mark.parametrize(
    "value",
    [
        *(b"bytes=0-9,0-9", b"bytes=0-9,9-20", b"bytes=9-20,0-9", b"bytes=0-,-1"),
        *(b"bytes=-2,-1", b"bytes=100-200,0-999", b"bytes=0-9,20-29,5-6"),
    ],
)
def test_ranges_that_overlap_are_ignored(value: bytes) -> None:
    assert parse_range(value, LENGTH) is None


def test_more_ranges_than_anybody_needs_are_ignored() -> None:
    def ranges(count: int) -> bytes:
        return b"bytes=" + b",".join(b"%d-%d" % (at, at) for at in range(count))

    assert parse_range(ranges(16), LENGTH) == [(at, 1) for at in range(16)]
    assert parse_range(ranges(17), LENGTH) is None
    assert parse_range(ranges(16) + b",5000-", LENGTH) is None


@pytest.mark.parametrize("value", [b"bytes=0-", b"bytes=-1", b"bytes=0-0", b"bytes=5-"])
def test_of_nothing_there_is_no_part(value: bytes) -> None:
    assert parse_range(value, 0) is None


def test_the_largest_length_there_is() -> None:
    assert parse_range(b"bytes=0-", HUGE) == [(0, HUGE)]
    assert parse_range(b"bytes=-1", HUGE) == [(HUGE - 1, 1)]
    assert parse_range(b"bytes=-99999999999999999999", HUGE) == [(0, HUGE)]
    assert parse_range(b"bytes=1-18446744073709551614", HUGE) == [(1, HUGE - 1)]
    assert parse_range(b"bytes=18446744073709551615-", HUGE) == []


# ---- against a model ----

POSITIONS = st.integers(0, 30)
SPECS = st.one_of(
    st.tuples(POSITIONS, POSITIONS),
    st.tuples(POSITIONS, st.none()),
    st.tuples(st.none(), POSITIONS),
)


def expected_ranges(
    specs: list[tuple[int | None, int | None]], length: int
) -> list[tuple[int, int]] | None:
    """By writing down the position of every byte."""
    whole = range(length)
    found: list[range] = []
    for first, last in specs:
        if first is None:
            assert last is not None
            found.append(whole[length - min(last, length) :])
        elif last is not None and last < first:
            return None
        else:
            found.append(whole[first : None if last is None else last + 1])
    found = [part for part in found if part]
    positions = [position for part in found for position in part]
    if len(specs) > 16 or len(positions) != len(set(positions)):
        return None
    return [(part[0], len(part)) for part in found]


def written(position: int | None) -> str:
    return "" if position is None else str(position)


@given(st.lists(SPECS, min_size=1, max_size=18), st.integers(1, 25))
def test_any_ranges_are_those_of_the_model(
    specs: list[tuple[int | None, int | None]], length: int
) -> None:
    value = ",".join(f"{written(first)}-{written(last)}" for first, last in specs)
    expected = expected_ranges(specs, length)
    assert parse_range(f"bytes={value}".encode(), length) == expected


@given(st.binary(max_size=40), st.integers(0, HUGE))
def test_any_bytes_name_parts_that_exist(value: bytes, length: int) -> None:
    for first, count in parse_range(b"bytes=" + value, length) or []:
        assert count > 0
        assert first + count <= length


# ---- Content-Range ----


def test_content_range_says_which_part_it_is() -> None:
    assert write_content_range((0, 500), 1000) == b"bytes 0-499/1000"
    assert write_content_range((999, 1), 1000) == b"bytes 999-999/1000"
    largest = b"bytes 0-%d/%d" % (HUGE - 1, HUGE)
    assert write_content_range((0, HUGE), HUGE) == largest


def test_content_range_of_a_416_says_how_much_there_is() -> None:
    assert write_content_range(None, 1000) == b"bytes */1000"
