"""start and stop of the instances that answer requests, around a server's run.

    class Api:
        def start(self): self.database = connect()
        def stop(self): self.database.close()

They run once for each instance: start in the order of the adding, before anything is
accepted; stop in reverse, after the last response. Both may be async.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeAlias

from pyrs.errors import PyrsError

__all__ = ["Lifespan", "LogFailure", "MakeError", "RunAsync", "takes_no_argument"]

# Runs a coroutine to its end, on the loop that async handlers run on.
RunAsync: TypeAlias = "Callable[[Coroutine[Any, Any, object]], object]"
LogFailure: TypeAlias = "Callable[[str, BaseException], None]"
# What is raised when a start failed: its own words around the exception.
MakeError: TypeAlias = "Callable[[BaseException], PyrsError]"


class _Member(NamedTuple):
    instance: object
    name: str
    make_error: MakeError


class Lifespan:
    """Instances, and which of them have been started."""

    def __init__(self, log: LogFailure) -> None:
        self._log = log
        self._members: list[_Member] = []
        self._started: list[_Member] = []
        self._is_started = False
        self.run_async: RunAsync | None = None

    def add(self, instance: object, make_error: MakeError | None = None) -> None:
        """An instance that is here already is not added again.

        PyrsError, or what `make_error` makes, if it is too late to start it.
        """
        name = f"{type(instance).__module__}.{type(instance).__qualname__}"
        if any(member.instance is instance for member in self._members):
            return
        if self._is_started:
            raise PyrsError(f"{name} comes too late to be started: the server has been")

        def told(error: BaseException) -> PyrsError:
            return PyrsError(f"{name}.start raised {type(error).__name__}: {error}")

        self._members.append(_Member(instance, name, make_error or told))

    def start(self) -> None:
        """Starts what has not been; a second call does nothing.

        If one fails, those before it are stopped, and what was made of the exception is
        raised from it.
        """
        if self._is_started:
            return
        self._is_started = True
        for member in self._members:
            try:
                self._run(member.instance, "start")
            except (Exception, SystemExit) as error:
                self.stop()
                raise member.make_error(error) from error
            self._started.append(member)

    def stop(self) -> None:
        """Stops what was started, the last one first. What fails is logged, and the
        others are stopped all the same."""
        while self._started:
            member = self._started.pop()
            try:
                self._run(member.instance, "stop")
            except (Exception, SystemExit) as error:
                self._log(f"{member.name}.stop", error)
        self._is_started = False

    def _run(self, instance: object, name: str) -> None:
        method = getattr(instance, name, None)
        if method is None or not takes_no_argument(method):
            return
        result = method()
        if inspect.iscoroutine(result):
            if self.run_async is None:
                result.close()
                raise PyrsError(f"{name} is async, which this server cannot run")
            self.run_async(result)


def takes_no_argument(method: object) -> bool:
    """Whether this is a start or stop, and not a handler of that name."""
    if not callable(method):
        return False
    try:
        inspect.signature(method).bind()
    except TypeError:
        return False
    except ValueError:
        pass  # what is written in C need not have a signature
    return True
