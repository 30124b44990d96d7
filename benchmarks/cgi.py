"""Measures CGI programs: requests per second, and processor time per request.

    python benchmarks/cgi.py [--rounds 3] [--seconds 5]

pyrs with one loop, 8 connections, one request at a time on each, after a second of the
same, in which a template starts. The processor time is that of the server and of all
the processes that it has started; the column beside it is the server's own. `bare` is
the same program started over and over by a loop in Python (os.posix_spawn, its output
read through a pipe), eight at a time: what the programs cost without any server.

PyServe's way is a fresh interpreter for each request, which is how PyServe starts its
scripts. It is measured as pyrs does it without `warm`; PyServe itself does not run.

The medians of the rounds, in which the cases take turns, and the median of the rounds'
ratios. The table is stored in results/cgi.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from statistics import median
from typing import Any, NamedTuple, TypeAlias

from measure import Failed, Load, await_answer, run_wrk, tree_cpu_seconds
from run import free_port
from servers import HERE, Server, build, running

RESULT = HERE / "results" / "cgi.md"

PROGRAMS = {
    "shell": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nHello, World!'\n",
    "python": f"""#!{sys.executable}
print("Content-Type: text/plain\\n\\nHello, World!", end="")
""",
    "http": f"""#!{sys.executable}
from pyrs.cgi import http
print("Hello, World!", end="")
""",
}
CONNECTIONS = 8
WARM_UP_SECONDS = 1
TICKS = os.sysconf("SC_CLK_TCK")


class Case(NamedTuple):
    title: str
    program: str
    keys: dict[str, Any] = {}  # noqa: RUF012


FRESH = Case("one that imports `pyrs.cgi`: PyServe's way", "http")
WARM = Case("the same, warm", "http", {"warm": True})
CASES = [
    Case("a shell script", "shell"),
    Case("a Python script", "python"),
    FRESH,
    WARM,
]


class Figures(NamedTuple):
    per_second: float
    cpu_us: float
    own_us: float


# Each round's, by the title of the case and how it ran.
Found: TypeAlias = "dict[tuple[str, str], list[Figures]]"


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args(argv)
    build()
    found: Found = {}
    for round_ in range(options.rounds):
        for case in CASES:
            say(round_, case, "pyrs", serve(case, options.seconds), found)
            if not case.keys:
                say(round_, case, "bare", run_bare(case, options.seconds), found)
    page = table(found, options.rounds, options.seconds)
    print(page)
    RESULT.write_text(page, encoding="utf-8")
    return 0


def say(round_: int, case: Case, kind: str, figures: Figures, found: Found) -> None:
    found.setdefault((case.title, kind), []).append(figures)
    rate = f"{figures.per_second:7,.0f}/s {figures.cpu_us:9,.0f} µs"
    print(f"round {round_ + 1}, {case.title:44} {kind} {rate}", flush=True)


def table(found: Found, rounds: int, seconds: int) -> str:
    lines = "\n".join(line(*key, figures) for key, figures in found.items())
    sides = (found[case.title, "pyrs"] for case in (FRESH, WARM))
    ratio = median(
        warm.per_second / fresh.per_second for fresh, warm in zip(*sides, strict=True)
    )
    return f"""\
# CGI programs

{time.strftime("%Y-%m-%d")}, Linux {platform.release()}, {os.cpu_count()} processors,
CPython {platform.python_version()}; medians of {rounds} rounds of {seconds} s,
{CONNECTIONS} connections, one loop.
`python benchmarks/cgi.py`

| program | | requests/s | µs of CPU, all processes | of it the server's |
|---|---|---|---|---|
{lines}

`bare`: the same program, started {CONNECTIONS} at a time without a server. PyServe's
way is a fresh interpreter for each request, as PyServe starts it; pyrs does the same
without `warm`, and is what was measured: PyServe itself did not run. With `warm` a
script answered **{ratio:.1f}** times as many requests (the median of the rounds'
ratios).
"""


def line(title: str, kind: str, rounds: list[Figures]) -> str:
    figures = Figures(*(median(column) for column in zip(*rounds, strict=True)))
    return (
        f"| {title} | {kind} | {figures.per_second:,.0f} | {figures.cpu_us:,.0f} "
        f"| {figures.own_us:,.0f} |"
    )


def serve(case: Case, seconds: int) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        server = server_of(case, Path(folder))
        port, path = free_port(), f"/cgi-bin/{case.program}"
        load = Load(path, path, 1, 0)
        with running(server, port, 0, Path(folder) / "log") as process:
            await_answer(process, port, load)
            run_wrk(port, load, WARM_UP_SECONDS, connections=CONNECTIONS)
            before = cpu_seconds(process.pid)
            result = run_wrk(port, load, seconds, connections=CONNECTIONS)
            after = cpu_seconds(process.pid)
    own, others = (late - early for early, late in zip(before, after, strict=True))
    count = result["requests"]
    if not count or any(result["errors"].values()):
        raise Failed(f"{case.title}: {result['errors']}")
    return Figures(count / seconds, (own + others) / count * 1e6, own / count * 1e6)


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
    """Of the process itself; and of all the processes below it, those too that have
    ended."""
    stat = Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1].split()
    own = sum(map(int, stat[11:13])) / TICKS
    return own, tree_cpu_seconds(process) - own


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
