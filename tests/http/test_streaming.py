"""Answers that are sent while they are made: generators behind a real server."""

import signal
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from tests.kit import (
    Client,
    RunningServer,
    Serve,
    get,
    measures_memory,
    post,
    wait_until,
)

CODE = """
import threading
import time
from collections import Counter
import pyrs

counts = Counter()
gates = {}

def gate(name):
    return gates.setdefault(name, threading.Event())

def hello(request):
    return "world"

def letters(request):
    for letter in "grö":
        yield letter
    yield "ße"

def nothing(request):
    return iter(())

def numbered(request):
    try:
        for at in range(int(request.query["pieces"])):
            counts["made"] += 1
            yield b"%07d " % at * int(request.query.get("times", 1))
    finally:
        counts["finally"] += 1

def endless(request):
    try:
        while True:
            counts["made"] += 1
            yield bytes(int(request.query_string))
    finally:
        counts["finally"] += 1

def gated(request):
    yield "first\\n"
    gate(request.query_string).wait(30)
    yield "second\\n"

def told(request):
    return pyrs.Response(numbered(request), 201, {"X-A": "b"}, "text/csv")

def missing(request):
    raise pyrs.HTTPError(404, "no such thing")
    yield

def broken_before(request):
    counts["made"] // counts["nothing"]
    yield

def broken_after(request):
    yield "a"
    raise ValueError("in the middle")

def no_body(request):
    return numbered(request), int(request.query["status"])

def slow(request):
    for at in range(3):
        time.sleep(0.01)
        yield f"{at}"

def name(request):
    for _ in range(3):
        yield f"{request.path} {request.query_string}\\n"
"""
PATIENT = {"send": 600, "idle": 600, "body": 600, "head": 600}
MIB = 1 << 20

# Where a step runs must not be seen.
everywhere = pytest.mark.parametrize("run", ["auto", "loop", "thread"])


def routes(run: str = "auto") -> dict[str, Any]:
    names = [line[4:].split("(")[0] for line in CODE.splitlines() if "(request" in line]
    return {
        f"/{name}": {"handler": name, "run": run}
        for name in names
        if name.isidentifier()
    }


def made(server: RunningServer) -> int:
    return int(server.inside("main.counts['made']"))


def finished(server: RunningServer) -> int:
    return int(server.inside("main.counts['finally']"))


def has_finished(server: RunningServer, count: int) -> bool:
    return finished(server) == count


def open_gate(server: RunningServer, name: str) -> None:
    server.inside(f"main.gate({name!r}).set()")


def raw(client: Client, *requests: bytes) -> bytes:
    """Everything that comes until the server closes, or cuts."""
    client.send(*requests)
    with suppress(ConnectionResetError):
        while client.receive():
            pass
    return client.unread


# ---- framing ----


@everywhere
def test_items_are_chunks_and_the_connection_goes_on(serve: Serve, run: str) -> None:
    server = serve(CODE, routes(run))
    with server.connect() as client:
        for _ in range(3):
            answer = client.ask(get("/letters"))
            assert answer.body == "größe".encode()
            assert answer["Transfer-Encoding"] == "chunked"
            assert answer["Content-Type"] == "text/html; charset=utf-8"
            assert client.ask(get("/hello")).body == b"world"
        client.send(get("/letters", "Connection: close"))
        text = raw(client)
        assert text.endswith(b"\r\n2\r\n\xc3\xb6\r\n3\r\n\xc3\x9fe\r\n0\r\n\r\n")


@everywhere
def test_http_1_0_gets_the_bare_body_and_the_end_of_the_connection(
    serve: Serve, run: str
) -> None:
    server = serve(CODE, routes(run))
    for fields in ([], ["Connection: keep-alive"]):
        head, body = raw(
            server.connect(), get("/letters", *fields, version="1.0")
        ).split(b"\r\n\r\n", 1)
        assert body == "größe".encode()
        assert b"Connection: close" in head
        assert b"Transfer-Encoding" not in head
        assert b"Content-Length" not in head


@everywhere
def test_status_headers_and_media_type_are_as_told(serve: Serve, run: str) -> None:
    server = serve(CODE, routes(run))
    answer = server.ask(get("/told?pieces=2"))
    assert (answer.status, answer["X-A"]) == (201, "b")
    assert (answer["Content-Type"], answer.body) == ("text/csv", b"0000000 0000001 ")


def test_a_stream_without_items_has_a_length(serve: Serve) -> None:
    answer = serve(CODE, routes()).ask(get("/nothing"))
    assert (answer.status, answer["Content-Length"], answer.body) == (200, "0", b"")


