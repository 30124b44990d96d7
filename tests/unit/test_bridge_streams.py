"""Answers whose body an iterator makes: items, steps, and how they end."""

import contextvars
import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from pyrs.errors import HTTPError
from pyrs.response import Response

from .bridge_kit import Answer, ask, ask_on_threads

HTML = "text/html; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
INTERNAL = Answer(500, PLAIN, [], b"Internal Server Error\n")
LARGE = 20_000  # such items are lent, not copied


def streamed(*items: Any, **parts: Any) -> Answer:
    """The answer of a generator that yields them."""

    def handler(request: Any) -> Iterator[Any]:
        yield from items

    return ask(handler, **parts)


class Watched:
    """An iterator that tells whether it was closed."""

    def __init__(self, *items: Any) -> None:
        self.items = iter(items)
        self.taken = 0
        self.closed = 0

    def __iter__(self) -> "Watched":
        return self

    def __next__(self) -> Any:
        item = next(self.items)
        self.taken += 1
        return item

    def close(self) -> None:
        self.closed += 1


# ---- items ----


def test_text_is_sent_as_utf8_html() -> None:
    answer = streamed("grö", "ße", "x" * LARGE)
    assert answer == Answer(200, HTML, [], ("größe" + "x" * LARGE).encode())
    assert (answer.begun, answer.complete, answer.pieces) == (True, True, 3)
    assert answer.lent


@pytest.mark.parametrize(
    "item",
    [b"abc", bytearray(b"abc"), memoryview(b"abc"), memoryview(b"a-b-c")[::2]],
    ids=["bytes", "bytearray", "memoryview", "gaps"],
)
def test_bytes_of_any_kind_are_an_octet_stream(item: Any) -> None:
    assert streamed(item, b"def") == Answer(200, BYTES, [], b"abcdef")


def test_the_first_item_tells_the_media_type() -> None:
    assert streamed("a", b"b") == Answer(200, HTML, [], b"ab")
    assert streamed(b"a", "b") == Answer(200, BYTES, [], b"ab")
    assert streamed("", b"b") == Answer(200, HTML, [], b"b")


def test_empty_items_send_nothing() -> None:
    answer = streamed(b"", b"a", bytearray(), "", b"b", b"")
    assert (answer.body, answer.pieces, answer.complete) == (b"ab", 2, True)


def test_without_items_the_body_is_empty_and_whole() -> None:
    answer = streamed()
    assert answer == Answer(200, "", [], b"")
    assert not answer.begun


def test_large_bytes_are_lent_and_given_back() -> None:
    items = [bytes([byte]) * LARGE for byte in b"abc"]
    before = [sys.getrefcount(item) for item in items]
    answer = streamed(*items)
    assert (answer.body, answer.lent) == (b"".join(items), True)
    assert [sys.getrefcount(item) for item in items] == before


def test_a_buffer_may_be_filled_anew_while_its_bytes_wait() -> None:
    def handler(request: Any) -> Iterator[Any]:
        buffer = bytearray(LARGE)
        for byte in b"abc":
            buffer[:] = bytes([byte]) * LARGE
            yield memoryview(buffer)
        buffer.clear()  # no piece holds it

    answer = ask(handler)
    assert answer.body == b"a" * LARGE + b"b" * LARGE + b"c" * LARGE


@pytest.mark.parametrize(
    "iterator",
    [iter(["a", "b"]), map(str, "ab"), (x for x in "ab"), Watched("a", "b")],
)
def test_iterators_of_any_kind_are_streamed(iterator: Any) -> None:
    assert ask(lambda request: iterator) == Answer(200, HTML, [], b"ab")


# ---- status, headers and media type ----


def test_a_tuple_or_response_says_how_a_stream_is_sent() -> None:
    given = Answer(201, "text/csv", [("X-A", "b")], b"1,2")
    headers = {"X-A": "b", "Content-Type": "text/csv"}
    assert ask(lambda request: (iter(["1,", "2"]), 201, headers)) == given
    response = Response(iter(["1,", "2"]), 201, {"X-A": "b"}, "text/csv")
    assert ask(lambda request: response) == given
    assert ask(lambda request: (iter(()), 201, headers)).headers == [("X-A", "b")]


