"""Does csrc/http make of every corpus file what its sidecar says, however it is cut?"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.corpus import ExpectedRequest, RejectCase, ValidCase, load_reject, load_valid

from .http_kit import (
    Head,
    HeadParser,
    More,
    Rejected,
    Request,
    RequestReader,
    available_variants,
    parse_head_in_cuts,
    scanning_with,
)

CONFORMANCE = Path(__file__).parents[2] / "docs" / "http-conformance.md"
VALID = load_valid()
REJECT = load_reject()
CASES: list[ValidCase | RejectCase] = [*VALID, *REJECT]
READER = RequestReader()
STEPS = (1, 2, 3, 7, 16, 33, 1 << 20)


def names(case: ValidCase | RejectCase) -> str:
    return case.name


@pytest.fixture(params=available_variants())
def variant(request: pytest.FixtureRequest) -> Iterator[str]:
    with scanning_with(request.param):
        yield str(request.param)


def seen(request: Request | More | Rejected) -> ExpectedRequest:
    assert isinstance(request, Request), request
    head = request.head
    return ExpectedRequest(
        method=head.method,
        target=head.raw_target,
        path=head.path,
        query=head.query,
        version=f"1.{head.version_minor}",
        headers=head.headers,
        body=request.body,
        keep_alive=head.keep_alive,
        expect_continue=head.expect_continue,
    )


@pytest.mark.parametrize("case", VALID, ids=names)
def test_valid_requests_are_read_as_expected(case: ValidCase, variant: str) -> None:
    for step in STEPS:
        outcomes = READER.read_all(case.wire, step)
        assert tuple(map(seen, outcomes)) == case.requests, step


@pytest.mark.parametrize("case", REJECT, ids=names)
def test_rejected_requests_are_rejected_for_their_reason(
    case: RejectCase, variant: str
) -> None:
    whole = READER.read_all(case.wire)
    last = whole[-1]
    assert isinstance(last, Rejected), last
    assert (last.status, last.text) == (case.status, case.reason)
    assert len(whole) - 1 == case.answered_before
    for step in STEPS:
        assert READER.read_all(case.wire, step) == whole, step


@pytest.mark.parametrize("case", VALID, ids=names)
def test_every_beginning_of_a_valid_head_is_unfinished(
    case: ValidCase, variant: str
) -> None:
    whole = HeadParser().give(case.wire)
    assert isinstance(whole, Head)
    step = 1 if whole.size < 2000 else 97
    for length in range(0, whole.size, step):
        assert HeadParser().give(case.wire[:length]) == More()


@pytest.mark.parametrize("case", CASES, ids=names)
def test_a_head_is_the_same_wherever_it_is_cut(
    case: ValidCase | RejectCase, variant: str
) -> None:
    whole = HeadParser().give(case.wire)
    step = 1 if len(case.wire) < 2000 else 997
    for cut in range(0, len(case.wire), step):
        assert parse_head_in_cuts(case.wire, [cut]) == whole, cut


@pytest.mark.parametrize("case", REJECT, ids=names)
def test_what_follows_a_rejected_request_does_not_change_the_rejection(
    case: RejectCase,
) -> None:
    glued = case.wire + b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
    assert READER.read_all(glued) == READER.read_all(case.wire)


# ---- the documentation ----


def documented() -> list[tuple[str, str]]:
    """Answer and name of every file pattern in docs/http-conformance.md."""
    lines = CONFORMANCE.read_text("utf-8").splitlines()
    rows = [line.strip("|").split(" | ") for line in lines if line.startswith("|")]
    return [
        (row[-2].strip(), pattern)
        for row in rows
        for pattern in re.findall("`([^`]+)`", row[-1])
    ]


def shows(case: ValidCase | RejectCase, answer: str, pattern: str) -> bool:
    own = "accepted" if isinstance(case, ValidCase) else str(case.status)
    return answer in (own, "") and fnmatchcase(case.name, pattern)


@pytest.mark.parametrize("case", CASES, ids=names)
def test_every_corpus_file_shows_a_documented_rule(
    case: ValidCase | RejectCase,
) -> None:
    assert any(shows(case, *row) for row in documented())


@pytest.mark.parametrize("row", documented())
def test_every_documented_rule_has_a_corpus_file(row: tuple[str, str]) -> None:
    assert any(shows(case, *row) for case in CASES)
