"""Does the timing wheel keep its contract (csrc/net/timeout.h)? The clock is ours.

Sentences first; then a model, with hypothesis.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .c_core import ffi, lib

TICK = lib.TIMEOUT_TICK_MS
REVOLUTION = TICK * lib.TIMEOUT_SLOTS


class Wheel:
    """A wheel, its clock, and timeouts that are numbers."""

    def __init__(self, count: int = 4, now: int = 1_000_000) -> None:
        self.now = now
        self.wheel = ffi.new("struct timeout_wheel *")
        self._timeouts = ffi.new("struct timeout[]", count)
        lib.timeout_wheel_init(self.wheel, now)
        for at in range(count):
            lib.timeout_init(self._at(at))

    def _at(self, number: int) -> Any:
        return ffi.addressof(self._timeouts, number)

    def set(self, number: int, after: int) -> int:
        deadline = self.now + after
        lib.timeout_set(self.wheel, self._at(number), deadline)
        return deadline

    def cancel(self, number: int) -> None:
        lib.timeout_cancel(self.wheel, self._at(number))

    def take(self) -> int | None:
        taken = lib.timeout_take_due(self.wheel, self.now)
        return None if taken == ffi.NULL else int(taken - self._timeouts)

    def take_all(self) -> list[int]:
        return sorted(iter(self.take, None))

    def after(self, ms: int) -> list[int]:
        """What is due after a sleep of that long."""
        self.now += ms
        return self.take_all()

    def taken_at(self, until: int, step: int = TICK) -> dict[int, int]:
        """When each was taken, counted from now, looking every `step` ms."""
        start = self.now
        times = {}
        while self.now < start + until:
            times.update(dict.fromkeys(self.after(step), self.now - start))
        return times

    def count(self) -> int:
        return int(self.wheel.count)


def test_nothing_is_due_on_an_empty_wheel() -> None:
    assert Wheel().after(3 * REVOLUTION) == []


@pytest.mark.parametrize("start", [0, 1, TICK - 1, TICK, 1_000_000, 2**40 + 77])
@pytest.mark.parametrize("delay", [0, 1, TICK - 1, TICK, TICK + 1, 1000, 30_000])
def test_a_deadline_is_met_at_most_one_tick_late(start: int, delay: int) -> None:
    wheel = Wheel(now=start)
    wheel.set(0, delay)
    when = wheel.taken_at(delay + 2 * TICK, step=1)[0]
    assert delay <= when <= delay + TICK


def test_what_was_taken_is_not_taken_again() -> None:
    wheel = Wheel()
    wheel.set(0, 10)
    assert wheel.after(2 * TICK) == [0]
    assert wheel.after(2 * REVOLUTION) == []
    assert wheel.count() == 0


def test_a_taken_entry_can_be_set_again() -> None:
    wheel = Wheel()
    for _ in range(3):
        wheel.set(0, 10)
        assert wheel.after(2 * TICK) == [0]


def test_a_postponed_deadline_is_met_when_it_was_postponed_to() -> None:
    wheel = Wheel()
    wheel.set(0, 1000)
    wheel.now += 500
    wheel.set(0, 1000)
    when = wheel.taken_at(2000)[0]
    assert 1000 <= when <= 1000 + 2 * TICK


def test_postponing_again_and_again_keeps_an_entry_from_being_due() -> None:
    wheel = Wheel()
    for _ in range(1000):
        wheel.set(0, 1000)
        assert wheel.after(100) == []
    assert wheel.after(1000 + TICK) == [0]


def test_postponing_leaves_the_entry_in_its_slot() -> None:
    wheel = Wheel()
    wheel.set(0, 1000)
    link = wheel._at(0).link
    beside = (link.previous, link.next)
    wheel.set(1, 5000)
    wheel.set(0, 5000)
    assert (link.previous, link.next) == beside


def test_a_deadline_moved_earlier_is_met_earlier() -> None:
    wheel = Wheel()
    wheel.set(0, 20_000)
    wheel.set(0, 300)
    when = wheel.taken_at(1000)[0]
    assert 300 <= when <= 300 + 2 * TICK


def test_a_deadline_that_has_passed_when_it_is_set_is_met_with_the_next_tick() -> None:
    wheel = Wheel()
    wheel.after(0)
    wheel.set(0, -5000)
    assert wheel.after(TICK) == [0]


def test_a_cancelled_entry_is_never_due() -> None:
    wheel = Wheel()
    wheel.set(0, 300)
    wheel.set(1, 300)
    wheel.cancel(0)
    assert wheel.after(1000) == [1]
    assert wheel.after(2 * REVOLUTION) == []


def test_cancelling_twice_or_what_was_never_set_does_no_harm() -> None:
    wheel = Wheel()
    wheel.cancel(0)
    wheel.set(0, 300)
    wheel.cancel(0)
    wheel.cancel(0)
    assert wheel.count() == 0


def test_entries_are_counted_once_however_often_they_are_set() -> None:
    wheel = Wheel()
    for after in (100, 5000, 50, 3 * REVOLUTION):
        wheel.set(0, after)
        wheel.set(1, after)
        assert wheel.count() == 2


@pytest.mark.parametrize("revolutions", [1, 2, 7])
@pytest.mark.parametrize("beside", [-TICK, -1, 0, 1, TICK])
def test_a_deadline_beyond_one_revolution_is_met_in_time(
    revolutions: int, beside: int
) -> None:
    delay = revolutions * REVOLUTION + beside
    wheel = Wheel()
    wheel.set(0, delay)
    when = wheel.taken_at(delay + 3 * TICK)[0]
    assert delay <= when <= delay + 2 * TICK


def test_after_a_long_sleep_all_that_is_due_is_taken_at_once() -> None:
    wheel = Wheel(count=100)
    for at in range(100):
        wheel.set(at, at * REVOLUTION // 10)
    assert wheel.after(20 * REVOLUTION) == list(range(100))


def test_a_long_sleep_takes_nothing_that_is_not_due() -> None:
    wheel = Wheel()
    wheel.set(0, 20 * REVOLUTION)
    wheel.set(1, 3 * REVOLUTION)
    assert wheel.after(10 * REVOLUTION) == [1]
    when = wheel.taken_at(11 * REVOLUTION)[0]
    assert 10 * REVOLUTION <= when <= 10 * REVOLUTION + 2 * TICK


def check_while_taking(change: Callable[[Wheel, int], object]) -> tuple[Wheel, int]:
    """Changes the other of two due entries between the calls that take them."""
    wheel = Wheel()
    wheel.set(0, 100)
    wheel.set(1, 100)
    wheel.now += 1000
    first = wheel.take()
    assert first is not None
    other = 1 - first
    change(wheel, other)
    return wheel, other


def test_an_entry_cancelled_while_due_ones_are_taken_is_not_taken() -> None:
    wheel, _ = check_while_taking(Wheel.cancel)
    assert wheel.take() is None
    assert wheel.count() == 0


def test_an_entry_postponed_while_due_ones_are_taken_is_taken_later() -> None:
    wheel, other = check_while_taking(lambda wheel, other: wheel.set(other, 500))
    assert wheel.take() is None
    assert wheel.count() == 1
    assert 500 <= wheel.taken_at(1000)[other] <= 500 + 2 * TICK


def test_an_entry_set_again_when_it_is_taken_is_not_taken_in_the_same_round() -> None:
    wheel = Wheel()
    wheel.set(0, 100)
    wheel.now += 1000
    assert wheel.take() == 0
    wheel.set(0, 0)
    assert wheel.take() is None
    assert wheel.after(TICK) == [0]


# ---- a model ----

NUMBERS = st.integers(0, 3)
DELAYS = st.one_of(
    st.integers(-TICK, 4 * TICK),
    st.integers(0, 3 * REVOLUTION),
    st.sampled_from([REVOLUTION - TICK, REVOLUTION - 1, REVOLUTION, REVOLUTION + 1]),
)
CHANGES = st.one_of(
    st.tuples(st.just("set"), NUMBERS, DELAYS), st.tuples(st.just("cancel"), NUMBERS)
)
ROUNDS = st.tuples(
    st.lists(CHANGES, max_size=6),
    DELAYS.map(lambda ms: max(0, ms)),
    st.lists(CHANGES, max_size=3),  # between the calls that take
)


class Model:
    """The deadlines, and since when there could be no earlier one."""

    def __init__(self, start: int) -> None:
        self.wheel = Wheel(now=start)
        self.deadlines: dict[int, int] = {}
        self.set_at: dict[int, int] = {}

    def change(self, change: tuple[Any, ...]) -> None:
        kind, number, *after = change
        if kind == "set":
            self.deadlines[number] = self.wheel.set(number, *after)
            self.set_at[number] = self.wheel.now
        else:
            self.wheel.cancel(number)
            self.deadlines.pop(number, None)
        assert self.wheel.count() == len(self.deadlines)

    def take(self, changes: list[tuple[Any, ...]]) -> None:
        while (number := self.wheel.take()) is not None:
            assert self.deadlines.pop(number) <= self.wheel.now  # never early
            assert self.wheel.count() == len(self.deadlines)
            if changes:
                self.change(changes.pop())
        for number, deadline in self.deadlines.items():
            # A tick has to be over, and nobody is asked before he says when.
            due = max(deadline, self.set_at[number]) // TICK + 1
            assert self.wheel.now // TICK < due


@given(st.integers(TICK, 3 * REVOLUTION), st.lists(ROUNDS, max_size=20))
def test_deadlines_are_met_in_time_whatever_is_set_and_cancelled(
    start: int, rounds: list[Any]
) -> None:
    model = Model(start)
    for changes, sleep, between in rounds:
        for change in changes:
            model.change(change)
        model.wheel.now += sleep
        model.take(list(between))
