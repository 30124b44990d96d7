"""What pyrs._bridge runs in asyncio for a handler: bodies in pieces, both ways."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pyrs._bridge import BodyStream, Coroutine

PAUSE: Final = 1  # of enum pyrs_flow
GONE: Final = 2
TURN_SECONDS: Final = 0.001  # then others have theirs


async def send_items(
    answer: Coroutine, items: AsyncIterator[object] | Iterator[object]
) -> None:
    """Sends a streamed body, item by item, as fast as the client takes it.

    Cancelled when the client goes; either way the iterator is closed before this ends.
    """
    iterator = items if isinstance(items, AsyncIterator) else _in_turns(items)
    try:
        async for item in iterator:
            flow = answer.send_item(item)
            while flow == PAUSE:
                await answer.sent()
                flow = answer.flow()
            if flow == GONE:
                return
    finally:
        if close := getattr(iterator, "aclose", None):
            await close()


async def _in_turns(items: Iterator[Any]) -> AsyncIterator[Any]:
    """A plain iterator, which lets the other tasks run now and then."""
    import asyncio  # all endpoints load this module, only async handlers need that

    turn_ends = time.monotonic() + TURN_SECONDS
    try:
        for item in items:
            yield item
            if time.monotonic() > turn_ends:
                await asyncio.sleep(0)
                turn_ends = time.monotonic() + TURN_SECONDS
    finally:
        if close := getattr(items, "close", None):
            close()


async def next_chunk(body: BodyStream) -> bytes:
    """The next of a request's body; at its end StopAsyncIteration."""
    while (chunk := body._take_now(-1)) is None:
        await body._come()
    if not chunk:
        raise StopAsyncIteration
    return chunk


async def read_chunks(body: BodyStream, size: int) -> bytes:
    """So many bytes of it, fewer only at its end; all that are left if negative."""
    chunks: list[bytes] = []
    left = size
    while left:
        while (chunk := body._take_now(left)) is None:
            await body._come()
        if not chunk:
            break
        chunks.append(chunk)
        if left > 0:
            left -= len(chunk)
    return b"".join(chunks)
