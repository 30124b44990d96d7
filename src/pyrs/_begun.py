"""Bodies that are there before what runs around a handler goes on.

A file that is missing, and what an iterator raises before its first item, would be
found out when the answer is sent, after middleware and error pages. `begin` finds it
out before, so that it is an error of the handler like any other. The bridge waits for
the first item in the same place; it just gets one that was made already.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from pathlib import Path
from types import AsyncGeneratorType
from typing import Final

from pyrs._files import File
from pyrs.response import Response

__all__ = ["MissingFile", "begin"]

# As open_file.c has it: nothing has that name.
MISSING: Final = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


class MissingFile(Exception):
    """Response.file has nothing to send; its cause says why."""


async def begin(value: object, waits: bool) -> object:
    """What a handler returned, its body begun; raises what that raises.

    MissingFile if it is a file that is not there. Async generators are begun if it may
    wait; other async iterators never, since nobody would end one that is dropped.
    """
    if isinstance(value, Response):
        value.body = await _begun(value.body, waits)
        return value
    if type(value) is tuple and value:
        return (await _begun(value[0], waits), *value[1:])
    return await _begun(value, waits)


async def _begun(body: object, waits: bool) -> object:
    if isinstance(body, File):
        _look_for(body)
    elif isinstance(body, Iterator):
        return _Items.begin(body)
    elif isinstance(body, AsyncGeneratorType) and waits:
        return await _AsyncItems.begin(body)
    return body


def _look_for(file: File) -> None:
    try:
        Path(file.path).stat()
    except OSError as error:
        if error.errno in MISSING:
            raise MissingFile from error.with_traceback(None)


class _Items:
    """An iterator whose first item, if it has one, was made before."""

    def __init__(self, items: Iterator[object]) -> None:
        self._items = items
        self._made: list[object] = []

    @classmethod
    def begin(cls, items: Iterator[object]) -> _Items:
        begun = cls(items)
        try:
            begun._made += [next(items)]
        except StopIteration:
            pass
        except BaseException:
            begun.close()
            raise
        return begun

    def __iter__(self) -> _Items:
        return self

    def __next__(self) -> object:
        return self._made.pop() if self._made else next(self._items)

    def close(self) -> None:
        if close := getattr(self._items, "close", None):
            close()


class _AsyncItems:
    def __init__(self, items: AsyncGenerator[object, None]) -> None:
        self._items = items
        self._made: list[object] = []

    @classmethod
    async def begin(cls, items: AsyncGenerator[object, None]) -> _AsyncItems:
        begun = cls(items)
        with suppress(StopAsyncIteration):
            begun._made += [await anext(items)]
        return begun

    def __aiter__(self) -> _AsyncItems:
        return self

    async def __anext__(self) -> object:
        return self._made.pop() if self._made else await anext(self._items)

    async def aclose(self) -> None:
        await self._items.aclose()
