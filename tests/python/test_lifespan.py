"""start and stop of instances: their order, once each, and when they fail."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pyrs import PyrsError
from pyrs.lifespan import Lifespan


class Part:
    def __init__(self, name: str, events: list[str], fails: str = "") -> None:
        self.name, self.events, self.fails = name, events, fails

    def start(self) -> None:
        self._do("start")

    def stop(self) -> None:
        self._do("stop")

    def _do(self, what: str) -> None:
        self.events.append(f"{what} {self.name}")
        if what == self.fails:
            raise ZeroDivisionError(what)


@pytest.fixture
def logged() -> list[str]:
    return []


@pytest.fixture
def lifespan(logged: list[str]) -> Lifespan:
    def log(what: str, error: BaseException) -> None:
        logged.append(f"{what.rpartition('.')[2]}: {error}")

    return Lifespan(log)


def test_instances_are_started_in_order_and_stopped_in_reverse(
    lifespan: Lifespan,
) -> None:
    events: list[str] = []
    for name in "abc":
        lifespan.add(Part(name, events))
    lifespan.start()
    lifespan.start()
    assert events == ["start a", "start b", "start c"]
    lifespan.stop()
    lifespan.stop()
    assert events[3:] == ["stop c", "stop b", "stop a"]


def test_an_instance_is_started_once_however_often_it_is_added(
    lifespan: Lifespan,
) -> None:
    events: list[str] = []
    part = Part("a", events)
    lifespan.add(part)
    lifespan.add(part)
    lifespan.start()
    assert events == ["start a"]


def test_both_methods_may_be_left_out(lifespan: Lifespan) -> None:
    events: list[str] = []

    class OnlyStop:
        def stop(self) -> None:
            events.append("stop")

    class Handlers:
        def start(self, request: Any) -> str:
            raise AssertionError("a handler that is named start is not called")

        stop = "no method"

    for instance in (object(), OnlyStop(), Handlers()):
        lifespan.add(instance)
    lifespan.start()
    lifespan.stop()
    assert events == ["stop"]


def test_a_start_that_fails_stops_those_before_it(lifespan: Lifespan) -> None:
    events: list[str] = []
    lifespan.add(Part("a", events))
    lifespan.add(Part("b", events, fails="start"))
    lifespan.add(Part("c", events))
    with pytest.raises(
        PyrsError, match=r"Part\.start raised ZeroDivisionError: start"
    ) as raised:
        lifespan.start()
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert events == ["start a", "start b", "stop a"]


def test_the_error_of_a_start_can_be_made_by_the_caller(lifespan: Lifespan) -> None:
    lifespan.add(Part("a", [], fails="start"), lambda error: PyrsError(f"<{error}>"))
    with pytest.raises(PyrsError, match="<start>"):
        lifespan.start()


def test_a_stop_that_fails_is_logged_and_the_others_are_stopped(
    lifespan: Lifespan, logged: list[str]
) -> None:
    events: list[str] = []
    lifespan.add(Part("a", events))
    lifespan.add(Part("b", events, fails="stop"))
    lifespan.start()
    lifespan.stop()
    assert events[2:] == ["stop b", "stop a"]
    assert logged == ["stop: stop"]


def test_it_can_be_too_late_to_be_started(lifespan: Lifespan) -> None:
    lifespan.start()
    with pytest.raises(PyrsError, match="comes too late"):
        lifespan.add(object())


def test_async_methods_are_run_by_the_function_for_that(
    lifespan: Lifespan, logged: list[str]
) -> None:
    events: list[str] = []

    class Later(Part):
        async def start(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            self._do("start")

        async def stop(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            self._do("stop")

    run: Callable[..., object] = asyncio.run
    lifespan.run_async = run
    lifespan.add(Later("a", events, fails="stop"))
    lifespan.start()
    lifespan.stop()
    assert events == ["start a", "stop a"]
    assert logged == ["stop: stop"]


def test_without_such_a_function_an_async_start_fails(lifespan: Lifespan) -> None:
    class Later:
        async def start(self) -> None:
            raise AssertionError("never")

    lifespan.add(Later())
    with pytest.raises(PyrsError, match="async, which this server cannot run"):
        lifespan.start()
