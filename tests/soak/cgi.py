"""Programs run again and again, and what the server holds afterwards.

Programs that answer, that fail, whose client leaves, and more at once than may run,
shell scripts and warm Python scripts: processes, zombies above all, memory and
descriptors must be where they were.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.cgi.cgi_kit import cgi_server, templates_stay
from tests.kit import RunningServer, get, post, wait_until

LOOKS = 20
AT_ONCE = 8

PROGRAMS = {
    "hello": "printf 'Content-Type: a/b\\n\\nhello'",
    "echo": "printf 'Content-Type: a/b\\n\\n'; cat",
    "nonsense": "echo nonsense",
    "never-ends": "printf 'Content-Type: a/b\\n\\nhello'; exec sleep 1000",
    "warm.py": """
        #!/usr/bin/env python3
        from pyrs.cgi import http
        with open("/proc/self/cmdline", "rb") as file:
            print(b"cgi_template" in file.read(), *http.GET["word"])
    """,
    "never-ends.py": """
        #!/usr/bin/env python3
        import time
        import pyrs.cgi
        print("hello", flush=True)
        time.sleep(1000)
    """,
}


@dataclass(frozen=True)
class Look:
    programs: int
    resident_bytes: int
    descriptors: int
    processes: int  # below the server's: its template, and there must be no other


def run_programs(
    folder: Path, count: int, say: Callable[[Look], None] = print
) -> list[Look]:
    """At least `count` programs; what is held is looked at when none runs."""
    with cgi_server(
        folder,
        PROGRAMS,
        processes=AT_ONCE // 2,
        warm=True,
        settings={"log_level": "error"},
    ) as server:
        wait_until(lambda: _is_warm(server), "warm")
        templates_stay(server, 1)
        looks: list[Look] = []
        while not looks or looks[-1].programs < count:
            target = count * (len(looks) + 1) / LOOKS
            while server.counter("programs") < target:
                _ask_in_parallel(server)
            looks.append(_look(server))
            say(looks[-1])
        server.allow_log("ERROR .*/nonsense: malformed output: no whole head")
    return looks


def _is_warm(server: RunningServer) -> bool:
    return bool(server.ask(get("/cgi-bin/warm.py?word=up")).body == b"True up\n")


def _ask_in_parallel(server: RunningServer) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(AT_ONCE)]
        for client in clients:
            client.send(get("/cgi-bin/hello"), post("/cgi-bin/echo", b"body"))
            client.send(get("/cgi-bin/nonsense"), get("/cgi-bin/warm.py?word=again"))
        for client in clients:
            answers = client.responses(4)
            assert [answer.status for answer in answers] == [200, 200, 502, 200]
            assert answers[3].body == b"True again\n"
        for leaver, name in zip(clients, ("never-ends", "never-ends.py"), strict=False):
            leaver.send(get(f"/cgi-bin/{name}"))
            while b"hello" not in leaver.unread:
                leaver.receive()
            leaver.abort()


def _look(server: RunningServer) -> Look:
    wait_until(lambda: server.counter("programs_running") == 0, "no program runs")
    server.wait_until_as_at_start()
    wait_until(  # the template waits for its own, when it is told
        lambda: len(_below(server.process.pid)) == 1,
        lambda: f"only the template is there: {_below(server.process.pid)}",
    )
    return Look(
        server.counter("programs"),
        server.resident_bytes(),
        len(server.descriptors()),
        len(_below(server.process.pid)),
    )


def _below(process: int) -> list[str]:
    """What /proc tells of its children, their children, and so on: name and state;
    zombies too."""
    children: dict[int, list[tuple[int, str]]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            text = path.read_text()
            state, parent = text.rpartition(") ")[2].split()[:2]
            name = f"{text.rpartition(')')[0]}) {state}"
            children.setdefault(int(parent), []).append((int(path.parent.name), name))
    found: list[str] = []
    parents = [process]
    while parents:
        for child, name in children.get(parents.pop(), []):
            found.append(name)
            parents.append(child)
    return found
