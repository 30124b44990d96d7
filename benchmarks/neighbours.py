"""Measures what handlers that block, wait or read do to everybody else.

    python benchmarks/neighbours.py [--seconds 5] [--rounds 5] [--only sleepers,native]

One pyrs process with one loop. The fast load is that of run.py: `wrk -t1 -c64`. What is
measured, and in which order, is the list EXPERIMENTS; each prints its lines.
"""

import argparse
import asyncio
import json
import selectors
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

from measure import Load, await_ready, run_wrk, tree_cpu_seconds
from run import free_port
from servers import HERE, Server, build, running

MODULE = HERE / "neighbours"
MIB = 1 << 20
SLEEPERS = 50
COROUTINES = 10_000
UPLOADS, UPLOAD_BYTES = 256, 20 * MIB
FAST = Load("fast", "/fast", 1)


@contextmanager
def serving(**settings: object) -> Iterator[tuple[int, int]]:
    """A server of every handler there is: its port and its process."""
    names = ["fast", "sleep", "spin", "keep_interpreter", "wait", "receive"]
    entries: list[dict[str, object]] = [
        {"path": f"/{name}", "module": "handlers", "handler": name} for name in names
    ]
    entries[-1]["body"] = "stream"
    library = str(HERE / "hello" / "libhello.so")
    entries.append({"path": "/native", "native": library, "symbol": "hello"})
    limits = {"connections": 20_000, "body": 0}
    project = {"thread_count": 1, "limits": limits, **settings, "modules": entries}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "project.pyrs").write_text(json.dumps(project))
        (folder / "handlers.py").write_bytes((MODULE / "handlers.py").read_bytes())
        on = ("--host", "127.0.0.1", "--port", "{port}", "--no-access-log")
        command = (sys.executable, "-m", "pyrs", str(folder / "project.pyrs"), *on)
        port = free_port()
        with running(Server("pyrs", "pyrs", command), port, 0, folder / "log") as it:
            await_ready(it, port, FAST)
            run_wrk(port, FAST, 1)
            yield port, it.pid


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def ask_all(port: int, path: str, count: int) -> float:
    """Seconds until so many requests, sent at once, have all been answered 200."""
    sockets = [connect(port) for _ in range(count)]
    begin = time.monotonic()
    for one in sockets:
        one.sendall(request(path))
    for one in sockets:
        answer = one.recv(65536)
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"{path} was answered {answer[:40]!r}")
    seconds = time.monotonic() - begin
    for one in sockets:
        one.close()
    return seconds


def resident_bytes(pid: int, peak: bool = False) -> int:
    name = "VmHWM:" if peak else "VmRSS:"
    status = Path(f"/proc/{pid}/status").read_text()
    (kib,) = (line.split()[1] for line in status.splitlines() if line.startswith(name))
    return int(kib) * 1024


# ---- the experiments ----


def measure_sleepers(options: argparse.Namespace) -> None:
    """50 handlers asleep for a second each, again and again, beside the fast load."""
    ratios, p99s, waves = [], [], []
    with serving() as (port, _):
        for _round in range(options.rounds):
            alone = run_wrk(port, FAST, options.seconds)
            over = threading.Event()

            def sleep_again(over: threading.Event = over) -> None:
                while not over.is_set():
                    waves.append(ask_all(port, "/sleep", SLEEPERS))

            thread = threading.Thread(target=sleep_again)
            thread.start()
            beside = run_wrk(port, FAST, options.seconds)
            over.set()
            thread.join()
            ratios.append(beside["requests"] / alone["requests"])
            p99s.append(beside["p99_us"] / 1000)
    print(f"{SLEEPERS} sleepers of 1 s: all answered within {max(waves):.2f} s")
    print(f"  fast ones beside them: {median(ratios):.2f} of their throughput alone")
    print(f"  their p99: {median(p99s):.1f} ms (rounds: {p99s})")


def latencies_ms(port: int, path: str, until: Callable[[], bool]) -> list[float]:
    found = []
    with connect(port) as one:
        while not until():
            begin = time.monotonic()
            one.sendall(request(path))
            one.recv(65536)
            found.append((time.monotonic() - begin) * 1000)
    return found


def measure_beside(port: int, path: str, rival: str, times: int) -> list[float]:
    """Latencies of one path while another one is being asked for, so many times."""

    def ask_rival() -> None:
        for _ in range(times):
            ask_all(port, rival, 1)

    thread = threading.Thread(target=ask_rival)
    thread.start()
    found = latencies_ms(port, path, lambda: not thread.is_alive())
    thread.join()
    return found


def print_latencies(title: str, found: list[float]) -> None:
    cuts = quantiles(found, n=100)
    print(
        f"{title}: p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms, "
        f"longest {max(found):.1f} ms, of {len(found)}"
    )


