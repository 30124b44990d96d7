"""--threads: how many requests may be inside an application at once, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.kit import RunningServer, Serve, get, running_application, wait_until

CODE = """
import threading

lock = threading.Lock()
go_on = threading.Event()
inside = most = 0

def app(environ, start_response):
    global inside, most
    with lock:
        inside += 1
        most = max(most, inside)
    if environ["PATH_INFO"] == "/wait":
        go_on.wait()
    with lock:
        inside -= 1
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"multithread {environ['wsgi.multithread']}".encode()]
"""


@contextmanager
def site(folder: Path, *options: str) -> Iterator[RunningServer]:
    (folder / "main.py").write_text(CODE)
    with running_application(folder, "main:app", *options) as server:
        yield server


@pytest.mark.parametrize("threads", [1, 3])
def test_so_many_are_inside_and_the_next_ones_wait_outside(
    tmp_path: Path, threads: int
) -> None:
    with site(tmp_path, "--threads", str(threads)) as server, ExitStack() as stack:
        assert server.printed[-1] == f"INFO: Threads: {threads}"
        clients = [stack.enter_context(server.connect()) for _ in range(threads + 2)]
        for client in clients:
            client.send(get("/wait"))
        wait_until(lambda: server.counter("thread_waits") == 2, "two are outside")
        wait_until(lambda: server.inside("main.inside") == threads, "all are inside")
        server.inside("main.go_on.set()")
        for client in clients:
            assert client.response().body == f"multithread {threads > 1}".encode()
        assert server.inside("main.most") == threads


def test_one_thread_is_enough_for_an_application_that_is_not_made_for_more(
    tmp_path: Path,
) -> None:
    with site(tmp_path, "--threads", "1") as server, ExitStack() as stack:
        server.inside("main.go_on.set()")
        clients = [stack.enter_context(server.connect()) for _ in range(8)]
        for _ in range(20):
            for client in clients:
                client.send(get("/quick") * 4)
            for client in clients:
                for _ in range(4):
                    assert client.response().body == b"multithread False"
        assert server.inside("main.most") == 1


def test_a_client_that_sends_slowly_holds_no_thread(tmp_path: Path) -> None:
    with site(tmp_path, "--threads", "1") as server, server.connect() as slow:
        head = get("/slow", "Content-Length: 1000000", method="POST")
        slow.send(head, b"x" * 600_000)
        wait_until(lambda: server.counter("bytes_received") > 600_000, "it has come")
        assert server.ask(get("/quick")).status == 200
        slow.send(b"x" * 400_000)
        assert slow.response().status == 200


@pytest.mark.parametrize("run", ["auto", "thread"])
def test_one_that_is_inside_too_long_is_a_504_and_keeps_its_thread(
    serve: Serve, run: str
) -> None:
    server = serve(
        CODE, {"/": {"wsgi": "main:app", "run": run}}, timeouts={"handler": 1}
    )
    assert server.ask(get("/wait")).status == 504
    assert server.inside("main.inside") == 1
    server.inside("main.go_on.set()")
    wait_until(
        lambda: server.counter("late_responses") == 1, "it came, and was dropped"
    )
    assert server.ask(get("/")).body == b"multithread True"


def test_without_the_option_quick_requests_stay_on_the_event_loop(
    tmp_path: Path,
) -> None:
    with site(tmp_path) as server:
        assert server.printed[-1] == "INFO: Threads: 64"
        server.inside("main.go_on.set()")
        assert server.ask(get("/")).body == b"multithread True"


STAYS = """
import threading, time

seen = []

class Body:
    def __init__(self):
        self.left = 3
    def __iter__(self):
        return self
    def __next__(self):
        seen.append(threading.get_ident())
        time.sleep(0.02)
        if not self.left:
            raise StopIteration
        self.left -= 1
        return b"x"
    def close(self):
        seen.append(threading.get_ident())

def stays(environ, start_response):
    seen[:] = [threading.get_ident()]
    time.sleep(0.1)
    start_response("200 OK", [])
    return Body()
"""


def test_what_was_handed_over_stays_on_its_thread_to_the_end(serve: Serve) -> None:
    """Frameworks close a thread's connections to databases there."""
    server = serve(STAYS, {"/stays": {"wsgi": "main:stays"}})
    for _ in range(5):  # handed over at first, then on a thread from the beginning
        assert server.ask(get("/stays")).body == b"xxx"
        seen = server.inside("main.seen")
        assert len(seen) == 6
        assert len(set(seen)) == 1
