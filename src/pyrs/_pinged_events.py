"""Server-sent events that keep their connection awake. See pyrs.events."""

from __future__ import annotations

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncIterator
from typing import Any, Final

from pyrs.events import close_async, event_text

__all__ = ["PingedEvents"]

PING: Final = b": ping\n\n"  # a comment: EventSource drops it, proxies see a byte


class PingedEvents:
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

    def __aiter__(self) -> PingedEvents:
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
            await close_async(self._items)

    async def aclose(self) -> None:
        if self._task is None:
            await close_async(self._items)
            return
        is_over = self._task.done()
        self._task.cancel()
        await asyncio.wait({self._task})
        error = None if self._task.cancelled() else self._task.exception()
        if error is not None and not is_over:
            raise error
