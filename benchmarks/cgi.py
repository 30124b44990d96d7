"""Measures CGI programs: requests per second, and processor time per request.

    python benchmarks/cgi.py [--rounds 3] [--seconds 5]

pyrs with one loop, 8 connections, one request at a time on each. The processor time is
that of the server and of all the processes that it has started; the column beside it
is the server's own. `bare` is the same program started over and over by a loop in
Python (os.posix_spawn, its output read through a pipe), eight at a time: what the
programs cost without any server.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from statistics import median
from typing import Any, NamedTuple

from measure import Failed, Load, await_answer, run_wrk
from run import free_port
from servers import Server, build, running

PROGRAMS = {
    "shell": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nHello, World!'\n",
    "python": f"""#!{sys.executable}
print("Content-Type: text/plain\\n\\nHello, World!", end="")
""",
}
CONNECTIONS = 8
TICKS = os.sysconf("SC_CLK_TCK")


class Case(NamedTuple):
    title: str
    program: str
    keys: dict[str, Any] = {}  # noqa: RUF012


CASES = [
    Case("a shell script", "shell"),
    Case("a Python script", "python"),
]


class Figures(NamedTuple):
    per_second: float
    cpu_us: float
    own_us: float


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args(argv)
    build()
    print("| program | | requests/s | CPU, µs | of it the server's, µs |")
    print("|---|---|---|---|---|")
    for case in CASES:
        rounds = [serve(case, options.seconds) for _ in range(options.rounds)]
        say(case.title, "pyrs", rounds)
        if not case.keys:
            bare = [run_bare(case, options.seconds) for _ in range(options.rounds)]
            say(case.title, "bare", bare)
    return 0


def say(title: str, kind: str, rounds: list[Figures]) -> None:
    figures = Figures(*(median(column) for column in zip(*rounds, strict=True)))
    print(
        f"| {title} | {kind} | {figures.per_second:,.0f} | {figures.cpu_us:,.0f} "
        f"| {figures.own_us:,.0f} |",
        flush=True,
    )


def serve(case: Case, seconds: int) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        server = server_of(case, Path(folder))
        port, path = free_port(), f"/cgi-bin/{case.program}"
        load = Load(path, path, 1, 0)
        with running(server, port, 0, Path(folder) / "log") as process:
            await_answer(process, port, load)
            own, ended = cpu_seconds(process.pid)
            result = run_wrk(port, load, seconds, connections=CONNECTIONS)
            own, ended = (
                after - before
                for before, after in zip(
                    (own, ended), cpu_seconds(process.pid), strict=True
                )
            )
    count = result["requests"]
    if not count or any(result["errors"].values()):
        raise Failed(f"{case.title}: {result['errors']}")
    return Figures(count / seconds, (own + ended) / count * 1e6, own / count * 1e6)


def server_of(case: Case, folder: Path) -> Server:
    write_programs(folder / "programs")
    entry = {"path": "/cgi-bin", "cgi": "programs", **case.keys}
    project = {"thread_count": 1, "modules": [entry]}
    (folder / "project.pyrs").write_text(json.dumps(project))
    on = ("--host", "127.0.0.1", "--port", "{port}", "--no-access-log")
    command = (sys.executable, "-m", "pyrs", str(folder / "project.pyrs"), *on)
    return Server("pyrs", case.title, command)


def write_programs(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in PROGRAMS.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def cpu_seconds(process: int) -> tuple[float, float]:
    """Of the process itself, and of its children that have ended and theirs."""
    stat = Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1].split()
    user, system, children_user, children_system = map(int, stat[11:15])
    return (user + system) / TICKS, (children_user + children_system) / TICKS


# ---- the same programs without a server ----


def run_bare(case: Case, seconds: int) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        write_programs(Path(folder))
        return run_again_and_again(f"{folder}/{case.program}", seconds)


def run_again_and_again(path: str, seconds: int) -> Figures:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    deadline, count = time.monotonic() + seconds, 0
    with DefaultSelector() as selector:
        for _ in range(CONNECTIONS):
            start(selector, path)
        while selector.get_map():
            for key, _ in selector.select():
                if os.read(key.fd, 65536):
                    continue
                selector.unregister(key.fd)
                os.close(key.fd)
                os.waitpid(key.data, 0)
                count += 1
                if time.monotonic() < deadline:
                    start(selector, path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figures(count / seconds, cpu / count * 1e6, 0)


def start(selector: DefaultSelector, path: str) -> None:
    read, write = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, write, 1)]
    process = os.posix_spawn(path, [path], dict(os.environ), file_actions=actions)
    os.close(write)
    selector.register(read, EVENT_READ, process)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