def test_an_empty_media_type_sends_none() -> None:
    assert ask(lambda request: Response(iter("a"), content_type="")).content_type == ""


def test_what_cannot_be_sent_beside_a_stream_is_a_500() -> None:
    for value in ((iter("a"), 1000), (iter("a"), 200, {"X": "a\n"})):
        answer = ask(lambda request, value=value: value)
        assert answer == INTERNAL
        assert "returned what cannot be answered" in answer.log


# ---- failures ----


def test_what_is_raised_before_the_first_item_is_an_ordinary_error() -> None:
    watched = Watched()
    watched.items = (1 // zero for zero in [0])

    def handler(request: Any) -> Iterator[str]:
        raise HTTPError(404, "no such user", {"X-A": "b"})
        yield

    missing = Answer(404, PLAIN, [("X-A", "b")], b"no such user")
    assert ask(handler) == missing
    answer = ask(lambda request: (watched, 201, {"X-A": "b"}))
    assert answer == INTERNAL
    assert answer.log.startswith("api.Api.handler raised:\nTraceback")
    assert watched.closed == 1


@pytest.mark.parametrize(
    ("item", "reason"), [(1, "type int"), (None, "NoneType"), ("\ud800", "surrogates")]
)
def test_an_item_that_is_no_text_or_bytes_is_refused(item: Any, reason: str) -> None:
    first, later = streamed(item), streamed(b"ab", item, b"cd")
    assert first == INTERNAL
    assert first.log.startswith("api.Api.handler returned what cannot be answered:")
    assert (later.status, later.body, later.complete) == (200, b"ab", False)
    assert later.log.startswith("api.Api.handler cannot go on with its body:")
    for answer in (first, later):
        assert reason in answer.log


def test_what_is_raised_in_the_middle_is_logged_and_cuts_the_body() -> None:
    def handler(request: Any) -> Iterator[str]:
        yield "a"
        raise HTTPError(404)

    answer = ask(handler)
    assert (answer.status, answer.body, answer.complete) == (200, b"a", False)
    assert answer.level == 40
    assert answer.log.startswith("api.Api.handler raised in the middle of its body:\n")
    assert "404" in answer.log


def test_what_is_raised_at_the_close_is_logged() -> None:
    def handler(request: Any) -> Iterator[str]:
        try:
            yield "a"
        finally:
            raise ValueError("at the end")

    answer = ask(handler, method="HEAD")
    assert answer.log.startswith("api.Api.handler raised while its body was closed:\n")


def test_an_http_error_may_have_a_stream_for_its_body() -> None:
    def handler(request: Any) -> None:
        raise HTTPError(400, iter(["<a>", "b"]), {"X-A": "b"})

    assert ask(handler) == Answer(400, PLAIN, [("X-A", "b")], b"<a>b")


def test_a_stream_that_fails_is_not_replaced_by_another_stream() -> None:
    def handler(request: Any) -> Iterator[str]:
        raise HTTPError(400, iter("ab"))
        yield

    answer = ask(handler)
    assert answer == INTERNAL
    assert "another stream" in answer.log


# ---- steps ----


@pytest.mark.parametrize("on_threads", [False, True])
def test_a_step_ends_when_the_client_has_enough(on_threads: bool) -> None:
    answer = streamed(*[b"abcd"] * 10, room=8, on_threads=on_threads)
    assert (answer.body, answer.complete) == (b"abcd" * 10, True)
    # The last finds that there is no more. One that is kept waiting ends before.
    assert 6 <= answer.steps <= 11


def test_a_step_that_lasts_long_lets_what_was_sent_leave() -> None:
    def handler(request: Any) -> Iterator[bytes]:
        for _ in range(3):
            yield b"x"
            threading.Event().wait(0.005)

    assert ask(handler).steps > 2


def test_no_item_is_made_before_there_is_room_for_it() -> None:
    watched = Watched(*[b"abcd"] * 10)
    seen: list[int] = []

    def handler(request: Any) -> Iterator[bytes]:
        for item in watched:
            seen.append(watched.taken)
            yield item

    answer = ask(handler, room=4, gone_after=12)
    assert (answer.steps, seen) == (3, [1, 2, 3])


@pytest.mark.parametrize("on_threads", [False, True])
def test_the_request_may_be_read_in_every_step(on_threads: bool) -> None:
    parts: dict[str, Any] = {
        "path": "/größe",
        "query": "a=1",
        "headers": [("Cookie", "a=b")],
        "body": b"body",
    }
    reads: list[Callable[[Any], Any]] = [
        lambda request: request.path,
        lambda request: request.query["a"],
        lambda request: request.cookies["a"],
        lambda request: request.text,
        lambda request: request.read(2),
    ]

    def handler(request: Any) -> Iterator[Any]:
        for read in reads:
            yield read(request)

    answer = ask(handler, room=1, on_threads=on_threads, **parts)
    assert answer.body.decode() == "/größe1bbodybo"
    assert answer.steps == 6


def test_a_request_kept_by_a_stream_stays_valid_after_it() -> None:
    kept: list[Any] = []

    def handler(request: Any) -> Iterator[str]:
        kept.append(request)
        yield "a"
        yield "b"

    assert ask(handler, room=1, path="/x", body=b"body").body == b"ab"
    assert (kept[0].path, kept[0].body) == ("/x", b"body")


# ---- the end ----


@pytest.mark.parametrize("status", [200, 404])
def test_the_body_of_an_answer_to_head_is_not_run_on(status: int) -> None:
    watched = Watched(b"a", b"b", b"c")
    answer = ask(lambda request: (watched, status), method="HEAD")
    assert (answer.status, answer.content_type, answer.body) == (status, BYTES, b"")
    assert (watched.taken, watched.closed, answer.complete) == (1, 1, True)


@pytest.mark.parametrize("on_threads", [False, True])
def test_a_client_that_goes_ends_the_generator(on_threads: bool) -> None:
    ends: list[type[BaseException] | None] = []

    def handler(request: Any) -> Iterator[bytes]:
        try:
            while True:
                yield b"abcd"
        except BaseException as error:
            ends.append(type(error))
            raise
        finally:
            ends.append(None)

    answer = ask(handler, room=4, gone_after=40, on_threads=on_threads)
    assert ends == [GeneratorExit, None]
    assert (answer.body, answer.complete, answer.log) == (b"abcd" * 10, False, "")


def test_every_iterator_is_closed_once() -> None:
    ways: list[dict[str, Any]] = [{}, {"room": 1}, {"gone_after": 1}]
    for parts in ways:
        watched = Watched(b"a", b"b")
        ask(lambda request, watched=watched: watched, **parts)
        assert watched.closed == 1


def test_a_generator_that_goes_on_after_its_end_is_logged() -> None:
    def handler(request: Any) -> Iterator[bytes]:
        with suppress(GeneratorExit):
            while True:
                yield b"abcd"
        yield b"more"

    answer = ask(handler, gone_after=4)
    assert "generator ignored GeneratorExit" in answer.log


def test_nothing_is_held_when_a_stream_is_over() -> None:
    class Held:
        pass

    held = Held()
    reference = weakref.ref(held)
    variable = contextvars.ContextVar[Any]("variable")

    def handler(request: Any, held: Any) -> Iterator[bytes]:
        variable.set(held)
        request.params["held"] = held
        yield b"a"
        yield b"b"

    ask(lambda request, holding=[held]: handler(request, holding.pop()), room=1)
    del held
    gc.collect()
    assert reference() is None


def test_streams_on_many_threads_do_not_meet() -> None:
    wrong: list[str] = []

    def handler(request: Any) -> Iterator[str]:
        for item in "abc":
            if (request.path, request.query["a"]) != ("/x", "1"):
                wrong.append(repr(request))
            yield item

    ask_on_threads(handler, threads=4, count=500, path="/x", query="a=1", room=1)
    assert wrong == []
