"""Context variables: what a handler sets is for its own request."""

import contextvars
import threading
from collections.abc import Iterator
from decimal import Decimal, getcontext
from typing import Any

import pytest

from pyrs.errors import HTTPError

from .bridge_kit import ask, ask_often, ask_on_threads

user = contextvars.ContextVar("user", default="nobody")


def test_what_a_handler_sets_is_not_seen_by_the_next_request() -> None:
    seen: list[str] = []

    def handler(request: Any) -> str:
        seen.append(user.get())
        user.set("somebody")
        seen.append(user.get())
        if len(seen) % 4 == 0:
            raise HTTPError(404)
        return user.get()

    ask_often(handler, 10)
    ask_on_threads(handler, threads=3, count=10)
    assert seen[::2] == ["nobody"] * 40
    assert seen[1::2] == ["somebody"] * 40


def test_a_decimal_context_is_a_requests_own() -> None:
    seen: list[int] = []

    def handler(request: Any) -> str:
        seen.append(getcontext().prec)
        getcontext().prec = 5
        return str(Decimal(1) / 3)

    ask_on_threads(handler, threads=1, count=5)
    assert seen == [28] * 5


def test_the_context_of_the_thread_itself_is_neither_seen_nor_changed() -> None:
    seen: list[str] = []

    def handler(request: Any) -> None:
        seen.append(user.get())
        user.set("somebody")

    user.set("the thread's own")
    try:
        ask(handler)
        assert seen == ["nobody"]
        assert user.get() == "the thread's own"
    finally:
        user.set("nobody")


@pytest.mark.parametrize("on_threads", [False, True])
def test_a_generator_sees_what_its_handler_set_in_every_step(on_threads: bool) -> None:
    def items(request: Any) -> Iterator[str]:
        yield user.get()
        for name in "ab":
            user.set(name)
            yield user.get()
        yield user.get()

    def handler(request: Any) -> Iterator[str]:
        user.set("somebody ")
        return items(request)

    answer = ask(handler, room=1, on_threads=on_threads)
    assert (answer.body, answer.steps) == (b"somebody abb", 5)
    assert user.get() == "nobody"


def test_generators_that_take_turns_on_a_thread_do_not_share_a_context() -> None:
    wrong: list[str] = []

    def handler(request: Any) -> Iterator[bytes]:
        for at in range(5):
            name = f"{threading.get_ident()} {id(request)} {at}"
            if at == 0 and user.get() != "nobody":
                wrong.append(user.get())
            user.set(name)
            yield b"x"
            if user.get() != name:
                wrong.append(name)

    ask_on_threads(handler, threads=4, count=50, room=1)
    assert wrong == []


def test_the_finally_of_a_generator_sees_its_context() -> None:
    seen: list[str] = []

    def handler(request: Any) -> Iterator[bytes]:
        user.set("somebody")
        try:
            yield b"abc"
        finally:
            seen.append(user.get())

    for parts in ({"method": "HEAD"}, {"gone_after": 1}, {}):
        ask(handler, **parts)
    assert seen == ["somebody"] * 3


def test_a_threading_local_is_the_threads() -> None:
    local = threading.local()
    seen: list[int] = []

    def handler(request: Any) -> None:
        local.count = getattr(local, "count", 0) + 1
        seen.append(local.count)

    ask_on_threads(handler, threads=1, count=5)
    assert seen == [1, 2, 3, 4, 5]


def test_an_exception_that_was_handled_is_not_seen_by_the_next_request() -> None:
    import sys

    seen: list[Any] = []

    def handler(request: Any) -> Iterator[bytes]:
        seen.append(sys.exc_info()[0])
        try:
            raise ValueError
        except ValueError:
            yield b"a"
            seen.append(sys.exc_info()[0])
            yield b"b"

    ask_on_threads(handler, threads=1, count=2, room=1)
    assert seen == [None, ValueError] * 2
