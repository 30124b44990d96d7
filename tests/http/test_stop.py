"""A stop: what runs is finished, what idles is closed, nothing that began is lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from signal import SIGINT, SIGTERM

import pytest

from tests.kit import Client, RunningServer, Serve, get, post, wait_until

CODE = """
import atexit
import threading
from pathlib import Path

entered = threading.Event()
go = threading.Event()
lock = threading.Lock()
runs = 0

def hello(request):
    return "world"

def echo(request):
    return request

def waiting(request):
    entered.set()
    go.wait()
    return "done"

def large(request):
    return b"x" * 5_000_000

def counted(request):
    global runs
    with lock:
        runs += 1
    return request.query_string * 10

@atexit.register
def write_runs():
    Path("runs").write_text(str(runs))
"""

SIGNALS = pytest.mark.parametrize("number", [SIGINT, SIGTERM])


@SIGNALS
@pytest.mark.parametrize("threads", [1, 4])
def test_idle_connections_are_closed_in_order(
    serve: Serve, number: signal.Signals, threads: int
) -> None:
    server = serve(CODE, thread_count=threads)
    fresh = [server.connect() for _ in range(20)]  # see FIRST_REQUEST_MS
    used = [server.connect() for _ in range(20)]
    for client in used:
        assert client.ask(get("/hello")).body == b"world"
    wait_until(lambda: server.counter("connections_open") == 40)
    server.signal(number)
    for client in fresh + used:
        assert client.is_closed()
    server.check_end()


def start_waiting(server: RunningServer) -> Client:
    client = server.connect()
    client.send(get("/waiting"))
    assert server.inside("main.entered.wait(30)")
    return client


@SIGNALS
@pytest.mark.parametrize("threads", [1, 4])
def test_running_requests_finish_and_no_new_connection_is_taken(
    serve: Serve, number: signal.Signals, threads: int
) -> None:
    server = serve(CODE, thread_count=threads)
    client = start_waiting(server)
    server.signal(number)
    wait_until(lambda: not server.listens())
    server.inside("main.go.set()")
    response = client.response()
    assert response.body == b"done"
    assert response.closes  # the client need not find out (RFC 9112, 9.6)
    assert client.is_closed()
    server.check_end()


def test_a_client_that_does_not_close_keeps_a_stop_no_longer_than_it_lingers(
    serve: Serve,
) -> None:
    server = serve(CODE, timeouts={"stop": 600})
    with server.connect() as client:
        client.send(b"nonsense\r\n\r\n")
        assert client.response().status == 400
        server.signal(SIGTERM)
        server.check_end()  # in seconds, the client's end being open


def test_what_was_sent_behind_a_running_request_is_answered(serve: Serve) -> None:
    server = serve(CODE)
    client = server.connect()
    client.send(get("/waiting") + get("/hello") * 2)
    assert server.inside("main.entered.wait(30)")
    server.signal(SIGTERM)
    wait_until(lambda: not server.listens())
    server.inside("main.go.set()")
    answers = [client.response() for _ in range(3)]
    assert [answer.body for answer in answers] == [b"done", b"world", b"world"]
    assert [answer.closes for answer in answers] == [False, False, True]
    assert client.is_closed()
    server.check_end()


def test_a_new_connection_is_given_time_for_its_first_request(serve: Serve) -> None:
    """A second, which a test that is kept waiting may miss: not five times."""

    def is_answered() -> bool:
        server = serve(CODE)
        with server.connect() as client:
            wait_until(lambda: server.counter("connections_open") == 1)
            server.signal(SIGTERM)
            wait_until(lambda: not server.listens())
            with suppress(ConnectionError):
                client.send(get("/hello") * 2)
            answers = complete_answers(client)
            assert client.is_cut()
        server.check_end()
        return answers == 1

    assert any(is_answered() for _ in range(5))


def test_the_time_for_a_first_request_is_half_of_the_stop_timeout_at_most(
    serve: Serve,
) -> None:
    def ends_by_itself() -> bool:
        server = serve(CODE, timeouts={"stop": 1})
        with server.connect() as client:
            wait_until(lambda: server.counter("connections_open") == 1)
            server.signal(SIGTERM)
            assert client.is_cut()
        server.allow_log("stopping at once")
        server.check_end()
        return "stopping at once" not in server.log_text()

    assert any(ends_by_itself() for _ in range(5))


def test_a_connection_that_was_never_used_is_not_cut_off(serve: Serve) -> None:
    server = serve(CODE, timeouts={"stop": 600})
    with server.connect() as client:
        wait_until(lambda: server.counter("connections_open") == 1)
        for number in (SIGTERM, SIGINT):
            server.signal(number)
        assert client.is_cut()
    server.check_end()  # and nothing is said of requests


def test_a_request_whose_body_is_still_coming_finishes(serve: Serve) -> None:
    server = serve(CODE)
    with server.connect() as client, server.connect() as idle:
        idle.ask(get("/hello"))
        client.send(post("/echo", b"12345")[:-1])
        wait_until(lambda: server.counter("exchanges_open") == 1)
        server.signal(SIGTERM)
        assert idle.is_closed()
        client.send(b"5")
        assert client.response("POST").body == b"12345"
        assert client.is_closed()
    server.check_end()


def test_half_a_head_does_not_keep_the_server_longer_than_its_timeout(
    serve: Serve,
) -> None:
    server = serve(CODE, timeouts={"head": 0.3})
    with server.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHo")
        server.signal(SIGTERM)
        with suppress(AssertionError):  # closed at once would be as good
            assert client.response().status == 408
        assert client.is_closed()
    server.check_end()


def test_a_response_to_a_slow_reader_is_sent_to_its_end(serve: Serve) -> None:
    server = serve(CODE)
    with server.connect(small_window=True) as client, server.connect() as idle:
        idle.ask(get("/hello"))
        client.send(get("/large"))
        client.receive()
        server.signal(SIGTERM)
        assert idle.is_closed()
        assert client.response().body == b"x" * 5_000_000
        assert client.is_closed()
    server.check_end()


def test_a_pipeline_is_answered_up_to_some_request(serve: Serve) -> None:
    server = serve(CODE)
    client = server.connect()
    client.send(get("/counted?x") * 3000)
    client.receive()
    server.signal(SIGTERM)
    answers = complete_answers(client)
    server.check_end()
    assert answers == runs_of(server)


def runs_of(server: RunningServer) -> int:
    return int((server.folder / "runs").read_text())


def complete_answers(client: Client) -> int:
    """How many come until the end; none may be cut."""
    count = 0
    while True:
        try:
            client.response()
        except (AssertionError, ConnectionResetError):
            assert client.unread == b""
            return count
        count += 1


# ---- those that do not end by themselves ----

CUT = "requests that were still running have been cut off"


@pytest.mark.parametrize("signals", [(SIGINT, SIGTERM), (SIGTERM, SIGINT)])
def test_a_second_signal_stops_at_once(
    serve: Serve, signals: tuple[signal.Signals, ...]
) -> None:
    server = serve(CODE, timeouts={"stop": 600})
    client = start_waiting(server)
    for number in signals:  # two of the same would be merged by the kernel
        server.signal(number)
    assert client.is_cut()
    server.allow_log(CUT, "stopping")
    assert server.wait() in (0, 1)
    server.check_end(server.process.returncode)


def test_a_second_signal_cuts_a_reader_that_waits(serve: Serve) -> None:
    server = serve(CODE, timeouts={"stop": 600})
    client = server.connect(small_window=True)
    idle = server.connect()
    idle.ask(get("/hello"))
    client.send(get("/large"))
    client.receive()
    server.signal(SIGTERM)
    assert idle.is_closed()
    server.signal(SIGTERM)
    assert client.is_cut()
    server.expect_log(CUT)
    server.check_end()


@pytest.mark.parametrize("threads", [1, 3])
def test_the_stop_timeout_cuts_what_still_runs(serve: Serve, threads: int) -> None:
    server = serve(CODE, timeouts={"stop": 0.3}, thread_count=threads)
    half = server.connect()
    half.send(post("/echo", b"12345")[:-1])
    wait_until(lambda: server.counter("exchanges_open") == 1)
    server.signal(SIGTERM)
    assert half.is_cut()
    server.expect_log(r"WARNING stopping at once: .*timeouts.stop", CUT)
    server.check_end()


def test_the_stop_timeout_cuts_a_handler_that_does_not_return(serve: Serve) -> None:
    server = serve(CODE, timeouts={"stop": 0.3})
    client = start_waiting(server)
    server.signal(SIGTERM)
    assert client.is_cut()
    server.allow_log(CUT, "stopping", "handler")
    assert server.wait() in (0, 1)
    server.check_end(server.process.returncode)


# ---- under load ----


class Load:
    """Connections that ask one request after the other, each in a thread, until the
    server ends them."""

    def __init__(self, server: RunningServer, connections: int, depth: int) -> None:
        self._depth = depth
        self.answers = 0
        self.faults: list[str] = []
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=[server.connect(), number])
            for number in range(connections)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, client: Client, number: int) -> None:
        try:
            for text in self._texts(number):
                client.send(get(f"/counted?{text}") * self._depth)
                for _ in range(self._depth):
                    if client.response().body != text.encode() * 10:
                        self.faults.append(f"a wrong answer to {text}")
                    with self._lock:
                        self.answers += 1
        except (AssertionError, ConnectionError):
            if client.unread:
                self.faults.append(f"a response was cut: {client.unread!r}")
        except Exception as error:
            self.faults.append(repr(error))

    def _texts(self, number: int) -> Iterator[str]:
        count = 0
        while True:
            count += 1
            yield f"{number}-{count}"

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


@pytest.mark.parametrize("attempt", range(3))
@pytest.mark.parametrize(("threads", "depth"), [(1, 1), (2, 1), (4, 1), (2, 10)])
def test_a_stop_under_load_loses_no_response_that_had_begun(
    serve: Serve, threads: int, depth: int, attempt: int
) -> None:
    server = serve(CODE, thread_count=threads)
    load = Load(server, 64, depth)
    wait_until(lambda: load.answers > 300 * (attempt + 1))
    server.signal(SIGTERM)
    load.join()
    server.check_end()
    assert load.faults == []
    assert load.answers == runs_of(server)  # what a handler answered has arrived


@pytest.mark.parametrize("threads", [1, 3])
def test_a_server_that_was_never_asked_stops(serve: Serve, threads: int) -> None:
    for _ in range(3):
        serve(CODE, thread_count=threads).stop()
