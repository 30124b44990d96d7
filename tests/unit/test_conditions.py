"""csrc/http/conditions.h: RFC 9110, 13, a row for every rule."""

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .http_kit import Current, Judged, http_date, judge_conditions

CHANGED = 784111777
NOW = CHANGED + 3600
TAG = b'"now"'
CURRENT = Current(TAG, CHANGED, NOW)

EXACT = http_date(CHANGED).decode()
BEFORE = http_date(CHANGED - 1).decode()
AFTER = http_date(CHANGED + 1).decode()
MOMENT = datetime.fromtimestamp(CHANGED, timezone.utc)

PROCEED, NOT_MODIFIED, FAILED = "proceed", "not modified", "failed"


def judge(*fields: str, method: str = "GET", current: Current = CURRENT) -> Judged:
    lines = "".join(f"{field}\r\n" for field in fields)
    request = f"{method} / HTTP/1.1\r\nHost: a\r\n{lines}Accept: */*\r\n\r\n"
    return judge_conditions(request.encode("latin-1"), current)


# ---- If-None-Match ----


@pytest.mark.parametrize(
    "fields",
    [
        ['If-None-Match: "now"'],
        ['If-None-Match: W/"now"'],  # weakly: 13.1.2
        ['If-None-Match: "then", "now"'],
        ['If-None-Match: "then"', 'if-none-match: "now"'],
        ['IF-NONE-MATCH: "now"'],
        ["If-None-Match: *"],
    ],
)
def test_who_has_it_already_is_told_so(fields: list[str]) -> None:
    assert judge(*fields).outcome == NOT_MODIFIED
    assert judge(*fields, method="HEAD").outcome == NOT_MODIFIED


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "MKCOL"])
@pytest.mark.parametrize("tags", ["*", '"now"', 'W/"now"'])
def test_who_wants_to_make_what_is_there_fails(method: str, tags: str) -> None:
    assert judge(f"If-None-Match: {tags}", method=method).outcome == FAILED


