"""The processes of programs: how many, how long, and how they end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.kit import RunningServer, get, is_there, post, wait_until

from .cgi_kit import cgi_server, templates_stay

# Each writes its process, and what it has started, to a file of its name and "pid".
BEGIN = "echo $$ > $0.pid; "
WAIT = "while [ ! -e go ]; do sleep 0.02; done; "
PROGRAMS = {
    "hello": "printf 'Content-Type: a/b\\n\\nhello'",
    "echo": "printf 'Content-Type: a/b\\n\\n'; cat",
    "never-ends": """
        sleep 1000 &
        echo $$ $! > $0.pid
        wait
    """,
    "never-ends-writing": f"""
        {BEGIN}
        printf 'Content-Type: a/b\\n\\n'
        while :; do echo more; sleep 0.02; done
    """,
    "does-not-obey": f"""
        trap '' TERM
        {BEGIN}
        while :; do sleep 0.02; done
    """,
    "leader-obeys": """
        (trap '' TERM; echo $$; while :; do sleep 0.02; done) &
        echo $$ $! > $0.pid
        wait
    """,
    "child-tidies-up": """
        (
            trap 'sleep 0.2; touch tidied; exit' TERM
            touch is-trapped
            while :; do sleep 0.02; done
        ) &
        while [ ! -e is-trapped ]; do sleep 0.02; done
        echo $$ $! > $0.pid
        wait
    """,
    "child-is-mute": """
        (trap '' TERM; while :; do sleep 0.02; done) 2> /dev/null &
        echo $$ $! > $0.pid
        wait
    """,
    "goes-on": f"""
        printf 'Content-Type: a/b\\n\\nhello'
        exec >&- 2>&-
        {WAIT}
        touch done
    """,
    "leaves-one": """
        sleep 1000 > leaves-one.out 2>&1 &
        echo $! > $0.pid
        printf 'Content-Type: a/b\\n\\nhello'
    """,
    "leaves-one-that-complains": """
        sleep 1000 > leaves-one.out &
        echo $! > $0.pid
        echo complaint >&2
        printf 'Content-Type: a/b\\n\\nhello'
    """,
    "waits": f"""
        echo $QUERY_STRING >> began
        {WAIT}
        printf 'Content-Type: a/b\\n\\nhello'
    """,
    "takes-memory": """
        #!/usr/bin/perl
        my $count = 200_000_000;
        my $much = "a" x $count;
        print "Content-Type: a/b\\n\\nhello";
    """,
    "limits": "printf 'Content-Type: a/b\\n\\n'; ulimit -t; ulimit -v",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with cgi_server(tmp_path_factory.mktemp("processes"), PROGRAMS) as server:
        yield server


def ids(server: RunningServer, name: str) -> list[int]:
    """The processes that a program has told of, once it has."""
    path = server.folder / "cgi-bin" / f"{name}.pid"

    def told() -> list[int]:
        with suppress(FileNotFoundError):
            text = path.read_text()
            return [int(word) for word in text.split()] if text.endswith("\n") else []
        return []

    found: list[int] = wait_until(told)
    return found


def wait_until_gone(processes: list[int]) -> None:
    wait_until(lambda: not any(map(is_there, processes)), f"{processes} are gone")


def children(server: RunningServer) -> list[str]:
    """The state of each process that the server has started and not waited for."""
    states = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            words = path.read_text().rsplit(") ", 1)[1].split()
            if int(words[1]) == server.process.pid:
                states.append(words[0])
    return states


# ---- time ----


def test_a_program_that_never_ends_is_ended(tmp_path: Path) -> None:
    with cgi_server(tmp_path, PROGRAMS, timeout=0.5) as server:
        assert server.ask(get("/cgi-bin/never-ends")).status == 504
        server.expect_log("ERROR .*/never-ends: ended: its time is up")
        wait_until(lambda: server.counter("programs_running") == 0)
        assert server.counter("programs_killed") == 1
        assert children(server) == []


def test_an_answer_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    with cgi_server(tmp_path, PROGRAMS, timeout=1) as server:
        server.allow_log("ERROR .*/never-ends-writing: ended: its time is up")

        def has_begun() -> bool:
            """Unless the machine is so busy that the time was up before."""
            client = server.connect()
            client.send(get("/cgi-bin/never-ends-writing"))
            while b"more" not in client.unread:
                if not client.receive():
                    return False
            return client.is_cut()

        wait_until(has_begun)
        wait_until_gone(ids(server, "never-ends-writing"))


def test_what_does_not_obey_is_ended_all_the_same(server: RunningServer) -> None:
    with server.connect() as one, server.connect() as two:
        one.send(get("/cgi-bin/does-not-obey"))
        two.send(get("/cgi-bin/leader-obeys"))
        processes = ids(server, "does-not-obey") + ids(server, "leader-obeys")
        one.abort()
        two.abort()
    wait_until_gone(processes)


def test_what_a_program_has_started_may_put_things_in_order(
    server: RunningServer,
) -> None:
    folder = server.folder / "cgi-bin"

    def tidies_up() -> bool:
        """Unless the machine is so busy that its two seconds were over before."""
        with server.connect() as client:
            client.send(get("/cgi-bin/child-tidies-up"))
            processes = ids(server, "child-tidies-up")
            client.abort()
        wait_until_gone(processes)
        for left in ("is-trapped", "child-tidies-up.pid"):
            (folder / left).unlink(missing_ok=True)
        return (folder / "tidied").exists()

    assert any(tidies_up() for _ in range(4))
    server.allow_log("WARNING .*/child-tidies-up: Terminated")  # its sleep


# ---- clients that leave ----


@pytest.mark.parametrize("name", ["never-ends", "never-ends-writing", "child-is-mute"])
def test_a_program_ends_when_its_client_leaves(
    server: RunningServer, name: str
) -> None:
    with server.connect() as client:
        client.send(get(f"/cgi-bin/{name}"))
        processes = ids(server, name)
        assert all(map(is_there, processes))
        client.abort()
    wait_until_gone(processes)
    wait_until(lambda: server.counter("programs_running") == 0)


# ---- clients that only close their sending side, as it seems ----

PATIENT_PROGRAMS = {
    **PROGRAMS,
    "silent": f"""
        {BEGIN}
        exec sleep 1000
    """,
    "begins": f"""
        {BEGIN}
        printf 'Content-Type: a/b\\n\\nbegun'
        exec sleep 1000
    """,
    "silent.py": """
        #!/usr/bin/env python3
        import os, time
        with open("/proc/self/cmdline", "rb") as file:
            is_warm = b"cgi_template" in file.read()
        with open("silent.py.pid", "w") as file:
            file.write(f"{os.getpid()} {int(is_warm)}\\n")
        time.sleep(1000)
    """,
    "waits.py": """
        #!/usr/bin/env python3
        import os, time
        print("Content-Type: a/b\\n")
        with open("/proc/self/cmdline", "rb") as file:
            print(b"cgi_template" in file.read(), end="")
        while not os.path.exists("go"):
            time.sleep(0.02)
    """,
    "redirects": "printf 'Location: /cgi-bin/waits?behind\\n\\n'",
    "trickles": f"""
        {BEGIN}
        printf 'Content-Type: a/b\\n\\n'
        while [ ! -e go ]; do printf x; sleep 0.02; done
        printf 'the end'
    """,
    "pours": f"""
        {BEGIN}
        printf 'Content-Type: a/b\\n\\n'
        while [ ! -e go ]; do head -c 100000 /dev/zero; done
        printf 'the end'
    """,
}


def is_warm(server: RunningServer) -> bool:
    """Once the template of waits.py is ready, it answers by it."""
    return bool(server.ask(get("/cgi-bin/waits.py")).body == b"True")


@contextmanager
def patient_server(folder: Path, **options: Any) -> Iterator[RunningServer]:
    """One loop, so that what a client sent before another one asks was seen."""
    with cgi_server(
        folder,
        PATIENT_PROGRAMS,
        warm=True,
        settings={"thread_count": 1},
        **options,
    ) as server:
        go = folder / "cgi-bin" / "go"
        go.touch()
        wait_until(lambda: is_warm(server), "warm")
        go.unlink()
        templates_stay(server, 1)
        yield server


@pytest.mark.parametrize(
    ("name", "body"),
    [("waits", b"hello"), ("waits.py", b"True"), ("redirects", b"hello")],
)
def test_a_client_that_has_finished_sending_is_answered(
    tmp_path: Path, name: str, body: bytes
) -> None:
    with patient_server(tmp_path) as server, server.connect() as client:
        client.send(get(f"/cgi-bin/{name}", "Connection: close"))
        client.finish()
        wait_until(lambda: server.counter("programs_running") == 1)
        assert server.ask(get("/cgi-bin/hello")).body == b"hello"
        (tmp_path / "cgi-bin" / "go").touch()
        assert client.response().body == body
        assert client.is_closed()
        assert server.counter("programs_killed") == 0


def test_what_such_a_client_has_sent_is_answered_in_order(tmp_path: Path) -> None:
    with patient_server(tmp_path) as server, server.connect() as client:
        client.send(post("/cgi-bin/echo", b"one"), get("/cgi-bin/waits"))
        client.send(post("/cgi-bin/echo", b"two"))
        client.finish()
        (tmp_path / "cgi-bin" / "go").touch()
        bodies = [response.body for response in client.responses(3)]
        assert bodies == [b"one", b"hello", b"two"]
        assert client.is_closed()


def test_such_a_client_is_given_up_if_it_is_sent_nothing(tmp_path: Path) -> None:
    """Each program that is silent ends, and nothing is written in its place; those that
    write, as much as the client takes, go on."""
    with patient_server(tmp_path, processes=5) as server:
        trickle, pour = server.connect(), server.connect(small_window=True)
        silent = {name: server.connect() for name in ("silent", "begins", "silent.py")}
        for name, client in {"trickles": trickle, "pours": pour, **silent}.items():
            client.send(get(f"/cgi-bin/{name}"))
            ids(server, name)
        waiting = server.connect()
        waiting.send(get("/cgi-bin/silent"))
        wait_until(lambda: server.counter("programs_waiting") == 1)
        while b"begun" not in silent["begins"].unread:
            silent["begins"].receive()
        # First, so that nobody makes room for it before its own time is up.
        for client in (waiting, trickle, pour, *silent.values()):
            client.finish()
        assert ids(server, "silent.py")[1] == 1  # it is warm
        assert silent["silent"].is_closed()
        assert silent["silent.py"].is_closed()
        with suppress(ConnectionError):
            while silent["begins"].receive():
                pass
        assert not silent["begins"].unread.endswith(b"0\r\n\r\n")
        assert waiting.is_closed()
        wait_until_gone([ids(server, name)[0] for name in silent])
        wait_until(lambda: server.counter("programs_running") == 2)
        assert server.counter("programs_killed") == 3
        (tmp_path / "cgi-bin" / "go").touch()
        for client in (trickle, pour):
            assert client.response().body.endswith(b"the end")
            assert client.is_closed()
        counts = server.counters()
        assert (counts["responses"][5], counts["programs_killed"]) == (0, 3)


def test_a_client_that_is_gone_is_not_taken_for_such_a_one(tmp_path: Path) -> None:
    """What is written to it comes back."""
    with patient_server(tmp_path) as server:
        with server.connect() as client:
            client.send(get("/cgi-bin/trickles"))
            client.finish()
            processes = ids(server, "trickles")
        wait_until_gone(processes)
        wait_until(lambda: server.counter("programs_running") == 0)


# ---- the end of the server ----


def test_a_program_that_is_ended_when_the_server_stops(tmp_path: Path) -> None:
    with cgi_server(tmp_path, PROGRAMS) as server:
        assert server.ask(get("/cgi-bin/goes-on")).body == b"hello"
        assert server.counter("programs_running") == 1
        server.signal(signal.SIGTERM)
        server.check_end()
    assert not (tmp_path / "cgi-bin" / "done").exists()


def test_requests_that_run_are_answered_before_a_stop(tmp_path: Path) -> None:
    with cgi_server(tmp_path, PROGRAMS) as server:
        with server.connect() as client:
            client.send(get("/cgi-bin/waits"))
            wait_until((tmp_path / "cgi-bin" / "began").exists)
            server.signal(signal.SIGTERM)
            (tmp_path / "cgi-bin" / "go").touch()
            assert client.response().body == b"hello"
        server.check_end()


# ---- programs that go on ----


def test_a_program_may_close_its_output_and_go_on(tmp_path: Path) -> None:
    with cgi_server(tmp_path, PROGRAMS) as server:
        with server.connect() as client:
            assert client.ask(get("/cgi-bin/goes-on")).body == b"hello"
            assert client.ask(get("/cgi-bin/hello")).body == b"hello"
        assert server.counter("programs_running") == 1
        (tmp_path / "cgi-bin" / "go").touch()
        wait_until((tmp_path / "cgi-bin" / "done").exists)
        wait_until(lambda: server.counter("programs_running") == 0)


@pytest.mark.parametrize("name", ["leaves-one", "leaves-one-that-complains"])
def test_what_a_program_leaves_running_is_left(
    server: RunningServer, name: str
) -> None:
    assert server.ask(get(f"/cgi-bin/{name}")).body == b"hello"
    wait_until(lambda: server.counter("programs_running") == 0)
    (process,) = ids(server, name)
    assert is_there(process)
    os.kill(process, signal.SIGKILL)
    server.allow_log("WARNING .*/leaves-one-that-complains: complaint")


# ---- how many ----


def test_programs_wait_their_turn_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "cgi-bin"
    with cgi_server(tmp_path, PROGRAMS, processes=1, waiting=2) as server:
        clients = [server.connect() for _ in range(4)]

        def is_waiting(count: int) -> bool:
            return bool(server.counter("programs_waiting") == count)

        for number, client in enumerate(clients[:3]):
            client.send(get(f"/cgi-bin/waits?{number}"))
            wait_until(partial(is_waiting, number))
        assert server.counter("programs_running") == 1
        assert clients[3].ask(get("/cgi-bin/waits?3")).status == 503
        assert clients[3].ask(get("/cgi-bin/none")).status == 404  # needs no turn
        (folder / "go").touch()
        assert [client.response().body for client in clients[:3]] == [b"hello"] * 3
        assert (folder / "began").read_text() == "0\n1\n2\n"


def test_a_client_that_leaves_gives_up_its_turn(tmp_path: Path) -> None:
    folder = tmp_path / "cgi-bin"
    with cgi_server(tmp_path, PROGRAMS, processes=1) as server:
        with server.connect() as first:
            first.send(get("/cgi-bin/waits?first"))
            wait_until((folder / "began").exists)
            with server.connect() as second:
                second.send(get("/cgi-bin/waits?second"))
                wait_until(lambda: server.counter("programs_waiting") == 1)
                second.abort()
            wait_until(lambda: server.counter("programs_waiting") == 0)
            (folder / "go").touch()
            assert first.response().body == b"hello"
        assert (folder / "began").read_text() == "first\n"
        assert server.counter("programs") == 1


# ---- what they may take ----


def test_a_program_may_be_limited(tmp_path: Path) -> None:
    with cgi_server(tmp_path, PROGRAMS, memory=100 << 20, cpu=7) as server:
        assert server.ask(get("/cgi-bin/limits")).body == b"7\n%d\n" % (100 << 10)
        assert server.ask(get("/cgi-bin/takes-memory")).status == 502
        server.expect_log(
            "WARNING .*/takes-memory: Out of memory",
            "ERROR .*/takes-memory: malformed output: no whole head",
        )


# ---- other children of the server's process ----


def test_no_process_is_left(server: RunningServer) -> None:
    with server.connect() as client:
        for _ in range(10):
            client.send(get("/cgi-bin/hello") * 10)
            assert {response.body for response in client.responses(10)} == {b"hello"}
    wait_until(lambda: server.counter("programs_running") == 0)
    wait_until(lambda: children(server) == [])


def test_python_code_may_do_with_its_children_what_it_likes(tmp_path: Path) -> None:
    code = """
        import signal, subprocess

        def run(request):
            return subprocess.run(["echo", "from Python"], capture_output=True).stdout

        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    """
    with (
        cgi_server(tmp_path, PROGRAMS, code=code, routes={"/run": "run"}) as server,
        server.connect() as client,
    ):
        for _ in range(5):
            assert client.ask(get("/run")).body == b"from Python\n"
            assert client.ask(get("/cgi-bin/hello")).body == b"hello"


HOLDS_LOOP = """
import threading

inside = threading.Semaphore(0)
go = threading.Event()

def hold(request):
    inside.release()
    go.wait()
    return "held"
"""


def test_two_folders_hear_of_requests_that_come_at_once(tmp_path: Path) -> None:
    """Each has a thread of its own, and both requests are of one batch of the loop."""
    programs = {"hello": "printf 'Content-Type: a/b\\n\\nhello'"}
    with cgi_server(
        tmp_path,
        programs,
        code=HOLDS_LOOP,
        routes={"/hold": "hold", "/other": {"cgi": "cgi-bin"}},
        settings={"handoff_after": 0},
    ) as server:
        holder, one, other = (server.connect() for _ in range(3))
        for client, path in ((one, "/cgi-bin/hello"), (other, "/other/hello")):
            client.send(get(path))  # so that the loop has both connections
            assert client.response().body == b"hello"
        holder.send(get("/hold"))
        assert server.inside("main.inside.acquire(timeout=60)")
        one.send(get("/cgi-bin/hello"))
        other.send(get("/other/hello"))
        server.inside("main.go.set()")
        assert one.response().body == other.response().body == b"hello"
        assert holder.response().body == b"held"
