"""Claims about who is fast enough, on a machine that may stop the test for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

__all__ = ["Pace", "unless_kept_waiting"]

ATTEMPTS: Final = 5


class Pace:
    """The longest time between two steps of a test, in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = time.monotonic()

    def step(self) -> None:
        now = time.monotonic()
        self.longest = max(self.longest, now - self._last)
        self._last = now


def unless_kept_waiting(attempt: Callable[[Pace], None], seconds: float) -> None:
    """Runs it until it holds; once more if it fails and a step took that long."""
    for _ in range(ATTEMPTS):
        pace = Pace()
        try:
            attempt(pace)
        except (AssertionError, OSError):
            pace.step()
            if pace.longest < seconds:
                raise
        else:
            return
    raise AssertionError(f"the machine kept it waiting {ATTEMPTS} times")
