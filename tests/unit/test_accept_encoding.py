"""csrc/http/accept_encoding.h: RFC 9110, 12.5.3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .c_core import lib
from .http_kit import choose_coding

ALL = ("br", "zstd", "gzip", "identity")


@pytest.mark.parametrize(
    ("fields", "chosen"),
    [
        ([], "identity"),
        (["gzip"], "gzip"),
        (["GZip"], "gzip"),
        (["x-gzip"], "gzip"),
        (["gzip, deflate, br, zstd"], "br"),
        (["gzip, deflate"], "gzip"),
        (["zstd, gzip"], "zstd"),
        (["deflate"], "identity"),
        (["gzip;q=1.0, br;q=0.5"], "gzip"),
        (["gzip;q=0.001"], "gzip"),
        (["br ; q=0.8 , gzip ; Q=0.9"], "gzip"),
        (["gzip;q=0, br;q=0"], "identity"),
        (["gzip;q=0.5, identity"], "identity"),
        (["gzip;q=0.5, identity;q=0.5"], "gzip"),
        (["identity;q=0.9, br;q=0.1"], "identity"),
        (["*"], "br"),
        (["*;q=0.5, gzip"], "gzip"),
        (["br;q=0, *"], "zstd"),
        (["*;q=0, gzip"], "gzip"),
        (["*;q=0"], None),
        (["identity;q=0"], None),
        (["identity;q=0, deflate"], None),
        (["identity;q=0, *;q=0.1"], "br"),
        (["*;q=0, identity;q=0.1"], "identity"),
        ([""], "identity"),
        (["gzip", "br;q=0.9"], "gzip"),
        (["", "br"], "br"),
        ([", ,gzip,"], "gzip"),
        (["gzip;q=2"], "identity"),
        (["gzip;q=0.1234"], "identity"),
        (["gzip;q=-1"], "identity"),
        (["gzip;q="], "identity"),
        (["gzip;q=1.5"], "identity"),
        (["gzip;level=9"], "identity"),
        (["br/gzip"], "identity"),
        (["gzip;q=1."], "gzip"),
    ],
)
def test_the_coding_that_is_chosen(fields: list[str], chosen: str | None) -> None:
    assert choose_coding(fields, ALL) == chosen


def test_what_is_not_there_is_never_chosen() -> None:
    assert choose_coding(["br, gzip"], ("gzip", "identity")) == "gzip"
    assert choose_coding(["br"], ("gzip", "identity")) == "identity"
    assert choose_coding(["identity;q=0, br"], ("gzip", "identity")) is None
    assert choose_coding(["*"], ("zstd", "identity")) == "zstd"


def test_the_names_are_those_of_content_encoding() -> None:
    assert [lib.coding_name(coding).length for coding in range(4)] == [2, 4, 4, 0]


@given(
    st.lists(st.text("brgzipstdeny;q=01.*, \t", max_size=30), max_size=3),
    st.sets(st.sampled_from(ALL)),
)
def test_only_what_there_is_comes_of_any_text(
    fields: list[str], available: set[str]
) -> None:
    assert choose_coding(fields, available) in (*available, None)