@everywhere
def test_head_204_and_304_have_no_body_and_end_the_generator(
    serve: Serve, run: str
) -> None:
    server = serve(CODE, routes(run))
    with server.connect() as client:
        for count, request in enumerate(
            [
                get("/numbered?pieces=9", method="HEAD"),
                get("/no_body?pieces=9&status=204"),
                get("/no_body?pieces=9&status=304"),
            ],
            1,
        ):
            client.send(request, get("/hello"))
            if request.startswith(b"HEAD"):
                head = client.unread or client.receive()
                while b"\r\n\r\n" not in client.unread:
                    assert client.receive()
                head, client.unread = client.unread.split(b"\r\n\r\n", 1)
                assert b" 200 OK" in head
            else:
                assert client.response().body == b""
            assert client.response().body == b"world"
            assert (made(server), finished(server)) == (count, count)


@everywhere
def test_many_small_items_arrive_whole_and_in_order(serve: Serve, run: str) -> None:
    server = serve(CODE, routes(run))
    expected = b"".join(b"%07d " % at for at in range(100_000))
    assert server.ask(get("/numbered?pieces=100000")).body == expected


@everywhere
def test_large_items_arrive_whole_and_in_order(serve: Serve, run: str) -> None:
    server = serve(CODE, routes(run))
    expected = b"".join(b"%07d " % at * 10_000 for at in range(200))
    answer = server.ask(get("/numbered?pieces=200&times=10000"))
    assert answer.body == expected


@everywhere
def test_the_request_is_there_in_every_step(serve: Serve, run: str) -> None:
    server = serve(CODE, routes(run))
    with server.connect() as client:
        client.send(b"".join(get(f"/name?{at}") for at in range(50)))
        for at in range(50):
            assert client.response().body == b"/name %d\n" % at * 3


# ---- order and time ----


@everywhere
def test_requests_behind_a_stream_are_answered_when_it_is_over(
    serve: Serve, run: str
) -> None:
    server = serve(CODE, routes(run), timeouts=PATIENT)
    client = server.connect()
    client.send(get("/hello"), get("/gated?a"), get("/letters") + get("/hello"))
    assert client.response().body == b"world"
    while b"first\n" not in client.unread:
        assert client.receive()
    assert server.ask(get("/hello")).body == b"world"
    assert b"second" not in client.unread
    open_gate(server, "a")
    answers = [answer.body for answer in client.responses(3)]
    assert answers == [b"first\nsecond\n", "größe".encode(), b"world"]


@everywhere
def test_an_item_leaves_while_the_next_one_is_made(serve: Serve, run: str) -> None:
    server = serve(CODE, routes(run), timeouts=PATIENT)
    clients = [server.connect() for _ in range(5)]
    for at, client in enumerate(clients):
        client.send(get(f"/gated?{at}"))
    for client in clients:
        while b"first\n" not in client.unread:
            assert client.receive()
    for at, client in enumerate(clients):
        open_gate(server, str(at))
        assert client.response().body == b"first\nsecond\n"


@everywhere
def test_a_generator_that_sleeps_does_not_keep_others_waiting(
    serve: Serve, run: str
) -> None:
    server = serve(CODE, routes(run))
    clients = [server.connect() for _ in range(10)]
    for client in clients:
        client.send(get("/slow") * 3)
    for client in clients:
        assert [answer.body for answer in client.responses(3)] == [b"012"] * 3


# ---- failures ----


@everywhere
def test_what_is_raised_before_the_first_item_is_an_error_page(
    serve: Serve, run: str
) -> None:
    server = serve(CODE, routes(run))
    with server.connect() as client:
        answer = client.ask(get("/missing"))
        assert (answer.status, answer.body) == (404, b"no such thing")
        answer = client.ask(get("/broken_before"))
        assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
        assert client.ask(get("/hello")).body == b"world"
    server.expect_log(r"broken_before raised:.*ZeroDivisionError")


@everywhere
def test_what_is_raised_in_the_middle_cuts_the_connection(
    serve: Serve, run: str
) -> None:
    server = serve(CODE, routes(run))
    client = server.connect()
    text = raw(client, get("/broken_after") + get("/hello"))
    assert text.endswith(b"\r\n\r\n1\r\na\r\n")
    server.expect_log(r"broken_after raised in the middle of its body:.*ValueError")


@everywhere
def test_hooks_leave_a_stream_as_it_is_and_see_what_it_raises_at_once(
    serve: Serve, run: str
) -> None:
    code = (
        CODE
        + """
class Layer:
    def after(self, request, response):
        response.headers["X-Status"] = str(response.status)

def page(request, error):
    return f"{error.body} at {request.path}"

def file(request):
    return pyrs.Response.file("nowhere")

async def missing_later(request):
    raise pyrs.HTTPError(404, "nothing")
    yield

async def letters_later(request):
    for letter in "grö":
        yield letter
"""
    )
    entries = routes(run)
    for name in ("file", "missing_later", "letters_later"):
        entries[f"/{name}"] = name
    server = serve(
        code,
        entries,
        middleware=[{"module": "main", "class": "Layer"}],
        errors={"404": {"module": "main", "handler": "page"}},
    )
    with server.connect() as client:
        for path, text in (("/letters", "größe"), ("/letters_later", "grö")):
            answer = client.ask(get(path))
            assert (answer.body, answer["X-Status"]) == (text.encode(), "200")
            assert answer["Transfer-Encoding"] == "chunked"
        for path, text in (
            ("/missing", "no such thing"),
            ("/missing_later", "nothing"),
            ("/file", "Not Found"),
        ):
            answer = client.ask(get(path))
            assert (answer.status, answer["X-Status"]) == (404, "404")
            assert answer.body == f"{text} at {path}".encode()
        client.send(get("/endless?1000"))
        assert client.receive()
    wait_until(lambda: finished(server) == 1)
    server.expect_log('WARNING "GET /file HTTP/1.1" main.file has no file to send: ')


