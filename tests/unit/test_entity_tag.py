"""csrc/http/entity_tag.h."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .http_kit import (
    entity_tag_in_list,
    entity_tag_is_valid,
    entity_tags_equal,
    write_entity_tag,
)

SIZES = st.integers(0, 2**64 - 1)
TIMES = st.integers(-(2**63), 2**63 - 1)
STATES = st.tuples(SIZES, TIMES, TIMES, SIZES)


# ---- of a file ----


@given(STATES, st.sampled_from([b"", b"gzip", b"br", b"sixteen-letters."]))
def test_a_files_tag_is_valid_strong_and_always_the_same(
    state: tuple[int, int, int, int], coding: bytes
) -> None:
    tag = write_entity_tag(*state, coding)
    assert entity_tag_is_valid(tag)
    assert tag.startswith(b'"')
    assert tag == write_entity_tag(*state, coding)


@given(STATES, STATES)
def test_two_states_have_two_tags(
    one: tuple[int, int, int, int], other: tuple[int, int, int, int]
) -> None:
    assert (write_entity_tag(*one) == write_entity_tag(*other)) == (one == other)


@pytest.mark.parametrize(
    "other",
    [(11, 5, 6, 7), (10, 4, 6, 7), (10, 5, 5, 7), (10, 5, 6, 8), (10, 6, 5, 7)],
)
def test_size_both_times_and_inode_count(other: tuple[int, int, int, int]) -> None:
    assert write_entity_tag(10, 5, 6, 7) != write_entity_tag(*other)


@given(st.lists(TIMES, unique=True))
def test_each_time_has_a_tag_of_its_own(times: list[int]) -> None:
    assert len({write_entity_tag(10, time, 6, 7) for time in times}) == len(times)
    assert len({write_entity_tag(10, 5, time, 7) for time in times}) == len(times)


def test_every_coding_has_a_tag_of_its_own() -> None:
    tags = {write_entity_tag(10, 5, 6, 7, coding) for coding in (b"", b"gzip", b"br")}
    assert len(tags) == 3


def test_inode_and_times_cannot_be_read_from_a_tag() -> None:
    tag = write_entity_tag(0x10, 0x1234567890ABCDEF, 0x234567890ABCDEF1, 0xFEDCBA)
    assert tag.startswith(b'"10-')
    assert b"fedcba" not in tag
    assert b"1234567890abcdef" not in tag
    assert b"234567890abcdef1" not in tag


# ---- what a tag is ----

VALID = [
    *(b'"xyzzy"', b'W/"xyzzy"', b'""', b'W/""', b'"a,b"', b'"a\\"', b'"*"', b'"W/"'),
    *(b'"!#~"', b'"\x80\xff"', b'"\'"'),
]


@pytest.mark.parametrize("tag", VALID)
def test_these_are_tags(tag: bytes) -> None:
    assert entity_tag_is_valid(tag)


@pytest.mark.parametrize(
    "tag",
    [
        *(b"", b"xyzzy", b'"', b'"xyzzy', b'xyzzy"', b'"xy"zzy"', b'"x" ', b' "x"'),
        *(b'w/"x"', b'W"x"', b'W/ "x"', b"W/x", b"W/", b"W", b"'x'", b"*", b'"x y"'),
        *(b'"x\ty"', b'"x\x7fy"', b'"x\x00y"', b'"x", "y"', b'"x\r\n"'),
    ],
)
def test_these_are_none(tag: bytes) -> None:
    assert not entity_tag_is_valid(tag)


@pytest.mark.parametrize(
    ("a", "b", "strongly", "weakly"),
    [  # the table of RFC 9110, 8.8.3.2
        (b'W/"1"', b'W/"1"', False, True),
        (b'W/"1"', b'W/"2"', False, False),
        (b'W/"1"', b'"1"', False, True),
        (b'"1"', b'W/"1"', False, True),
        (b'"1"', b'"1"', True, True),
        # and letters count
        (b'"a"', b'"A"', False, False),
        (b'"1"', b'"11"', False, False),
    ],
)
def test_tags_are_compared_strongly_or_weakly(
    a: bytes, b: bytes, strongly: bool, weakly: bool
) -> None:
    assert entity_tags_equal(a, b, "strongly") == strongly
    assert entity_tags_equal(a, b, "weakly") == weakly


# ---- lists ----


@pytest.mark.parametrize(
    "tags",
    [
        *(b'"x"', b'"x","y"', b'"y","x"', b'"y" , "x"', b'"y"\t,\t"x"', b' "x" '),
        *(b',"x"', b'"x",', b', ,"x",,', b'"a,b","x"', b'"a\\","x"', b'W/"y", "x"'),
        *(b'W/"x", "x"', b'"x", and so on'),
    ],
)
def test_a_tag_is_found_in_a_list(tags: bytes) -> None:
    assert entity_tag_in_list(tags, b'"x"', "strongly")
    assert entity_tag_in_list(tags, b'W/"x"', "weakly")


@pytest.mark.parametrize(
    "tags",
    [
        *(b"", b" ", b",", b"x", b"*", b'"y"', b'"y","z"', b'"xx"', b'"y,"x"', b'"x'),
        *(b'"x" "x"', b'"x"x', b'y, "x"', b'"y" "z", "x"', b'"y", z, "x"', b'"y"; "x"'),
        *(b'"a","x', b'w/"x"', b'"y, "x"'),
    ],
)
def test_what_is_not_in_a_list_or_behind_its_fault_is_not_found(tags: bytes) -> None:
    assert not entity_tag_in_list(tags, b'"x"', "weakly")


def test_a_weak_tag_is_not_found_strongly() -> None:
    assert not entity_tag_in_list(b'W/"x"', b'"x"', "strongly")
    assert not entity_tag_in_list(b'"x"', b'W/"x"', "strongly")
    assert entity_tag_in_list(b'W/"x"', b'"x"', "weakly")


@given(st.lists(st.sampled_from(VALID)), st.sampled_from(VALID))
def test_a_list_has_what_was_put_into_it(tags: list[bytes], tag: bytes) -> None:
    expected = any(entity_tags_equal(tag, other, "weakly") for other in tags)
    assert entity_tag_in_list(b", ".join(tags), tag, "weakly") == expected


@given(st.binary(max_size=40))
def test_any_bytes_are_a_list_of_some_kind(tags: bytes) -> None:
    assert isinstance(entity_tag_in_list(tags, b'"x"', "weakly"), bool)
