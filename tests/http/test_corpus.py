"""Does the running server make of every corpus file what its sidecar says?

Whole, byte by byte, cut at line ends, and with another request behind it: the outcome
is the same. What is refused never reaches a handler, what stands behind it is never
answered, and the client can read why.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.corpus import (
    ExpectedRequest,
    RejectCase,
    ValidCase,
    feedings,
    load_reject,
    load_valid,
)
from tests.kit import Client, RunningServer, get, running_server

CODE = """
import threading

lock = threading.Lock()
seen = []

def see(request):
    facts = {
        "method": request.method,
        "raw_path": request.raw_path,
        "query": request.query_string,
        "version": request.http_version,
        "headers": [list(item) for item in request.headers.items()],
        "body": request.body.decode("latin-1"),
    }
    with lock:
        seen.append(facts)
    return str(len(facts["body"]))

def take():
    with lock:
        taken = seen[:]
        seen.clear()
    return taken
"""

NEXT = get("/behind", "X-Behind: yes")
VALID = load_valid()
REJECT = load_reject()
FEEDINGS = [name for name, _ in feedings(b"x")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("corpus")
    with running_server(folder, CODE, {"/*": "see"}, thread_count=2) as server:
        yield server


def names(case: ValidCase | RejectCase) -> str:
    return case.name


def handlers_saw(server: RunningServer) -> list[dict[str, Any]]:
    return list(server.inside("main.take()"))


def pieces_of(wire: bytes, feeding: str) -> list[bytes]:
    return dict(feedings(wire))[feeding]


def reaches_handler(expected: ExpectedRequest) -> bool:
    """A route for every method leaves OPTIONS to the server, as it does OPTIONS *."""
    return expected.method != "OPTIONS"


def as_seen(expected: ExpectedRequest) -> dict[str, Any]:
    def text(data: bytes) -> str:
        return data.decode("latin-1")

    return {
        "method": expected.method,
        "raw_path": text(expected.path),
        "query": text(expected.query),
        "version": expected.version,
        "headers": [[text(name), text(value)] for name, value in expected.headers],
        "body": text(expected.body),
    }


def check_answers(client: Client, case: ValidCase) -> None:
    for expected in case.requests:
        answer = client.response(expected.method)
        assert answer.status == (200 if reaches_handler(expected) else 204)
        if reaches_handler(expected) and expected.method != "HEAD":
            assert answer.body == b"%d" % len(expected.body)
        assert answer.closes is not expected.keep_alive


@pytest.mark.parametrize("feeding", FEEDINGS)
@pytest.mark.parametrize("case", VALID, ids=names)
def test_valid_requests_are_answered(
    server: RunningServer, case: ValidCase, feeding: str
) -> None:
    with server.connect() as client:
        client.send(*pieces_of(case.wire, feeding))
        check_answers(client, case)
        if not case.requests[-1].keep_alive:
            assert client.is_closed()
    assert handlers_saw(server) == [
        as_seen(expected) for expected in case.requests if reaches_handler(expected)
    ]


@pytest.mark.parametrize("case", VALID, ids=names)
def test_a_valid_request_ends_where_the_next_one_begins(
    server: RunningServer, case: ValidCase
) -> None:
    stays = case.requests[-1].keep_alive
    with server.connect() as client:
        client.send(case.wire + NEXT)
        check_answers(client, case)
        if stays:
            assert client.response().status == 200
        else:
            assert client.is_closed()
    behind = [facts for facts in handlers_saw(server) if facts["raw_path"] == "/behind"]
    assert len(behind) == stays


@pytest.mark.parametrize("feeding", FEEDINGS)
@pytest.mark.parametrize("behind", [b"", NEXT], ids=["alone", "with a request behind"])
@pytest.mark.parametrize("case", REJECT, ids=names)
def test_rejected_requests_reach_no_handler_and_end_the_connection(
    server: RunningServer, case: RejectCase, behind: bytes, feeding: str
) -> None:
    before = server.counter("rejected").get(case.reason, 0)
    with server.connect() as client:
        client.send_while_it_lasts(pieces_of(case.wire + behind, feeding))
        for _ in range(case.answered_before):
            assert client.response().status == 200
        answer = client.response()
        assert answer.status == case.status
        assert answer.closes
        assert client.is_closed()
    assert len(handlers_saw(server)) == case.answered_before
    assert server.counter("rejected").get(case.reason, 0) == before + 1


@pytest.mark.parametrize("case", REJECT[::20], ids=names)
def test_a_client_that_sends_on_after_a_rejection_can_still_read_why(
    server: RunningServer, case: RejectCase
) -> None:
    with server.connect() as client:
        client.send(case.wire)
        client.send_while_it_lasts(b"x" * 65536 for _ in range(64))
        for _ in range(case.answered_before):
            assert client.response().status == 200
        assert client.response().status == case.status
        assert client.is_closed()
    assert len(handlers_saw(server)) == case.answered_before