# ---- clients that do not read, and clients that go ----


def wait_until_calm(server: RunningServer) -> None:
    """Until no more items are made, as far as one can tell."""
    seen: list[int] = []

    def is_calm() -> bool:
        seen.append(made(server))
        return seen[-1] > 0 and seen[-20:] == [seen[-1]] * 20

    wait_until(is_calm)


@measures_memory
@everywhere
@pytest.mark.parametrize("size", [100, 100_000])
def test_a_reader_that_stops_makes_the_generator_pause(
    serve: Serve, run: str, size: int
) -> None:
    server = serve(CODE, routes(run), timeouts=PATIENT)
    assert server.ask(get("/letters")).status == 200
    before = server.resident_bytes()
    client = server.connect(small_window=True)
    client.send(get(f"/endless?{size}"))
    wait_until_calm(server)
    assert server.resident_bytes() - before < 4 * MIB
    paused_at = made(server)
    assert server.ask(get("/hello")).body == b"world"
    for _ in range(100):
        client.receive()
    wait_until(lambda: made(server) > paused_at)
    assert finished(server) == 0
    client.close()
    wait_until(lambda: finished(server) == 1)


@measures_memory
def test_a_long_stream_needs_little_memory(serve: Serve) -> None:
    server = serve(CODE, routes(), timeouts=PATIENT)
    assert server.ask(get("/letters")).status == 200
    before = server.resident_bytes()
    client = server.connect()
    client.send(get("/numbered?pieces=2000&times=12500"))  # 200 MB
    received = 0
    while received < 2000 * 100_000:
        received += len(client.receive())
        client.unread = client.unread[-100:]
        if server.process.poll() is not None:
            break
    assert client.unread.endswith(b"\r\n0\r\n\r\n") or client.receive()
    assert server.resident_bytes() - before < 4 * MIB


@everywhere
def test_a_client_that_goes_ends_the_generator(serve: Serve, run: str) -> None:
    server = serve(CODE, routes(run), timeouts=PATIENT)
    for count, leave in enumerate([Client.close, Client.abort] * 3, 1):
        client = server.connect(small_window=True)
        client.send(get("/endless?1000"))
        assert client.receive()
        leave(client)
        wait_until(partial(has_finished, server, count))
    assert server.ask(get("/hello")).body == b"world"
    wait_until(lambda: server.counter("responses")[0] == 6, "all are counted")


def test_a_client_that_takes_nothing_is_cut_and_the_generator_ended(
    serve: Serve,
) -> None:
    server = serve(CODE, routes(), timeouts={"send": 0.5})
    client = server.connect(small_window=True)
    client.send(get("/endless?1000"))
    wait_until(lambda: finished(server) == 1)
    assert client.is_cut()


# ---- the end of the server ----


def test_a_stop_waits_for_a_stream(serve: Serve) -> None:
    server = serve(CODE, routes(), timeouts=PATIENT)
    client = server.connect()
    client.send(get("/gated?a"))
    while b"first" not in client.unread:
        assert client.receive()
    server.inside("main.threading.Timer(0.2, main.gate('a').set).start()")
    server.signal(signal.SIGTERM)
    assert client.response().body == b"first\nsecond\n"
    server.check_end()


@everywhere
def test_a_stop_at_once_ends_the_generator(serve: Serve, run: str) -> None:
    code = """
    def endless(request):
        try:
            while True:
                yield bytes(1000)
        finally:
            print("the end", flush=True)
    """
    entry = {"handler": "endless", "run": run}
    server = serve(code, {"/": entry}, timeouts={**PATIENT, "stop": 0.3})
    client = server.connect(small_window=True)
    client.send(get("/"))
    assert client.receive()
    server.signal(signal.SIGTERM)
    server.allow_log("stopping at once", "have been cut off")
    server.check_end()
    assert server.printed[-1] == "the end"


# ---- bodies both ways ----


def test_a_stream_may_answer_with_the_body_it_got(serve: Serve) -> None:
    code = """
    def echo(request):
        for chunk in request.stream(1000):
            yield chunk.upper()
    """
    server = serve(code)
    body = b"abcdefgh" * 100_000
    with server.connect() as client:
        for _ in range(3):
            assert client.ask(post("/echo", body)).body == body.upper()
