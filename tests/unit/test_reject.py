"""csrc/http/reject.h: every reason has a status and a text, and a corpus file."""

import pytest

from tests.corpus import load_reject

from .http_kit import REASONS, Rejected


@pytest.mark.parametrize("reason", REASONS[1:])
def test_every_reason_has_a_status_and_a_text_of_its_own(reason: str) -> None:
    rejected = Rejected(reason, 0)
    assert rejected.status in (400, 413, 414, 417, 431, 501, 505)
    assert rejected.text
    assert [r for r in REASONS if Rejected(r, 0).text == rejected.text] == [reason]


def test_no_rejection_has_no_status() -> None:
    assert Rejected("REJECT_NONE", 0).status == 0


@pytest.mark.parametrize("reason", REASONS[1:])
def test_every_reason_is_in_the_corpus(reason: str) -> None:
    assert Rejected(reason, 0).text in {case.reason for case in load_reject()}
