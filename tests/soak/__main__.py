"""Prints what the server holds as requests go by, what an idle connection costs, and
what is held as loops change threads and as CGI programs come and go. Exit status 1 if
memory grew over the second half, or an idle connection is dear; an assertion if a
descriptor or a process is left. Each part is left out with 0, so 10,000 CGI programs
and nothing else are

    python -m tests.soak --requests 0 --idle 0 --hand-overs 0 --programs 10000
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from .cgi import Look as ProgramLook
from .cgi import run_programs
from .hand_overs import Look as HandOverLook
from .hand_overs import hand_over
from .idle import allow_descriptors, measure_idle
from .soak import GROWTH_MAX, Look, soak, usual_growth

IDLE_BYTES_MAX = 1024


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def add(name: str, default: int, what: str) -> None:
        text = f"{what} (default: {default:,})"
        parser.add_argument(name, type=int, default=default, metavar="N", help=text)

    add("--requests", 1_000_000, "requests of every kind")
    add("--threads", 2, "loops that answer them")
    add("--idle", 10_000, "connections that are idle at once")
    add("--hand-overs", 100_000, "times that a loop changes threads")
    add("--programs", 10_000, "CGI programs, shell scripts and warm Python scripts")
    options = parser.parse_args()
    passed = True
    if options.requests:
        passed &= _soak(options.requests, options.threads)
    if options.idle:
        passed &= _idle(options.idle)
    if options.hand_overs:
        passed &= _hand_overs(options.hand_overs)
    if options.programs:
        passed &= _programs(options.programs)
    return 0 if passed else 1


def _soak(requests: int, threads: int) -> bool:
    start = time.monotonic()

    def say(look: Look) -> None:
        seconds = time.monotonic() - start
        kib = look.resident_bytes // 1024
        print(
            f"{look.requests:>10} requests {seconds:6.0f} s "
            f"{kib:>8} KiB resident {look.descriptors:>4} descriptors",
            flush=True,
        )

    with tempfile.TemporaryDirectory() as folder:
        result = soak(Path(folder), requests, threads, say)
    print(f"counters at the end: {result.counters}")
    print(f"growth over the second half: {result.growth // 1024} KiB")
    return result.growth < GROWTH_MAX


def _idle(connections: int) -> bool:
    if not allow_descriptors(connections + 200):
        print("the limit of open files is too low to measure idle connections")
        return False
    with tempfile.TemporaryDirectory() as folder:
        cost = measure_idle(Path(folder), connections)
    print(f"{connections} idle connections: {cost.bytes_each:.0f} bytes each")
    return cost.bytes_each <= IDLE_BYTES_MAX


def _hand_overs(count: int) -> bool:
    def say(look: HandOverLook) -> None:
        print(
            f"{look.hand_overs:>10} hand-overs {look.resident_bytes // 1024:>8} KiB "
            f"resident {look.threads:>4} threads {look.descriptors:>4} descriptors",
            flush=True,
        )

    with tempfile.TemporaryDirectory() as folder:
        looks = hand_over(Path(folder), count, say)
    return _has_not_grown([look.resident_bytes for look in looks])


def _programs(count: int) -> bool:
    def say(look: ProgramLook) -> None:
        print(
            f"{look.programs:>10} programs {look.resident_bytes // 1024:>8} KiB "
            f"resident {look.processes:>4} processes {look.descriptors:>4} descriptors",
            flush=True,
        )

    with tempfile.TemporaryDirectory() as folder:
        looks = run_programs(Path(folder), count, say)
    return _has_not_grown([look.resident_bytes for look in looks])


def _has_not_grown(resident_bytes: list[int]) -> bool:
    growth = usual_growth(resident_bytes)
    print(f"growth over the second half: {growth // 1024} KiB")
    return growth < GROWTH_MAX


if __name__ == "__main__":
    sys.exit(main())
