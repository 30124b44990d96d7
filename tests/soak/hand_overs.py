"""Loops handed on again and again, and what the server holds afterwards.

Every request blocks the loop that took it, which goes to another thread each time:
threads, their Python states, memory and descriptors must be where they were.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit import RunningServer, get, running_server, wait_until

LOOPS = 8
LOOKS = 20
THREADS_MAX = LOOPS + 6  # loops and the server's own

CODE = """
import time

def block(request):
    time.sleep(0.002)
    return "blocked"
"""
ROUTES = {"/block": {"handler": "block", "run": "loop"}}


@dataclass(frozen=True)
class Look:
    hand_overs: int
    resident_bytes: int
    threads: int
    descriptors: int


def hand_over(
    folder: Path, count: int, say: Callable[[Look], None] = print
) -> list[Look]:
    """At least `count` hand-overs; what is held is looked at when nothing goes on."""
    settings: dict[str, Any] = {"thread_count": LOOPS, "handoff_after": 0.0005}
    with running_server(folder, CODE, ROUTES, **settings) as server:
        looks: list[Look] = []
        while not looks or looks[-1].hand_overs < count:
            target = count * (len(looks) + 1) / LOOKS
            while server.counter("hand_overs") < target:
                _ask_in_parallel(server)
            looks.append(_look(server))
            say(looks[-1])
    return looks


def _ask_in_parallel(server: RunningServer) -> None:
    """On enough connections for every loop to have some."""
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(4 * LOOPS)]
        for _ in range(20):
            for client in clients:
                client.send(get("/block"))
            for client in clients:
                assert client.response().status == 200


def _look(server: RunningServer) -> Look:
    wait_until(lambda: server.counter("threads") <= LOOPS + 2, "standbys have ended")
    server.wait_until_as_at_start()
    wait_until(lambda: server.counter("threads_busy") == 0, "nobody runs")
    # One that counts no more may still be about to end.
    wait_until(lambda: threads(server) <= THREADS_MAX, "threads have ended")
    return Look(
        server.counter("hand_overs"),
        server.resident_bytes(),
        threads(server),
        len(server.descriptors()),
    )


def threads(server: RunningServer) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))
