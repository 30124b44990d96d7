"""asyncio beside the loops: one event loop on a thread of its own.

It runs the async handlers of a server and the async start and stop of its instances,
uvloop if that is installed. Requests reach it through the bridge's inbox
(`_bridge.Tasks`); other threads have it run coroutines.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeAlias

from pyrs._bridge import Tasks
from pyrs._results import describe_exception
from pyrs.config import LogLevel

__all__ = ["AsyncioWorker", "Log"]

Log: TypeAlias = Callable[[LogLevel, str], None]


class AsyncioWorker:
    """A thread and its event loop, from the first `start` or `run` to `stop`."""

    def __init__(self, tasks_max: int, log: Log) -> None:
        self.tasks = Tasks(tasks_max)  # those of requests
        self._log = log
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Returns when the loop runs; a second call does nothing."""
        if self._thread is not None:
            return
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(
            target=self._main, args=[started], name="pyrs-asyncio", daemon=True
        )
        self._thread.start()
        self._loop = started.result()

    def run(self, coroutine: Coroutine[Any, Any, object]) -> object:
        """Runs a coroutine on the loop to its end, for another thread; gives or raises
        what it does."""
        self.start()
        assert self._loop
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        if error := future.exception():
            raise error  # so that its traceback has no frames of the waiting
        return future.result()

    def stop(self, seconds: float | None) -> None:
        """Cancels what still runs and ends the thread; for who has no server running.

        A task that does not end within so many seconds is left behind, with the thread.
        """
        thread, loop = self._thread, self._loop
        if thread is None or loop is None:
            return
        self._thread = self._loop = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join(seconds)
        if thread.is_alive():
            self._log("warning", "asyncio does not stop: its thread is left behind")

    # ---- on its thread ----

    def _main(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        try:
            loop, kind = _new_loop()
            read_end, write_end = _pipe()
        except BaseException as error:
            started.set_exception(error)
            return
        self._log("debug", f"asyncio runs on {kind}")
        asyncio.set_event_loop(loop)
        loop.set_exception_handler(self._log_context)
        loop.add_reader(read_end, self.tasks.take)
        self.tasks.open(loop, read_end, write_end)
        loop.call_soon(started.set_result, loop)
        try:
            loop.run_forever()
            self.tasks.close()
            loop.remove_reader(read_end)
            self._wind_up(loop)
        finally:
            asyncio.set_event_loop(None)
            loop.close()
            os.close(read_end)
            os.close(write_end)

    def _wind_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """As asyncio.run does at its end."""
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        for task in left:
            if not task.cancelled() and (error := task.exception()):
                context = {"message": f"{task!r} raised at the end", "exception": error}
                loop.call_exception_handler(context)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())

    def _log_context(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        """What nobody awaits goes to the log."""
        what = [str(context.get("message", "asyncio has a fault"))]
        what += [
            f"{name}: {context[name]!r}"
            for name in ("task", "future", "handle")
            if name in context
        ]
        error = context.get("exception")
        if error is None:
            self._log("error", "asyncio: " + ", ".join(what))
        else:
            self._log("error", describe_exception("asyncio:", ", ".join(what), error))


def _new_loop() -> tuple[asyncio.AbstractEventLoop, str]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop(), "its own event loop"
    return uvloop.new_event_loop(), f"uvloop {uvloop.__version__}"  # type: ignore[attr-defined]


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return ends
