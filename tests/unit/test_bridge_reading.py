"""Request.stream and Request.read: bodies that are there, and bodies that arrive."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyrs.errors import ClientDisconnected, PyrsError

from .bridge_kit import Answer, ask, build

BODY = bytes(range(256)) * 100
BAD = Answer(500, "text/plain; charset=utf-8", [], b"Internal Server Error\n")

# The same body, whole and as it arrives.
WAYS: list[dict[str, Any]] = [
    {},
    {"body_streams": True},
    {"body_streams": True, "body_piece": 1000},
    {"body_streams": True, "body_piece": 1000, "on_threads": True},
]
every_way = pytest.mark.parametrize("way", WAYS, ids=["whole", "all", "pieces", "away"])
arriving = pytest.mark.parametrize("way", WAYS[1:], ids=["all", "pieces", "away"])


def read_by(read: Any, body: bytes = BODY, **parts: Any) -> Any:
    """What a handler reads from its request."""
    results: list[Any] = []

    def handler(request: Any) -> None:
        results.append(read(request))

    answer = ask(handler, body=body, **parts)
    assert (answer.status, answer.log) == (204, "")
    return results[0]


def failure_of(read: Any, **parts: Any) -> str:
    """What reading it raises."""

    def handler(request: Any) -> str:
        with pytest.raises(Exception) as caught:  # noqa: PT011
            read(request)
        return f"{caught.type.__name__}: {caught.value}"

    return ask(handler, **parts).body.decode()


# ---- stream and read ----


@every_way
@pytest.mark.parametrize("size", [1, 999, 1000, 1001, 65_536, 10**12])
def test_a_stream_gives_the_body_in_chunks_of_a_size(
    way: dict[str, Any], size: int
) -> None:
    body = BODY[:5000]
    chunks = read_by(lambda request: list(request.stream(size)), body, **way)
    assert b"".join(chunks) == body
    assert all(0 < len(chunk) <= size for chunk in chunks)
    if way.get("body_piece"):
        assert max(map(len, chunks)) == min(size, 1000)


@every_way
def test_read_gives_exactly_so_many_bytes_until_the_end(way: dict[str, Any]) -> None:
    def read(request: Any) -> list[bytes]:
        sizes = [0, 1, 10_000, 0, 10_000, 10_000, 1, -1]
        return [request.read(size) for size in sizes]

    pieces = read_by(read, **way)
    assert [len(piece) for piece in pieces] == [0, 1, 10_000, 0, 10_000, 5599, 0, 0]
    assert b"".join(pieces) == BODY
    assert read_by(lambda request: request.read(), **way) == BODY


@every_way
def test_whoever_reads_goes_on_where_the_last_one_stopped(way: dict[str, Any]) -> None:
    def read(request: Any) -> list[bytes]:
        first = next(request.stream(100))
        second = request.read(50)
        return [first, second, *request.stream(), *request.stream()]

    assert b"".join(read_by(read, **way)) == BODY


@every_way
def test_an_empty_body_has_no_chunks(way: dict[str, Any]) -> None:
    def read(request: Any) -> Any:
        return list(request.stream()), request.read(), request.read(5)

    assert read_by(read, b"", **way) == ([], b"", b"")


@every_way
def test_a_size_must_make_sense(way: dict[str, Any]) -> None:
    for size in (0, -1):
        message = failure_of(lambda request, size=size: request.stream(size), **way)
        assert message.startswith("ValueError: a chunk has at least 1 byte")
    assert "TypeError" in failure_of(lambda request: request.stream("x"), **way)
    assert "TypeError" in failure_of(lambda request: request.read(1.5), **way)


@every_way
def test_a_stream_that_is_over_stays_so(way: dict[str, Any]) -> None:
    def read(request: Any) -> Any:
        stream = request.stream()
        return len(b"".join(stream)), list(stream), iter(stream) is stream

    assert read_by(read, **way) == (len(BODY), [], True)


# ---- the body as a whole ----


@every_way
@pytest.mark.parametrize(
    "read",
    [
        lambda request: request.body,
        lambda request: request.text.encode("latin-1"),
        lambda request: str(request).encode("latin-1"),
        lambda request: bytes(request),
        lambda request: len(request),
        lambda request: request.json(),
    ],
    ids=["body", "text", "str", "bytes", "len", "json"],
)
def test_the_whole_body_is_waited_for(way: dict[str, Any], read: Any) -> None:
    headers = [("Content-Type", "text/plain; charset=latin1")]
    body = b'"' + b"x" * 5000 + b'"'
    found = read_by(
        lambda request: (read(request), request.body), body, **way, headers=headers
    )
    assert found[0] in (body, len(body), body[1:-1].decode())
    assert found[1] == body


@every_way
def test_a_body_that_was_read_as_a_whole_may_be_read_in_pieces_too(
    way: dict[str, Any],
) -> None:
    def read(request: Any) -> Any:
        return request.body, b"".join(request.stream(100)), request.body

    assert read_by(read, **way) == (BODY, BODY, BODY)


@every_way
def test_the_request_itself_is_an_answer(way: dict[str, Any]) -> None:
    headers = [("Content-Type", "a/b")]
    answer = ask(lambda request: request, body=BODY, headers=headers, **way)
    assert answer == Answer(200, "a/b", [], BODY)


@arriving
def test_a_body_that_was_read_in_pieces_is_not_there_as_a_whole(
    way: dict[str, Any],
) -> None:
    for read in (
        lambda request: request.read(1) and request.body,
        lambda request: list(request.stream()) and len(request),
        lambda request: request.read() and request.json(),
    ):
        message = failure_of(read, body=BODY, **way)
        assert message.startswith("RuntimeError: a part of this body was read already")


def test_a_whole_body_stays_one_when_it_is_read_in_pieces() -> None:
    assert read_by(lambda request: (request.read(1), request.body)[1]) == BODY


# ---- bodies that never end ----

CUT: dict[str, Any] = {"body": BODY, "body_streams": True, "body_is_cut": True}


@pytest.mark.parametrize(
    "read",
    [
        lambda request: list(request.stream()),
        lambda request: request.read(),
        lambda request: request.body,
        lambda request: len(request),
        lambda request: request.json(),
    ],
)
def test_a_client_that_goes_raises_client_disconnected(read: Any) -> None:
    message = failure_of(read, **CUT)
    assert message.startswith("ClientDisconnected: the client went")


def test_what_came_before_the_client_went_is_handed_out() -> None:
    got: list[bytes] = []

    def handler(request: Any) -> None:
        with pytest.raises(ClientDisconnected):
            got.extend(request.stream())

    assert ask(handler, body_piece=10_000, **CUT).status == 204
    assert b"".join(got) == BODY


def test_client_disconnected_is_an_error_of_pyrs_and_of_connections() -> None:
    assert issubclass(ClientDisconnected, PyrsError)
    assert issubclass(ClientDisconnected, ConnectionError)


def test_a_client_that_goes_is_no_fault_of_the_handler() -> None:
    answer = ask(lambda request: request.read(), **CUT)
    assert answer == BAD  # which nobody gets
    assert answer.level == 20
    assert answer.log == "api.Api.handler: nobody waits for its answer any more"
    assert ask(lambda request: request, **CUT).level == 20


def test_nor_is_one_that_goes_in_the_middle_of_a_stream() -> None:
    def handler(request: Any) -> Iterator[bytes]:
        yield b"a"
        yield from request.stream()

    answer = ask(handler, **CUT)
    assert (answer.body, answer.complete) == (b"a" + BODY, False)
    assert answer.level == 20


# ---- kept requests and other threads ----


@every_way
def test_a_body_is_not_read_in_pieces_once_the_handler_has_returned(
    way: dict[str, Any],
) -> None:
    kept: list[Any] = []

    def handler(request: Any) -> None:
        kept.extend([request, request.stream()])

    ask(handler, body=BODY, **way)
    reads: list[Callable[[], Any]] = [
        lambda: next(kept[1]),
        lambda: kept[0].stream(),
        lambda: kept[0].read(),
    ]
    for read in reads:
        with pytest.raises(RuntimeError, match="handler has returned"):
            read()


@arriving
def test_a_body_that_nobody_read_is_not_waited_for(way: dict[str, Any]) -> None:
    kept: list[Any] = []
    ask(kept.append, body=BODY, path="/x", **way)
    assert kept[0].path == "/x"
    reads: list[Callable[[], Any]] = [
        lambda: kept[0].body,
        lambda: len(kept[0]),
        lambda: kept[0].json(),
    ]
    for read in reads:
        with pytest.raises(RuntimeError, match="had not been read"):
            read()


@arriving
def test_a_body_that_was_read_is_kept(way: dict[str, Any]) -> None:
    kept: list[Any] = []

    def handler(request: Any) -> None:
        kept.append(request)
        assert len(request) == len(BODY)

    ask(handler, body=BODY, **way)
    assert kept[0].body == BODY


@arriving
def test_another_thread_may_read_while_the_handler_waits(way: dict[str, Any]) -> None:
    def handler(request: Any) -> bytes:
        read: list[bytes] = []
        thread = threading.Thread(target=lambda: read.extend(request.stream(100)))
        thread.start()
        thread.join()
        return b"".join(read)

    assert ask(handler, body=BODY, **way).body == BODY


def test_a_handler_that_returns_waits_for_a_thread_that_reads() -> None:
    """Else the exchange would be gone under it; the stand-in for the core looks."""
    results: list[str] = []
    threads: list[threading.Thread] = []

    def read(request: Any, started: threading.Event) -> None:
        try:
            for _ in request.stream(1):
                started.set()
        except RuntimeError as error:
            results.append(str(error))

    def handler(request: Any) -> None:
        started = threading.Event()
        thread = threading.Thread(target=read, args=[request, started])
        threads.append(thread)
        thread.start()
        started.wait(20)

    for _ in range(20):
        ask(handler, body=BODY * 4, body_streams=True)
    for thread in threads:
        thread.join()
    assert len(results) == 20
    assert all("handler has returned" in result for result in results)


def test_a_body_stream_cannot_be_made_from_python() -> None:
    with pytest.raises(TypeError):
        build().bridge.BodyStream()