@pytest.mark.parametrize(
    "fields",
    [
        ['If-None-Match: "then"'],
        ["If-None-Match: now"],
        ["If-None-Match:"],
        ['If-None-Match: "now'],
        ['If-None-Match: *, "then"'],  # a star stands alone
        ['If-None-Match: "then", *'],
        ["If-None-Match: *", "If-None-Match: *"],
        ["If-None-Match: **"],
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_who_has_something_else_gets_it(fields: list[str], method: str) -> None:
    assert judge(*fields, method=method).outcome == PROCEED


# ---- If-Modified-Since ----


@pytest.mark.parametrize(
    ("date", "outcome"),
    [
        (EXACT, NOT_MODIFIED),
        (AFTER, NOT_MODIFIED),
        (BEFORE, PROCEED),
        (f"{MOMENT:%A, %d-%b-%y %H:%M:%S} GMT", NOT_MODIFIED),
        ("Sun Nov  6 08:49:37 1994", NOT_MODIFIED),
        ("Sun Nov  6 08:49:36 1994", PROCEED),
        # 13.1.3: what is no date is ignored
        ("", PROCEED),
        (str(CHANGED), PROCEED),
        (f"{EXACT}, {EXACT}", PROCEED),
        (f"{EXACT}; length=5", PROCEED),
        (AFTER.lower(), PROCEED),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_modified_since_compares_dates(date: str, outcome: str, method: str) -> None:
    assert judge(f"If-Modified-Since: {date}", method=method).outcome == outcome


def test_two_dates_are_ignored() -> None:
    twice = [f"If-Modified-Since: {AFTER}"] * 2
    assert judge(*twice).outcome == PROCEED
    twice = [f"If-Unmodified-Since: {BEFORE}"] * 2
    assert judge(*twice).outcome == PROCEED


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_if_modified_since_is_for_get_and_head(method: str) -> None:
    assert judge(f"If-Modified-Since: {AFTER}", method=method).outcome == PROCEED


def test_if_none_match_makes_if_modified_since_meaningless() -> None:
    late, early = f"If-Modified-Since: {AFTER}", f"If-Modified-Since: {BEFORE}"
    assert judge('If-None-Match: "then"', late).outcome == PROCEED
    assert judge('If-None-Match: "now"', early).outcome == NOT_MODIFIED
    assert judge("If-None-Match: malformed", late).outcome == PROCEED


# ---- If-Match ----


@pytest.mark.parametrize(
    "fields",
    [
        ['If-Match: "now"'],
        ['If-Match: "then", "now"'],
        ['If-Match: "then"', 'If-Match: "now"'],
        ["If-Match: *"],
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_who_means_what_is_there_goes_on(fields: list[str], method: str) -> None:
    assert judge(*fields, method=method).outcome == PROCEED


@pytest.mark.parametrize(
    "fields",
    [
        ['If-Match: "then"'],
        ['If-Match: W/"now"'],  # strongly: 13.1.1
        ["If-Match:"],
        ["If-Match: now"],
        ['If-Match: then, "now"'],
        ["If-Match: *", "If-Match: *"],
        ['If-Match: "then", *'],
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_who_means_something_else_fails(fields: list[str], method: str) -> None:
    assert judge(*fields, method=method).outcome == FAILED


# ---- If-Unmodified-Since ----


@pytest.mark.parametrize(
    ("date", "outcome"),
    [
        (EXACT, PROCEED),
        (AFTER, PROCEED),
        (BEFORE, FAILED),
        ("Sun Nov  6 08:49:36 1994", FAILED),
        # 13.1.4: what is no date is ignored
        ("", PROCEED),
        (f"{BEFORE}, {BEFORE}", PROCEED),
        (BEFORE.lower(), PROCEED),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_if_unmodified_since_compares_dates(
    date: str, outcome: str, method: str
) -> None:
    assert judge(f"If-Unmodified-Since: {date}", method=method).outcome == outcome


def test_if_match_makes_if_unmodified_since_meaningless() -> None:
    late, early = f"If-Unmodified-Since: {AFTER}", f"If-Unmodified-Since: {BEFORE}"
    assert judge('If-Match: "now"', early).outcome == PROCEED
    assert judge('If-Match: "then"', late).outcome == FAILED


# ---- together: 13.2.2 ----


def test_what_the_client_believes_is_judged_before_what_it_has() -> None:
    has = 'If-None-Match: "now"'
    assert judge(has, 'If-Match: "then"').outcome == FAILED
    assert judge(has, 'If-Match: "now"').outcome == NOT_MODIFIED
    assert judge(has, f"If-Unmodified-Since: {BEFORE}").outcome == FAILED
    since = f"If-Modified-Since: {EXACT}"
    assert judge(since, 'If-Match: "then"').outcome == FAILED
    assert judge(since, f"If-Unmodified-Since: {EXACT}").outcome == NOT_MODIFIED


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
@pytest.mark.parametrize("field", ['If-Match: "then"', "If-None-Match: *"])
def test_methods_that_are_not_about_it_ignore_conditions(
    method: str, field: str
) -> None:
    assert judge(field, method=method).outcome == PROCEED


def test_without_conditions_it_goes_on() -> None:
    assert judge() == Judged(PROCEED, b"")
    assert judge("If: x", "If-None: x", "If-Matches: x").outcome == PROCEED


@pytest.mark.parametrize(
    ("field", "outcome"),
    [
        ('If-Match: "now"', FAILED),
        ("If-Match: *", PROCEED),
        ('If-None-Match: "now"', PROCEED),
        ("If-None-Match: *", NOT_MODIFIED),
        ('If-Match: ""', FAILED),
        (f"If-Modified-Since: {AFTER}", PROCEED),
        (f"If-Unmodified-Since: {BEFORE}", PROCEED),
    ],
)
def test_where_no_validators_are_only_a_star_is_true(field: str, outcome: str) -> None:
    assert judge(field, current=Current(now=NOW)).outcome == outcome


# ---- Range and If-Range ----

BYTES = b"bytes=0-9"
RANGE = "Range: bytes=0-9"


def test_a_range_stands_alone() -> None:
    assert judge(RANGE) == Judged(PROCEED, BYTES)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_a_range_is_for_get(method: str) -> None:
    assert judge(RANGE, method=method).range == b""


def test_two_ranges_are_ignored() -> None:
    assert judge(RANGE, "range: bytes=20-29").range == b""


@pytest.mark.parametrize("validator", ['"now"', EXACT])
def test_if_range_lets_the_range_stand_while_nothing_has_changed(
    validator: str,
) -> None:
    assert judge(RANGE, f"If-Range: {validator}").range == BYTES
    assert judge(f"If-Range: {validator}", RANGE).range == BYTES


@pytest.mark.parametrize(
    "validator",
    [
        *('"then"', 'W/"now"', '"now", "now"', "*", "now", "", '"now'),
        *(BEFORE, AFTER, EXACT.lower(), f"{EXACT}, {EXACT}"),
    ],
)
def test_if_range_asks_for_the_whole_otherwise(validator: str) -> None:
    assert judge(RANGE, f"If-Range: {validator}") == Judged(PROCEED, b"")


def test_two_if_ranges_ask_for_the_whole() -> None:
    assert judge(RANGE, 'If-Range: "now"', 'If-Range: "now"').range == b""


def test_a_date_is_no_strong_validator_within_its_second() -> None:
    field = f"If-Range: {EXACT}"
    within = Current(TAG, CHANGED, CHANGED)
    assert judge(RANGE, field, current=within).range == b""
    after = Current(TAG, CHANGED, CHANGED + 1)
    assert judge(RANGE, field, current=after).range == BYTES


@pytest.mark.parametrize("validator", ['W/"now"', '"now"'])
def test_a_weak_tag_lets_no_range_stand(validator: str) -> None:
    weak = Current(b'W/"now"', CHANGED, NOW)
    assert judge(RANGE, f"If-Range: {validator}", current=weak).range == b""


def test_where_no_validators_are_if_range_is_never_true() -> None:
    nothing = Current(now=NOW)
    assert judge(RANGE, 'If-Range: ""', current=nothing).range == b""
    assert judge(RANGE, f"If-Range: {EXACT}", current=nothing).range == b""


def test_if_range_without_a_range_means_nothing() -> None:
    assert judge('If-Range: "then"') == Judged(PROCEED, b"")


# ---- whatever comes ----

NAMES = st.sampled_from(
    [
        *("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"),
        *("If-Range", "Range", "X"),
    ]
)
VALUES = st.one_of(
    st.sampled_from(["*", '"now"', 'W/"now"', '"then"', BEFORE, EXACT, AFTER]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
)
FIELDS = st.lists(st.builds("{}: {}".format, NAMES, VALUES), max_size=5)


@given(FIELDS, st.sampled_from(["GET", "HEAD", "POST", "OPTIONS"]))
def test_not_modified_is_for_get_and_head_only(fields: list[str], method: str) -> None:
    judged = judge(*fields, method=method)
    if judged.outcome == NOT_MODIFIED:
        assert method in ("GET", "HEAD")
    if judged.range:
        assert method == "GET"


@given(FIELDS)
def test_the_order_of_different_fields_does_not_matter(fields: list[str]) -> None:
    by_name = sorted(fields, key=lambda field: field.partition(":")[0])
    assert judge(*by_name) == judge(*fields)