def measure_spin(options: argparse.Namespace) -> None:
    """A handler that computes in Python for 200 ms, beside a fast handler; the switch
    interval is 5 ms."""
    with serving() as (port, _):
        found = measure_beside(port, "/fast", "/spin", 5 * options.seconds)
    print_latencies("a fast handler beside one that computes for 200 ms", found)


def measure_native(options: argparse.Namespace) -> None:
    """A C function, while handlers hold the interpreter for 200 ms without a pause."""
    with serving() as (port, _):
        found = measure_beside(
            port, "/native", "/keep_interpreter", 5 * options.seconds
        )
    print_latencies("a C function while the interpreter is kept for 200 ms", found)


def measure_overhead(options: argparse.Namespace) -> None:
    """CPU per request of a fast handler, hand-over on and off, in turns."""
    for depth in (1, 64):
        load = Load("fast", "/fast", depth)
        costs: dict[float, list[float]] = {0.002: [], 0: []}
        for round_ in range(2 * options.rounds):
            order = list(costs) if round_ % 2 else list(costs)[::-1]
            for after in order:
                with serving(handoff_after=after) as (port, pid):
                    before = tree_cpu_seconds(pid)
                    result = run_wrk(port, load, options.seconds)
                    cpu = tree_cpu_seconds(pid) - before
                costs[after].append(cpu / result["requests"] * 1e6)
        on, off = (median(costs[after]) for after in (0.002, 0))
        print(
            f"a fast handler, {depth} deep: {on:.3f} µs with hand-over, {off:.3f} µs "
            f"without: {on / off:.3f} (least: {min(costs[0.002]) / min(costs[0]):.3f})"
        )


def measure_coroutines(options: argparse.Namespace) -> None:
    """10,000 coroutines that wait for a second, all at once."""

    async def ask_one(port: int, gate: asyncio.Semaphore) -> bytes:
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        return await converse(reader, writer)

    async def converse(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        connected.release()
        await go.wait()
        writer.write(request("/wait"))
        answer = await reader.read(65536)
        writer.close()
        return answer

    go, connected = asyncio.Event(), asyncio.Semaphore(0)

    async def ask_everything(port: int) -> tuple[float, int]:
        gate = asyncio.Semaphore(500)
        tasks = [asyncio.create_task(ask_one(port, gate)) for _ in range(COROUTINES)]
        for _ in range(COROUTINES):
            await connected.acquire()
        begin = time.monotonic()
        go.set()
        answers = await asyncio.gather(*tasks)
        seconds = time.monotonic() - begin
        return seconds, sum(one.startswith(b"HTTP/1.1 200 ") for one in answers)

    del options
    with serving() as (port, pid):
        seconds, right = asyncio.run(ask_everything(port))
        peak = resident_bytes(pid, peak=True) / MIB
    print(
        f"{COROUTINES} coroutines that wait for 1 s: {right} answered within "
        f"{seconds:.2f} s, {peak:.0f} MiB at most"
    )


def upload_all(port: int) -> int:
    """Sends all at once, each as fast as it is taken; how many were answered right."""
    piece = b"x" * (256 * 1024)
    head = (
        f"POST /receive HTTP/1.1\r\nHost: localhost\r\nContent-Length: {UPLOAD_BYTES}"
        "\r\n\r\n"
    )
    left: dict[socket.socket, int] = {}
    answered = 0
    with selectors.DefaultSelector() as selector:
        for _ in range(UPLOADS):
            new = connect(port)
            new.sendall(head.encode())
            new.setblocking(False)
            left[new] = UPLOAD_BYTES
            selector.register(new, selectors.EVENT_WRITE)
        while selector.get_map():
            for key, _events in selector.select():
                one = key.fileobj
                assert isinstance(one, socket.socket)
                if left[one] > 0:
                    left[one] -= one.send(piece[: left[one]])
                    if left[one] == 0:
                        selector.modify(one, selectors.EVENT_READ)
                    continue
                answered += one.recv(65536).endswith(str(UPLOAD_BYTES).encode())
                selector.unregister(one)
                one.close()
    return answered


def measure_uploads(options: argparse.Namespace) -> None:
    """256 uploads of 20 MB at once, read as they arrive."""
    del options
    with serving(timeouts={"body": 0, "send": 0}) as (port, pid):
        begin = time.monotonic()
        answered = upload_all(port)
        seconds = time.monotonic() - begin
        peak = resident_bytes(pid, peak=True) / MIB
    print(
        f"{UPLOADS} uploads of 20 MiB at once: {answered} answered in {seconds:.1f} s, "
        f"{peak:.0f} MiB at most"
    )


EXPERIMENTS = {
    "sleepers": measure_sleepers,
    "spin": measure_spin,
    "native": measure_native,
    "overhead": measure_overhead,
    "coroutines": measure_coroutines,
    "uploads": measure_uploads,
}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--only", default=",".join(EXPERIMENTS))
    options = parser.parse_args(argv)
    build()
    for name in options.only.split(","):
        EXPERIMENTS[name](options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
