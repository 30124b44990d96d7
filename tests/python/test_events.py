"""Server-sent events: their text, and how iterables of them are streamed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest

from pyrs import Event, Response

PING = b": ping\n\n"


def texts(*items: object) -> list[bytes]:
    return list(Response.events(items).body)


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ("hello", b"data: hello\n\n"),
        ("", b"data: \n\n"),
        ("a\nb\r\nc\rd\n", b"data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"),
        ("a\u2028b\x0bc", "data: a\u2028b\x0bc\n\n".encode()),
        ({"a": 1}, b'data: {"a":1}\n\n'),
        (None, b"data: null\n\n"),
        (
            Event("hello", event="greeting", id="7", retry=500),
            b"event: greeting\nid: 7\nretry: 500\ndata: hello\n\n",
        ),
        (Event([1], id=""), b"id: \ndata: [1]\n\n"),
    ],
)
def test_the_text_of_an_event(item: object, text: bytes) -> None:
    assert texts(item) == [text]


@pytest.mark.parametrize(
    "event",
    [
        Event("", event="a\nb"),
        Event("", event="a\rb"),
        Event("", id="a\nb"),
        Event("", id="a\0b"),
        Event("", retry=-1),
        Event("", retry=True),
    ],
)
def test_what_would_break_an_event_s_text_is_refused(event: Event) -> None:
    with pytest.raises(ValueError, match=r"one line|milliseconds"):
        texts(event)


@pytest.mark.parametrize("item", [b"bytes", Event("", id=7), object()])  # type: ignore[arg-type]
def test_an_event_s_parts_have_types(item: object) -> None:
    with pytest.raises(TypeError):
        texts(item)


def test_the_response_says_what_it_is_and_is_not_stored() -> None:
    response = Response.events([], headers={"cache-control": "no-cache"})
    assert response.content_type == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert Response.events([]).headers["Cache-Control"] == "no-store"


def test_events_come_from_an_iterable_of_them() -> None:
    with pytest.raises(TypeError, match="not from one str"):
        Response.events("text")
    with pytest.raises(ValueError, match="ping"):
        Response.events([], ping=-1)


@pytest.mark.parametrize("begun", [True, False])
def test_closing_closes_a_plain_generator(begun: bool) -> None:
    closed: list[bool] = []

    class Items(Iterator[str]):
        def __next__(self) -> str:
            return "a"

        def close(self) -> None:
            closed.append(True)

    body = Response.events(Items()).body
    if begun:
        assert next(body) == b"data: a\n\n"
    body.close()
    assert closed == [True]


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 20))


@pytest.mark.parametrize("ping", [0, None, 60.0])
def test_async_events_are_an_async_iterator(ping: float | None) -> None:
    async def items() -> AsyncIterator[object]:
        yield "a"
        yield Event(2)

    async def main() -> None:
        body = Response.events(items(), ping).body
        assert [text async for text in body] == [b"data: a\n\n", b"data: 2\n\n"]
        with pytest.raises(StopAsyncIteration):
            await anext(body)

    run(main)


def test_a_ping_is_sent_while_nothing_comes_and_does_not_disturb_the_step() -> None:
    async def main() -> None:
        arrived: asyncio.Queue[str] = asyncio.Queue()

        async def items() -> AsyncIterator[str]:
            while True:
                yield await arrived.get()

        body = Response.events(items(), ping=0.01).body
        assert await anext(body) == PING
        assert await anext(body) == PING
        arrived.put_nowait("a")
        while (text := await anext(body)) == PING:
            pass
        assert text == b"data: a\n\n"
        await body.aclose()

    run(main)


def test_the_generator_is_asked_only_when_the_client_has_room() -> None:
    made: list[int] = []

    async def items() -> AsyncIterator[int]:
        for number in range(10):
            made.append(number)
            yield number

    async def main() -> None:
        body = Response.events(items()).body
        await anext(body)
        await asyncio.sleep(0)
        assert made == [0]
        await body.aclose()

    run(main)


def test_the_generator_runs_in_one_task() -> None:
    tasks: list[object] = []

    async def items() -> AsyncIterator[str]:
        try:
            for _ in range(3):
                tasks.append(asyncio.current_task())
                yield "a"
        finally:
            tasks.append(asyncio.current_task())

    async def main() -> None:
        body = Response.events(items()).body
        for _ in range(3):
            await anext(body)
        await body.aclose()

    run(main)
    assert len(tasks) == 4
    assert len(set(tasks)) == 1


@pytest.mark.parametrize("ping", [0, 0.01])
@pytest.mark.parametrize("steps", [0, 1])
def test_closing_closes_an_async_generator(ping: float, steps: int) -> None:
    class Items:
        closed = 0

        def __aiter__(self) -> "Items":
            return self

        async def __anext__(self) -> str:
            return "a"

        async def aclose(self) -> None:
            self.closed += 1

    async def main() -> None:
        items = Items()
        body = Response.events(items, ping).body
        for _ in range(steps):
            assert await anext(body) == b"data: a\n\n"
        await body.aclose()
        assert items.closed == 1

    run(main)


def test_closing_ends_a_generator_that_waits() -> None:
    ended: list[bool] = []

    async def items() -> AsyncIterator[str]:
        try:
            await asyncio.Event().wait()
            yield "never"
        finally:
            ended.append(True)

    async def main() -> None:
        body = Response.events(items(), ping=0.01).body
        assert await anext(body) == PING
        await body.aclose()

    run(main)
    assert ended == [True]


@pytest.mark.parametrize("ping", [0, 60.0])
def test_what_the_generator_raises_comes_through(ping: float) -> None:
    async def items() -> AsyncIterator[str]:
        yield "a"
        raise ZeroDivisionError

    async def main() -> None:
        body = Response.events(items(), ping).body
        assert await anext(body) == b"data: a\n\n"
        with pytest.raises(ZeroDivisionError):
            await anext(body)
        await body.aclose()

    run(main)


def test_an_item_that_is_no_event_comes_through_as_an_error() -> None:
    async def items() -> AsyncIterator[object]:
        yield b"bytes"

    async def main() -> None:
        body = Response.events(items()).body
        with pytest.raises(TypeError, match="decode bytes"):
            await anext(body)
        await body.aclose()

    run(main)
