"""Measures what pyrs adds to Flask: an application served, and called without a server.

    python benchmarks/flask_cost.py [--rounds 5] [--seconds 4]

CPU time per request: of the server with one loop and 64 connections, one request at a
time on each, and of the application alone, called in a loop as a server would call it.
The difference is the server's; the last column tells it in yardsticks of the same
round. The median of the rounds.

A shared machine is faster or slower from one second to the next, by more than what is
measured here. So within a round all three take turns, a tenth of a second each: what
the machine does meets them alike.
"""

import argparse
import io
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

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

SLICE_SECONDS = 0.1
# A server answers what it was asked at the end of its slice.
PAUSE_SECONDS = 0.02
LOAD = Load("Flask", "/", 1)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each, in a round")
    options = parser.parse_args(argv)
    build()
    on = ("--port", "{port}", "--threads", "1", "--no-access-log")
    command = (sys.executable, "-m", "pyrs", str(PEERS / "flask.pyrs"), *on)
    served = Server("flask", "pyrs, Flask", command)
    yardstick = all_servers(sys.executable, sys.executable)[0]
    rows: list[tuple[float, float, float, float]] = []
    for number in range(options.rounds):
        base, alone, whole = one_round(yardstick, served, options.seconds)
        added = (whole - alone) / base
        rows.append((base, alone, whole, added))
        print(
            f"round {number + 1}: yardstick {base:.2f} µs, Flask alone {alone:.2f} µs, "
            f"on pyrs {whole:.2f} µs: {added:.2f}",
            flush=True,
        )
    base, alone, whole, added = (median(column) for column in zip(*rows, strict=True))
    print("\n| yardstick | Flask alone | Flask on pyrs | added, in yardsticks |")
    print("|---|---|---|---|")
    print(f"| {base:.2f} µs | {alone:.1f} µs | {whole:.1f} µs | {added:.2f} |")
    return 0


def one_round(
    yardstick: Server, served: Server, seconds: int
) -> tuple[float, float, float]:
    """µs of CPU: of the yardstick, of Flask alone, of Flask on pyrs."""
    with ExitStack() as stack:
        loaded = [
            LoadedServer(stack, server, seconds) for server in (yardstick, served)
        ]
        alone = Alone()
        for _ in range(int(seconds / SLICE_SECONDS)):
            for turn in (loaded[0], alone, loaded[1]):
                turn.take_a_slice()
        base, whole = (server.cost() for server in loaded)
    return base, alone.cost(), whole


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
        self._cpu_before = tree_cpu_seconds(self._server.pid)
        self._seconds = 10 * seconds  # it is told to end before
        self._name = server.label
        self._wrk = start_wrk(port, LOAD, self._seconds)
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


def call(app: Any) -> None:
    """What any server has to do: an environ, the call, the body, its end."""
    body: Iterable[bytes] = app(environ(), start_response)
    for _ in body:
        pass
    if close := getattr(body, "close", None):
        close()


def start_response(status: str, headers: list[Any], exc_info: Any = None) -> None:
    pass


def environ() -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8080",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": EMPTY,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


EMPTY = io.BytesIO()

if __name__ == "__main__":
    os.chdir(PEERS)
    sys.exit(main(sys.argv[1:]))
