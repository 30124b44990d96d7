"""What pyrs accepts, llhttp and h11 accept and read the same way, byte for byte.

The whole corpus, and mutations of it. A difference is a bug of pyrs, or one of those in
differences.py. pyrs may refuse what a judge accepts: it is the stricter one.

PYRS_MUTATIONS sets how many mutations (100000), PYRS_MUTATIONS_SEED which (1).
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.corpus import RejectCase, ValidCase, load_reject, load_valid
from tests.unit.http_kit import Head, HeadParser, Rejected, Request, RequestReader

from .differences import DIFFERENCES, Case, explain
from .judges import JUDGES, Refused, Seen, Unfinished, Verdict, normal_headers
from .mutations import mutations

DOCUMENT = Path(__file__).parents[2] / "docs" / "http-differences.md"
COUNT = int(os.environ.get("PYRS_MUTATIONS", "100000"))
SEED = int(os.environ.get("PYRS_MUTATIONS_SEED", "1"))
READER = RequestReader()


def seen(request: Request) -> Seen:
    return Seen(
        request.head.method.encode(),
        request.head.raw_target,
        normal_headers(request.head.headers),
        request.body,
        request.size,
    )


def head_of(wire: bytes) -> Head | None:
    head = HeadParser().give(wire)
    return head if isinstance(head, Head) else None


def differs(verdict: Verdict, request: Request | None) -> bool:
    """An unfinished request may already be refused by a judge, but not be whole."""
    if request is None:
        return isinstance(verdict, Seen)
    return verdict != seen(request)


def disagreements(wire: bytes) -> Iterator[tuple[str, Case]]:
    """For each request of a pipeline on its own, up to the first that is not whole."""
    while wire:
        outcome = READER.read(wire)
        if isinstance(outcome, Rejected):
            return
        request = outcome if isinstance(outcome, Request) else None
        size = request.size if request else 0
        head = request.head if request else head_of(wire)
        for name, judge in JUDGES.items():
            verdict = judge(wire, size)
            if differs(verdict, request):
                assert head is not None, (name, verdict, wire)
                yield name, Case(wire, head, size, verdict)
        if request is None:
            return
        wire = wire[size:]


def unexplained(wires: Iterable[bytes]) -> list[tuple[str, bytes, Verdict]]:
    return [
        (judge, case.wire, case.verdict)
        for wire in wires
        for judge, case in disagreements(wire)
        if explain(judge, case) is None
    ]


@pytest.mark.parametrize(
    "case", [*load_valid(), *load_reject()], ids=lambda case: case.name
)
def test_the_corpus_is_read_as_the_judges_read_it(case: ValidCase | RejectCase) -> None:
    assert unexplained([case.wire]) == []


@pytest.mark.timeout(600)
def test_mutations_of_the_corpus_are_read_as_the_judges_read_them() -> None:
    assert unexplained(mutations(COUNT, SEED)) == []


def test_mutations_are_neither_all_legal_nor_all_refused() -> None:
    outcomes = Counter(type(READER.read(wire)) for wire in mutations(5000, SEED))
    assert outcomes[Request] > 500
    assert outcomes[Rejected] > 500


def test_the_judges_see_a_request() -> None:
    wire = b"POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nhi"
    expected = Seen(
        b"POST", b"/a", ((b"host", b"b"), (b"content-length", b"2")), b"hi", len(wire)
    )
    for judge in JUDGES.values():
        assert judge(wire + b"GET", len(wire)) == expected
        assert judge(wire[:-1], 0) == Unfinished()
        assert isinstance(judge(b"G\0" + wire, 0), Refused)


def test_every_difference_is_explained_in_the_documentation() -> None:
    explained = re.findall(r"^\| `([a-z0-9-]+)` \|", DOCUMENT.read_text("utf-8"), re.M)
    assert explained == list(DIFFERENCES)
