"""One measurement: a load on a server, what it got done and what that cost.

The cost is CPU time of the server's process tree, user and system, from the kernel's
accounting, per answered request. A measurement counts only if everything was answered
200 with the right body: that is asked before and after, and the bytes that wrk received
have to be those of so many answers.
"""

import json
import os
import socket
import subprocess
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("pipeline.lua")
CONNECTIONS = 64
ECHO_BYTES = 100
START_SECONDS = 15
WARM_UP_SECONDS = 1
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """The measurement does not count; the text says why."""


@dataclass(frozen=True)
class Load:
    name: str
    path: str
    depth: int  # requests sent at once
    body_bytes: int = 0  # 0: GET
    content: bytes = b"Hello, World!"
    files: int = 0  # so many paths, the last segment a number below it, at random

    @property
    def body(self) -> bytes:
        """What a right answer carries."""
        return b"x" * self.body_bytes or self.content


@dataclass(frozen=True)
class Measurement:
    requests_per_second: float
    p50_us: int | None
    p99_us: int | None
    cpu_us: float  # per request
    answer_bytes: int


def loads(depths: list[int], echo: bool) -> list[Load]:
    found = [Load(f"{depth} deep", "/", depth) for depth in depths]
    if echo:
        found.append(Load(f"echo of {ECHO_BYTES} bytes", "/echo", 1, ECHO_BYTES))
    return found


# ---- processor time ----


def tree_cpu_seconds(root: int) -> float:
    """Of a process and its descendants, those that have ended and were awaited too."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold anything.
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        pid = int(stat.parent.name)
        parents[pid] = int(fields[1])
        ticks[pid] = sum(map(int, fields[11:15]))  # utime stime cutime cstime

    def belongs(pid: int) -> bool:
        while pid not in (0, root):
            pid = parents.get(pid, 0)
        return pid == root

    if root not in ticks:
        raise Failed("the server has ended")
    return sum(ticks[pid] for pid in ticks if belongs(pid)) / TICKS_PER_SECOND


# ---- one request by hand ----


def ask(port: int, load: Load) -> int:
    """Asks once; gives the size of the answer, which has to be the right one."""
    method = "POST" if load.body_bytes else "GET"
    request = f"{method} {load.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    if load.body_bytes:
        request += (
            f"Content-Length: {load.body_bytes}\r\n"
            "Content-Type: application/octet-stream\r\n"
        )
    sent = request.encode() + b"\r\n" + b"x" * load.body_bytes
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(sent)
        head, body = read_answer(connection)
    status = head.split(b"\r\n", 1)[0].decode("latin-1")
    if " 200 " not in f"{status} ":
        raise Failed(f"{method} {load.path} was answered {status!r}")
    if body != load.body:
        raise Failed(f"{method} {load.path} was answered with {len(body)} other bytes")
    return len(head) + len(body)


def read_answer(connection: socket.socket) -> tuple[bytes, bytes]:
    got = b""
    while b"\r\n\r\n" not in got:
        got += receive(connection)
    head, _, body = got.partition(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    if len(lengths) != 1:
        raise Failed("an answer without Content-Length")
    while len(body) < lengths[0]:
        body += receive(connection)
    return head + b"\r\n\r\n", body


def receive(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise Failed("the connection was closed before the answer was complete")
    return data


def await_ready(process: subprocess.Popen[bytes], port: int, load: Load) -> int:
    """Asks until there is a right answer; gives its size."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None:
            raise Failed(f"ended at its start, exit status {process.returncode}")
        try:
            return ask(port, load)
        except (OSError, Failed) as error:
            if time.monotonic() > deadline:
                raise Failed(f"no answer in {START_SECONDS} s: {error}") from error
            time.sleep(0.05)


# ---- many requests ----


def await_answer(process: subprocess.Popen[bytes], port: int, load: Load) -> None:
    """Asks until there is an answer, of any framing."""
    deadline = time.monotonic() + START_SECONDS
    body = b"x" * load.body_bytes or None
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}{load.path}", body).close()
            return
        time.sleep(0.05)
    raise Failed(f"{load.path} was not answered")


def start_wrk(
    port: int, load: Load, seconds: int, connections: int = CONNECTIONS
) -> subprocess.Popen[str]:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(SCRIPT)]
    command += [f"http://127.0.0.1:{port}{load.path}", "--", str(load.depth)]
    command += [str(load.body_bytes), str(load.files)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "WRK_CONNECTIONS": str(connections)},
    )


def wrk_result(wrk: subprocess.Popen[str], seconds: int) -> dict[str, Any]:
    """What it has to say when it ends, after so long and some time more at most."""
    with wrk:
        try:
            out, errors = wrk.communicate(timeout=seconds + 30)
        except subprocess.TimeoutExpired:
            wrk.kill()
            raise Failed("wrk did not come to an end") from None
    lines = [line for line in out.splitlines() if line.startswith("{")]
    if wrk.returncode != 0 or not lines:
        raise Failed(f"wrk: {(errors or out).strip()[-200:]}")
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def run_wrk(
    port: int, load: Load, seconds: int, connections: int = CONNECTIONS
) -> dict[str, Any]:
    return wrk_result(start_wrk(port, load, seconds, connections), seconds)


def measure(
    process: subprocess.Popen[bytes], port: int, load: Load, seconds: int
) -> Measurement:
    """Raises Failed if the measurement does not count."""
    answer_bytes = await_ready(process, port, load)
    try:
        run_wrk(port, load, WARM_UP_SECONDS)
        cpu_before = tree_cpu_seconds(process.pid)
        result = run_wrk(port, load, seconds)
    finally:
        if process.poll() is not None:
            raise Failed(f"ended under load, exit status {process.returncode}")
    cpu = tree_cpu_seconds(process.pid) - cpu_before
    check(result, load, answer_bytes)
    try:
        ask(port, load)
    except OSError as error:
        raise Failed(f"no answer after the load: {error}") from error
    requests = result["requests"]
    return Measurement(
        requests_per_second=requests / result["duration_us"] * 1e6,
        p50_us=result["p50_us"],
        p99_us=result["p99_us"],
        cpu_us=cpu / requests * 1e6,
        answer_bytes=answer_bytes,
    )


def check(result: dict[str, Any], load: Load, answer_bytes: int) -> None:
    if any(result["errors"].values()):
        wrong = ", ".join(
            f"{kind} {count}" for kind, count in result["errors"].items() if count
        )
        raise Failed(f"errors: {wrong}")
    requests = result["requests"]
    if requests == 0:
        raise Failed("no request was answered")
    # Answers that were under way when wrk stopped are in the bytes alone.
    slack = max(0.01 * requests, CONNECTIONS * load.depth) * answer_bytes
    if abs(result["bytes"] - requests * answer_bytes) > slack:
        raise Failed("the answers under load are not of the size of the right one")
