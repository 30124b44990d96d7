"""Measures what pyrs adds to Flask: an application served, and called without a server.

    python benchmarks/flask_cost.py [--rounds 5] [--seconds 3]

CPU time per request: of the server with one loop and 64 connections, one request at a
time on each, and of the application alone, called in a loop as a server would call it.
The difference is the server's; the last column tells it in yardsticks of the same
round. The median of the rounds.
"""

import argparse
import io
import os
import sys
import time
from collections.abc import Iterable
from statistics import median
from typing import Any

from cost import cost
from servers import PEERS, Server, all_servers, build

CALLS = 20_000


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args(argv)
    build()
    on = ("--port", "{port}", "--threads", "1", "--no-access-log")
    command = (sys.executable, "-m", "pyrs", str(PEERS / "flask.pyrs"), *on)
    served = Server("flask", "pyrs, Flask", command)
    yardstick = all_servers(sys.executable, sys.executable)[0]
    rows: list[tuple[float, float, float, float]] = []
    for round_ in range(options.rounds):
        base = cost(yardstick, "/", 0, options.seconds)
        alone = cost_alone()
        whole = cost(served, "/", 0, options.seconds)
        rows.append((base, alone, whole, (whole - alone) / base))
        print(
            f"round {round_ + 1}: yardstick {base:.2f} µs, Flask alone {alone:.2f} µs, "
            f"on pyrs {whole:.2f} µs",
            flush=True,
        )
    base, alone, whole, added = (median(column) for column in zip(*rows, strict=True))
    print("\n| yardstick | Flask alone | Flask on pyrs | added, in yardsticks |")
    print("|---|---|---|---|")
    print(f"| {base:.2f} µs | {alone:.1f} µs | {whole:.1f} µs | {added:.2f} |")
    return 0


def cost_alone() -> float:
    """µs of CPU per call."""
    sys.path.insert(0, str(PEERS))
    from flask_app import app

    call(app)
    before = time.process_time()
    for _ in range(CALLS):
        call(app)
    return (time.process_time() - before) / CALLS * 1e6


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
