"""What becomes of a process that the supervisor has forked: a worker at its seat."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from types import FrameType

__all__ = [
    "SERVES",
    "LinesOfListening",
    "Seat",
    "become_worker",
    "stopped_by_sigterm",
]

# What is said when a server listens, by host, port and the number of workers.
LinesOfListening: TypeAlias = Callable[[str, int, int], list[str]]

# What the core writes to Seat.ready when it accepts, behind what tell_seconds wrote.
SERVES: Final = b"."


class Seat(NamedTuple):
    """Of a worker: where it accepts, and how the supervisor hears that it does."""

    host: str
    port: int
    sockets: list[int]
    is_first: bool  # it says at the start what was loaded
    ready: int

    def tell_seconds(self, seconds: float) -> None:
        """How long it will give its requests when it is to stop; 0: as they need."""
        os.write(self.ready, f"{seconds}".encode())


def become_worker(alive: int, nothing: int) -> None:
    """While all signals are held that the supervisor handles: the thread made here is
    to get none of them, ever.

    `alive` ends with the supervisor, `nothing` is open at /dev/null. The worker leads a
    process group, so that Ctrl-C reaches the supervisor alone, which makes of it a
    stranger to the terminal: not one that is stopped when it writes there, or reads.
    """
    os.setpgid(0, 0)
    for number in (signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    os.dup2(nothing, 0)
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    signal.signal(signal.SIGUSR1, _do_nothing)  # it may come before there is a log


def stopped_by_sigterm(stop: Callable[[], None]) -> None:
    """From now on SIGTERM calls `stop`, once, wherever the core does not take it."""

    def obey(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, _do_nothing)
        stop()

    signal.signal(signal.SIGTERM, obey)


def _end_with(alive: int) -> None:
    """Ends this process, as a signal does, when the supervisor is gone."""
    while os.read(alive, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _do_nothing(number: int, frame: FrameType | None) -> None:
    pass
