"""Programs run again and again, and what the server holds afterwards.

Programs that answer, that fail, whose client leaves, and more at once than may run:
processes, zombies above all, memory and descriptors must be where they were.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.cgi.cgi_kit import cgi_server
from tests.kit import RunningServer, get, post, wait_until

LOOKS = 20
AT_ONCE = 8

PROGRAMS = {
    "hello": "printf 'Content-Type: a/b\\n\\nhello'",
    "echo": "printf 'Content-Type: a/b\\n\\n'; cat",
    "nonsense": "echo nonsense",
    "never-ends": "printf 'Content-Type: a/b\\n\\nhello'; exec sleep 1000",
}


@dataclass(frozen=True)
class Look:
    programs: int
    resident_bytes: int
    descriptors: int
    children: int  # of the server's process, zombies too


def run_programs(
    folder: Path, count: int, say: Callable[[Look], None] = print
) -> list[Look]:
    """At least `count` programs; what is held is looked at when none runs."""
    with cgi_server(
        folder, PROGRAMS, processes=AT_ONCE // 2, settings={"log_level": "error"}
    ) as server:
        looks: list[Look] = []
        while not looks or looks[-1].programs < count:
            target = count * (len(looks) + 1) / LOOKS
            while server.counter("programs") < target:
                _ask_in_parallel(server)
            looks.append(_look(server))
            say(looks[-1])
        server.allow_log("ERROR .*/nonsense: malformed output: no whole head")
    return looks


def _ask_in_parallel(server: RunningServer) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(AT_ONCE)]
        for client in clients:
            client.send(get("/cgi-bin/hello"), post("/cgi-bin/echo", b"body"))
            client.send(get("/cgi-bin/nonsense"))
        for client in clients:
            answers = client.responses(3)
            assert [answer.status for answer in answers] == [200, 200, 502]
        leaver = clients[0]
        leaver.send(get("/cgi-bin/never-ends"))
        while b"hello" not in leaver.unread:
            leaver.receive()
        leaver.abort()


def _look(server: RunningServer) -> Look:
    wait_until(lambda: server.counter("programs_running") == 0, "no program runs")
    server.wait_until_as_at_start()
    return Look(
        server.counter("programs"),
        server.resident_bytes(),
        len(server.descriptors()),
        _children(server.process.pid),
    )


def _children(parent: int) -> int:
    count = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            words = path.read_text().rsplit(") ", 1)[1].split()
            count += int(words[1]) == parent
    return count
