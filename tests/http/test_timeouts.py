"""Every timeout, crossed and just not crossed.

Timeouts are short here; what a test asserts of the clock is only that nothing was cut
too early, and that it was cut at all.
"""

import time
from collections.abc import Callable

import pytest

from tests.kit import Client, Pace, Serve, get, post, unless_kept_waiting, wait_until

CODE = """
import threading
from pyrs import Response

def hello(request):
    return "world"

def echo(request):
    return request

def large(request):
    return b"x" * 3_000_000

def file(request):
    return Response.file("large.bin")
"""

SHORT = 0.3
LONG = 600  # no test waits for it
HALF_HEAD = b"GET /hello HTTP/1.1\r\nHost: exam"


def timeouts(**changed: float) -> dict[str, float]:
    names = ("head", "body", "idle", "send", "stop")
    return {**dict.fromkeys(names, LONG), **changed}


def seconds_of(action: Callable[[], object]) -> float:
    start = time.monotonic()
    action()
    return time.monotonic() - start


# ---- head ----


@pytest.mark.parametrize("before", [b"", get("/hello")], ids=["first", "second"])
@pytest.mark.parametrize("sent", [HALF_HEAD, b"G", b"GET /hello HTTP/1.1\r\n\r"[:-1]])
def test_half_a_head_is_408_after_the_head_timeout(
    serve: Serve, before: bytes, sent: bytes
) -> None:
    server = serve(CODE, timeouts=timeouts(head=SHORT))
    with server.connect() as client:
        if before:
            assert client.ask(before).status == 200
        start = time.monotonic()
        client.send(sent)
        answer = client.response()
        assert time.monotonic() - start >= SHORT
        assert answer.status == 408
        assert answer.closes
        assert client.is_closed()
    wait_until(lambda: server.counter("timeouts") == 1)


def test_the_head_timeout_counts_from_the_first_byte(serve: Serve) -> None:
    server = serve(CODE, timeouts=timeouts(head=SHORT))
    with server.connect() as client:

        def drip() -> None:
            client.send(b"GET /hello HTTP/1.1\r\nX: ")
            while server.counter("timeouts") == 0:
                client.send(b"x")
                time.sleep(0.01)

        assert seconds_of(drip) >= SHORT
        assert client.response().status == 408
        assert client.is_closed()


def test_a_head_within_its_timeout_is_answered(serve: Serve) -> None:
    server = serve(CODE, timeouts=timeouts(head=5))
    with server.connect() as client:
        client.send(HALF_HEAD)
        server.counters()
        client.send(b"ple.com\r\n\r\n")
        assert client.response().body == b"world"


def test_an_answered_request_ends_its_head_timeout(serve: Serve) -> None:
    server = serve(CODE, timeouts=timeouts(head=2))  # in which the rest has to come
    with server.connect() as client, server.connect() as other:
        client.send(HALF_HEAD)
        client.send(b"ple.com\r\n\r\n")
        assert client.response().body == b"world"
        other.send(HALF_HEAD)
        assert other.response().status == 408  # so the time is over
        assert client.ask(get("/hello")).body == b"world"


# ---- idle ----


@pytest.mark.parametrize("requests", [0, 1])
def test_an_idle_connection_is_closed_without_a_word(
    serve: Serve, requests: int
) -> None:
    server = serve(CODE, timeouts=timeouts(idle=1))  # in which to ask, if it asks
    start = time.monotonic()
    with server.connect() as client:
        for _ in range(requests):
            assert client.ask(get("/hello")).body == b"world"
        assert client.is_closed()
        assert time.monotonic() - start >= 1
    wait_until(lambda: server.counter("timeouts") == 1)


def test_each_request_postpones_the_idle_timeout(serve: Serve) -> None:
    server = serve(CODE, timeouts=timeouts(idle=2))

    def ask_on(pace: Pace) -> None:
        before = server.counter("timeouts")
        start = time.monotonic()
        with server.connect() as client:
            while time.monotonic() - start < 3:
                assert client.ask(get("/hello")).body == b"world"
                time.sleep(0.05)
                pace.step()
        assert server.counter("timeouts") == before

    unless_kept_waiting(ask_on, 1)


def test_idle_connections_are_closed_by_themselves_and_others_are_not(
    serve: Serve,
) -> None:
    server = serve(CODE, timeouts=timeouts(idle=1), thread_count=2)

    def look_on(pace: Pace) -> None:
        idle = [server.connect() for _ in range(50)]
        busy = server.connect()
        before = server.counter("timeouts")
        while server.counter("timeouts") < before + 50:
            assert busy.ask(get("/hello")).body == b"world"
            pace.step()
        assert all(client.is_closed() for client in idle)
        assert busy.ask(get("/hello")).body == b"world"

    unless_kept_waiting(look_on, 0.5)


# ---- body ----


