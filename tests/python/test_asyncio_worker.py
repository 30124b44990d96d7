"""The thread that runs asyncio, by itself and in a server of this process."""

import asyncio
import gc
import threading
import urllib.request
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import pyrs.testing
from pyrs.asyncio_worker import AsyncioWorker

Record = tuple[str, str]


@contextmanager
def working() -> Iterator[tuple[AsyncioWorker, list[Record]]]:
    records: list[Record] = []
    worker = AsyncioWorker(10, lambda level, text: records.append((level, text)))
    try:
        yield worker, records
    finally:
        worker.stop(20)
    assert "pyrs-asyncio" not in thread_names()


def thread_names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


async def where() -> str:
    await asyncio.sleep(0)
    return threading.current_thread().name


def test_coroutines_run_on_its_thread() -> None:
    with working() as (worker, _):
        assert "pyrs-asyncio" not in thread_names()
        assert worker.run(where()) == "pyrs-asyncio"
        assert worker.run(where()) == "pyrs-asyncio"
        assert thread_names().count("pyrs-asyncio") == 1


def test_what_a_coroutine_raises_is_raised_there() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise LookupError("not here")

    with working() as (worker, _), pytest.raises(LookupError, match="not here"):
        worker.run(fail())


def test_a_stop_cancels_tasks_and_closes_generators() -> None:
    events: list[str] = []

    async def forever(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            events.append(name)

    async def numbers() -> Any:
        try:
            while True:
                yield 1
        finally:
            events.append("generator")

    async def begin() -> Any:
        tasks = [asyncio.create_task(forever("task"))]
        generator = numbers()
        await anext(generator)
        return tasks, generator

    with working() as (worker, _):
        kept = worker.run(begin())
    assert sorted(events) == ["generator", "task"]
    del kept


def test_what_a_task_raises_at_the_end_is_logged() -> None:
    async def clumsy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("at the end")

    async def begin() -> Any:
        task = asyncio.create_task(clumsy())
        await asyncio.sleep(0)
        return task

    with working() as (worker, records):
        worker.run(begin())
    (error,) = [text for level, text in records if level == "error"]
    assert "raised at the end" in error
    assert "ValueError: at the end" in error


def test_a_task_that_does_not_end_is_left_behind() -> None:
    go = threading.Event()

    async def running_loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    records: list[Record] = []
    worker = AsyncioWorker(10, lambda level, text: records.append((level, text)))
    loop: Any = worker.run(running_loop())
    loop.call_soon_threadsafe(go.wait)
    (thread,) = (one for one in threading.enumerate() if one.name == "pyrs-asyncio")
    worker.stop(0.05)
    assert records[-1][0] == "warning"
    assert "left behind" in records[-1][1]
    go.set()
    thread.join(20)
    assert not thread.is_alive()


def test_async_handlers_are_served_in_this_process_and_leave_nothing() -> None:
    class Api:
        async def hello(self, request: Any) -> str:
            return await where()

    api = Api()
    alive = weakref.ref(api)
    for _ in range(3):
        with (
            pyrs.testing.serve({"/": api.hello}) as url,
            urllib.request.urlopen(url) as answer,
        ):
            assert answer.read() == b"pyrs-asyncio"
        assert "pyrs-asyncio" not in thread_names()
    del api
    gc.collect()
    assert alive() is None
