"""Server-sent events: what an EventSource in a browser listens to.

The text of an event is that of the WHATWG's HTML standard, 9.2; Response.events turns
an iterable of events into an answer. A plain iterable becomes an iterator of bytes, an
async one an async iterator, which the bridge streams; closing either closes the
user's own.
"""

from __future__ import annotations

import asyncio
import re
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, Final

import msgspec

from pyrs._results import encode_json

__all__ = ["Event", "event_stream", "event_text"]

PING: Final = b": ping\n\n"  # a comment: EventSource drops it, proxies see a byte

_LINE_END = re.compile(r"\r\n|\n|\r")


class Event(msgspec.Struct, frozen=True):
    """One event.

    `data` is text, or what becomes JSON. `event` is its type, "message" to a browser
    when left out. A browser that reconnects sends the last `id` it saw as
    Last-Event-ID; `retry` is how many milliseconds it waits before it does.
    """

    data: Any
    event: str | None = None
    id: str | None = None
    retry: int | None = None


def event_text(item: object) -> bytes:
    """One event as it is sent; an item that is no Event is its data.

    ValueError or TypeError if it has an event type or id with a line end or NUL in it,
    a retry that is no number of milliseconds, or data that is bytes or no JSON.
    """
    event = item if isinstance(item, Event) else Event(item)
    lines = []
    if event.event is not None:
        lines.append(f"event: {_one_line('event', event.event)}")
    if event.id is not None:
        lines.append(f"id: {_one_line('id', event.id)}")
    if event.retry is not None:
        lines.append(f"retry: {_milliseconds(event.retry)}")
    lines += [f"data: {line}" for line in _LINE_END.split(_data(event.data))]
    return ("\n".join(lines) + "\n\n").encode()


def _data(data: object) -> str:
    if isinstance(data, str):
        return data
    if isinstance(data, bytes | bytearray | memoryview):
        raise TypeError("an event's data is text or becomes JSON: decode bytes first")
    return encode_json(data).decode()


def _one_line(what: str, text: str) -> str:
    if not isinstance(text, str):
        kind = type(text).__name__
        raise TypeError(f"the {what} of an event is a str, not of type {kind}")
    if _LINE_END.search(text) or "\0" in text:
        raise ValueError(f"the {what} of an event is one line without NUL: {text!r}")
    return text


def _milliseconds(retry: int) -> int:
    if not isinstance(retry, int) or isinstance(retry, bool) or retry < 0:
        raise ValueError(f"retry is whole milliseconds from 0 on, not {retry!r}")
    return retry


def event_stream(
    items: Iterable[object] | AsyncIterable[object], ping: float | None
) -> Iterator[bytes] | AsyncIterator[bytes]:
    """The items as events; `ping` as in Response.events."""
    if isinstance(items, str | bytes):
        kind = type(items).__name__
        raise TypeError(f"events come from an iterable of them, not from one {kind}")
    if ping is not None and not ping >= 0:
        raise ValueError(f"ping: found {ping}, expected seconds, or 0 for never")
    if not isinstance(items, AsyncIterable):
        return _Events(iter(items))
    iterator = aiter(items)
    return _PingedEvents(iterator, ping) if ping else _AsyncEvents(iterator)


class _Events:
    """A class and not a generator: one that was never begun would not close its own."""

    def __init__(self, items: Iterator[object]) -> None:
        self._items = items

    def __iter__(self) -> _Events:
        return self

    def __next__(self) -> bytes:
        return event_text(next(self._items))

    def close(self) -> None:
        if close := getattr(self._items, "close", None):
            close()


class _AsyncEvents:
    def __init__(self, items: AsyncIterator[object]) -> None:
        self._items = items

    def __aiter__(self) -> _AsyncEvents:
        return self

    async def __anext__(self) -> bytes:
        return event_text(await anext(self._items))

    async def aclose(self) -> None:
        await _close(self._items)


class _PingedEvents:
    """Events, and a comment whenever none has come for `ping` seconds.

    The user's iterator runs, step by step as it is asked, in one task of its own: a
    ping must not cancel its step, and time limits or task groups that span several
    steps belong to one task.
    """

    def __init__(self, items: AsyncIterator[object], ping: float) -> None:
        self._items = items
        self._ping = ping
        self._step: asyncio.Future[bytes] | None = None  # asked for, not yet handed on
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __aiter__(self) -> _PingedEvents:
        return self

    async def __anext__(self) -> bytes:
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        elif self._task.done():
            raise StopAsyncIteration
        if self._step is None:
            self._step = asyncio.get_running_loop().create_future()
            self._asked.set()
        either: set[asyncio.Future[Any]] = {self._step, self._task}
        await asyncio.wait(either, timeout=self._ping, return_when=FIRST_COMPLETED)
        if self._step.done():
            step, self._step = self._step, None
            return step.result()
        if self._task.done():
            self._task.result()  # raises what the user's iterator raised
            raise StopAsyncIteration
        return PING

    async def _run(self) -> None:
        try:
            while True:
                await self._asked.wait()
                self._asked.clear()
                try:
                    item = await anext(self._items)
                except StopAsyncIteration:
                    return
                assert self._step is not None
                self._step.set_result(event_text(item))
        finally:
            await _close(self._items)

    async def aclose(self) -> None:
        if self._task is None:
            await _close(self._items)
            return
        is_over = self._task.done()
        self._task.cancel()
        await asyncio.wait({self._task})
        error = None if self._task.cancelled() else self._task.exception()
        if error is not None and not is_over:
            raise error


async def _close(items: AsyncIterator[object]) -> None:
    if close := getattr(items, "aclose", None):
        await close()
