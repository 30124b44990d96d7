"""Measures what pyrs adds to Flask: an application served, and called without a server.

    python benchmarks/flask_cost.py [--rounds 9] [--seconds 2]

CPU time per request: of the server with one loop and 64 connections, one request at a
time on each, and of the application alone, called in a loop as a server would call it.
The difference is the server's, told in yardsticks of the same round. The median of the
rounds. Beside it the same for the yardstick itself, which calls the application as the
loop does and answers without looking at what it gives: what the machine takes whoever
serves, since the system finds nothing of its own in the caches after the application.

A shared machine is faster or slower from one second to the next, by more than what is
measured here. So within a round all four take turns, a tenth of a second each: what the
machine does meets them alike.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

from cost import WARM_UP_SECONDS
from measure import (
    Failed,
    Load,
    await_answer,
    run_wrk,
    start_wrk,
    tree_cpu_seconds,
    wrk_result,
)
from run import free_port
from servers import PEERS, Server, all_servers, build, running
from wsgi_call import call

SLICE_SECONDS = 0.1
# A server answers what it was asked at the end of its slice.
PAUSE_SECONDS = 0.02
LOAD = Load("Flask", "/", 1)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=2, help="of each, in a round")
    options = parser.parse_args(argv)
    build()
    rounds: list[Round] = []
    for number in range(options.rounds):
        rounds.append(one_round(options.seconds))
        print(f"round {number + 1}: {rounds[-1]}", flush=True)
    print(f"\nmedian: {Round(*map(median, zip(*map(astuple, rounds), strict=True)))}")
    added, least = (
        median(figures)
        for figures in zip(*(each.added() for each in rounds), strict=True)
    )
    print(f"in yardsticks: pyrs adds {added:.2f}, the yardstick {least:.2f}")
    return 0


@dataclass(frozen=True)
class Round:
    """µs of CPU per request."""

    yardstick: float
    alone: float
    on_pyrs: float
    on_yardstick: float

    def added(self) -> tuple[float, float]:
        """By pyrs and by the yardstick, in yardsticks."""
        return (
            (self.on_pyrs - self.alone) / self.yardstick,
            (self.on_yardstick - self.alone) / self.yardstick,
        )

    def __str__(self) -> str:
        return (
            f"yardstick {self.yardstick:.2f} µs, Flask alone {self.alone:.1f} µs, "
            f"on pyrs {self.on_pyrs:.1f} µs, "
            f"on the yardstick {self.on_yardstick:.1f} µs"
        )


def one_round(seconds: int) -> Round:
    on = ("--port", "{port}", "--threads", "1", "--no-access-log")
    pyrs = (sys.executable, "-m", "pyrs", str(PEERS / "flask.pyrs"), *on)
    script = str(Path(__file__).with_name("flask_on_yardstick.py"))
    with ExitStack() as stack:
        bare, on_pyrs, on_yardstick = (
            LoadedServer(stack, server, seconds)
            for server in (
                all_servers(sys.executable, sys.executable)[0],
                Server("flask", "Flask on pyrs", pyrs),
                Server(
                    "floor",
                    "Flask on the yardstick",
                    (sys.executable, script, "{port}"),
                ),
            )
        )
        alone = Alone()
        for server in (bare, on_pyrs, on_yardstick):
            server.begin()
        for _ in range(int(seconds / SLICE_SECONDS)):
            for turn in (bare, alone, on_pyrs, on_yardstick):
                turn.take_a_slice()
        return Round(bare.cost(), alone.cost(), on_pyrs.cost(), on_yardstick.cost())


class LoadedServer:
    """Asked by a wrk that is stopped between its slices."""

    def __init__(self, stack: ExitStack, server: Server, seconds: int) -> None:
        port = free_port()
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        self._server = stack.enter_context(
            running(server, port, 0, Path(folder) / "log")
        )
        await_answer(self._server, port, LOAD)
        run_wrk(port, LOAD, WARM_UP_SECONDS)
        self._port = port
        self._stack = stack
        self._seconds = 20 * seconds  # it is told to end before
        self._name = server.label

    def begin(self) -> None:
        """Soon followed by the first slice: what was asked waits for its answer."""
        self._cpu_before = tree_cpu_seconds(self._server.pid)
        self._wrk = start_wrk(self._port, LOAD, self._seconds)
        self._stack.callback(self._wrk.kill)
        self._wrk.send_signal(signal.SIGSTOP)

    def take_a_slice(self) -> None:
        self._wrk.send_signal(signal.SIGCONT)
        time.sleep(SLICE_SECONDS)
        self._wrk.send_signal(signal.SIGSTOP)
        time.sleep(PAUSE_SECONDS)

    def cost(self) -> float:
        """µs of CPU per request. Failed if there was an answer other than 200."""
        self._wrk.send_signal(signal.SIGCONT)
        time.sleep(PAUSE_SECONDS)  # else its main thread might not get the next one
        self._wrk.send_signal(signal.SIGINT)
        result = wrk_result(self._wrk, self._seconds)
        cpu = tree_cpu_seconds(self._server.pid) - self._cpu_before
        if any(result["errors"].values()) or not result["requests"]:
            raise Failed(f"{self._name}: {result['errors']}")
        return float(cpu / result["requests"] * 1e6)


class Alone:
    """The application called in a loop, in this process."""

    def __init__(self) -> None:
        sys.path.insert(0, str(PEERS))
        from flask_app import app

        self._app = app
        self._calls = 0
        self._cpu = 0.0
        call(app)

    def take_a_slice(self) -> None:
        end = time.monotonic() + SLICE_SECONDS
        before = time.process_time()
        while time.monotonic() < end:
            for _ in range(100):
                call(self._app)
            self._calls += 100
        self._cpu += time.process_time() - before

    def cost(self) -> float:
        """µs of CPU per call."""
        return self._cpu / self._calls * 1e6


if __name__ == "__main__":
    os.chdir(PEERS)
    sys.exit(main(sys.argv[1:]))