@pytest.mark.parametrize("path", ["/echo", "/nowhere"])
def test_a_body_that_stops_coming_is_408(serve: Serve, path: str) -> None:
    server = serve(CODE, timeouts=timeouts(body=SHORT))
    with server.connect() as client:
        start = time.monotonic()
        client.send(post(path, b"x" * 1000)[:-500])
        answer = client.response("POST")
        assert time.monotonic() - start >= SHORT
        assert (answer.status, answer.closes) == (408, True)
        assert client.is_closed()
    assert server.counter("handler_runs") == 0


def test_a_chunked_body_that_stops_coming_is_408(serve: Serve) -> None:
    server = serve(CODE, timeouts=timeouts(body=SHORT))
    with server.connect() as client:
        client.send(get("/echo", "Transfer-Encoding: chunked", method="POST"))
        client.send(b"5\r\nabc")
        assert client.response("POST").status == 408
        assert client.is_closed()


def test_a_body_that_comes_too_slowly_is_408(serve: Serve) -> None:
    server = serve(CODE, timeouts=timeouts(body=1), limits={"body_rate": 5000})
    with server.connect() as client:

        def drip() -> None:
            client.send(post("/echo", b"x" * 100_000)[:-99_999])
            while server.counter("timeouts") == 0:
                client.send(b"x")
                time.sleep(0.02)

        assert seconds_of(drip) >= 1
        assert client.response("POST").status == 408
        assert client.is_closed()


@pytest.mark.parametrize("rate", [0, 10])
def test_a_body_at_the_least_rate_may_take_its_time(serve: Serve, rate: int) -> None:
    server = serve(CODE, timeouts=timeouts(body=1), limits={"body_rate": rate})

    def drip(pace: Pace) -> None:
        before = server.counter("timeouts")
        start = time.monotonic()
        with server.connect() as client:
            client.send(post("/echo", b"x" * 100)[:-100])
            for _ in range(100):
                client.send(b"x")
                time.sleep(0.02)
                pace.step()
            assert time.monotonic() - start >= 2  # twice the window
            assert client.response("POST").body == b"x" * 100
        assert server.counter("timeouts") == before

    unless_kept_waiting(drip, 0.5)


def test_a_body_that_was_expected_and_never_comes_is_408(serve: Serve) -> None:
    server = serve(CODE, timeouts=timeouts(body=SHORT))
    with server.connect() as client:
        client.send(post("/echo", b"x", "Expect: 100-continue")[:-1])
        assert client.any_response().status == 100
        assert client.response("POST").status == 408
        assert client.is_closed()


# ---- send ----


def test_a_client_that_never_reads_is_cut_by_the_send_timeout(serve: Serve) -> None:
    server = serve(CODE, timeouts=timeouts(send=SHORT))
    client = server.connect(small_window=True)
    client.send(get("/large"))
    wait_until(lambda: server.counter("timeouts") == 1)
    wait_until(lambda: server.counter("connections_open") == 0)


@pytest.mark.parametrize("path", ["/large", "/file"])
def test_a_client_that_reads_slowly_is_served_to_the_end(
    serve: Serve, path: str
) -> None:
    server = serve(CODE, timeouts=timeouts(send=2))
    (server.folder / "large.bin").write_bytes(b"x" * 3_000_000)

    def read_slowly(pace: Pace) -> None:
        before = server.counter("timeouts")
        with server.connect(small_window=True) as client:
            client.send(get(path))
            start = time.monotonic()
            while time.monotonic() - start < 4:  # twice the timeout
                client.unread += client.socket.recv(4096)
                time.sleep(0.02)
                pace.step()
            assert len(client.unread) < 3_000_000
            assert client.response().body == b"x" * 3_000_000
        assert server.counter("timeouts") == before

    unless_kept_waiting(read_slowly, 1)


# ---- lingering ----


def test_a_refused_client_that_keeps_sending_is_cut_in_the_end(serve: Serve) -> None:
    server = serve(CODE)
    with server.connect() as client:
        client.send(b"nonsense\r\n\r\n")
        assert client.response().status == 400

        def send_on() -> bool:
            client.send_while_it_lasts([b"x"])
            return bool(server.counter("connections_open") == 0)

        wait_until(send_on)


def test_a_timeout_of_zero_never_ends(serve: Serve) -> None:
    never = dict.fromkeys(("head", "body", "idle", "send"), 0)
    server = serve(CODE, timeouts=never)
    waiting: list[Client] = []
    for sent in (b"", HALF_HEAD, post("/echo", b"xy")[:-1]):
        waiting.append(server.connect())
        waiting[-1].send(sent)
    slow = server.connect(small_window=True)
    slow.send(get("/large"))
    wait_until(lambda: server.counter("connections_open") == 4)
    time.sleep(1)
    assert server.counter("timeouts") == 0
    assert server.counter("connections_open") == 4
    waiting[0].send(get("/hello"))
    waiting[1].send(b"ple.com\r\n\r\n")
    waiting[2].send(b"y")
    assert waiting[0].response().body == b"world"
    assert waiting[1].response().body == b"world"
    assert waiting[2].response().body == b"xy"
    assert len(slow.response().body) == 3_000_000
