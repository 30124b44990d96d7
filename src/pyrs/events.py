"""Server-sent events: what an EventSource in a browser listens to.

The text of an event is that of the WHATWG's HTML standard, 9.2; Response.events turns
an iterable of events into an answer. A plain iterable becomes an iterator of bytes, an
async one an async iterator, which the bridge streams; closing either closes the
user's own.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any

import msgspec

from pyrs._results import encode_json

__all__ = ["Event", "close_async", "event_stream", "event_text"]

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
    if not ping:
        return _AsyncEvents(iterator)
    from pyrs._pinged_events import PingedEvents  # brings asyncio

    return PingedEvents(iterator, ping)


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
        await close_async(self._items)


async def close_async(items: AsyncIterator[object]) -> None:
    """Closes an iterator, if it is one that can be."""
    if close := getattr(items, "aclose", None):
        await close()
