"""Request bodies that are read while they arrive, behind a real server."""

import hashlib
import signal
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from tests.kit import (
    RunningServer,
    Serve,
    get,
    measures_memory,
    post,
    post_chunked,
    wait_until,
)

CODE = """
import hashlib
import threading
import pyrs

seen = []
begun = []
gates = {}

def gate(name):
    return gates.setdefault(name, threading.Event())

def hello(request):
    return "world"

def digest(request):
    seen.append("began")
    digest = hashlib.sha256()
    for chunk in request.stream():
        digest.update(chunk)
    return digest.hexdigest()

def gated(request):
    seen.append("began")
    gate("go").wait(30)
    return digest(request)

def first(request):
    return request.read(3)

def whole(request):
    return request.body

def itself(request):
    return request

def size(request):
    return str(len(request))

def json(request):
    return request.json()

def ignored(request):
    return "not read"

def upper(request):
    for chunk in request.stream(1000):
        yield chunk.upper()

def kept(request):
    seen.append(request)

def left(request):
    begun.append(request.path)
    try:
        for chunk in request.stream():
            pass
    except pyrs.ClientDisconnected as error:
        seen.append(str(error))
        raise
"""
NAMES = [line[4:].split("(")[0] for line in CODE.splitlines() if "(request)" in line]
ROUTES: dict[str, Any] = {
    f"/{name}": {"handler": name, "body": "stream"}
    for name in NAMES
    if name.isidentifier()
}
PATIENT = {"send": 600, "idle": 600, "body": 600, "head": 600}
MIB = 1 << 20


def sha(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def seen(server: RunningServer) -> list[Any]:
    found: list[Any] = server.inside("[str(item) for item in main.seen]")
    return found


def has_seen(server: RunningServer, count: int) -> bool:
    return len(seen(server)) == count


def have_begun(server: RunningServer, count: int) -> bool:
    return bool(server.inside("len(main.begun)") == count)


# ---- bodies of all kinds ----


def test_a_body_is_read_as_it_arrives(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    body = bytes(range(256)) * 1000
    with server.connect() as client:
        for request in (
            post("/digest", body),
            post_chunked(
                "/digest", *[body[at : at + 999] for at in range(0, 256_000, 999)]
            ),
            post("/digest", b""),
            get("/digest"),
            post("/digest", b"x"),
        ):
            answer = client.ask(request)
            assert answer.status == 200
        for at in range(0, 256_000, 32_000):
            client.send(post("/digest", body)[at : at + 32_000])
        client.send(post("/digest", body)[256_000:])
        assert client.response("POST").body == sha(body)
        assert client.ask(post("/digest", b"abc" * 7)).body == sha(b"abc" * 7)
        assert client.ask(post_chunked("/digest", b"abc", b"def")).body == sha(
            b"abcdef"
        )


def test_the_handler_runs_before_the_body_is_there(serve: Serve) -> None:
    server = serve(CODE, ROUTES, timeouts=PATIENT)
    with server.connect() as client:
        request = post("/digest", b"x" * 1000)
        client.send(request[:-1])
        wait_until(lambda: seen(server) == ["began"])
        client.send(request[-1:])
        assert client.response("POST").body == sha(b"x" * 1000)


@pytest.mark.parametrize("cut", [0, 1, 100_000])
def test_the_whole_body_is_waited_for(serve: Serve, cut: int) -> None:
    server = serve(CODE, ROUTES)
    body = b'"' + b"x" * 200_000 + b'"'
    with server.connect() as client:
        for path, expected in (
            ("/whole", body),
            ("/itself", body),
            ("/size", b"200002"),
            ("/json", body[1:-1]),
        ):
            request = post(path, body, "Content-Type: text/plain")
            client.send(request[: len(request) - cut], request[len(request) - cut :])
            assert client.response("POST").body == expected


def test_a_client_that_waits_is_told_to_go_on_when_the_body_is_wanted(
    serve: Serve,
) -> None:
    server = serve(CODE, ROUTES, timeouts=PATIENT)
    head = post("/gated", b"x" * 10, "Expect: 100-continue")[:-10]
    with server.connect() as client:
        client.send(head)
        wait_until(lambda: seen(server) == ["began"])
        server.inside("main.gate('go').set()")
        assert client.any_response("POST").status == 100
        client.send(b"x" * 10)
        assert client.response("POST").body == sha(b"x" * 10)
    with server.connect() as client:
        client.send(head.replace(b"/gated", b"/ignored"))
        answer = client.any_response("POST")
        assert (answer.status, answer.body, answer.closes) == (200, b"not read", True)


def test_requests_behind_a_body_wait_for_their_turn(serve: Serve) -> None:
    server = serve(CODE, ROUTES, timeouts=PATIENT)
    with server.connect() as client:
        request = post("/digest", b"x" * 300_000)
        client.send(get("/hello") + request[:1000])
        assert client.response().body == b"world"
        client.send(request[1000:] + get("/hello") + post("/digest", b"y"))
        answers = [answer.body for answer in client.responses(3)]
        assert answers == [sha(b"x" * 300_000), b"world", sha(b"y")]


# ---- what is not read ----


def test_a_body_that_nobody_reads_ends_the_connection_after_the_answer(
    serve: Serve,
) -> None:
    server = serve(CODE, ROUTES)
    request = post("/ignored", b"x" * 1_000_000)
    for path, expected in (("/ignored", b"not read"), ("/first", b"xxx")):
        client = server.connect()
        client.send_while_it_lasts([request.replace(b"/ignored", path.encode())])
        answer = client.response("POST")
        assert (answer.status, answer.body, answer.closes) == (200, expected, True)
        assert client.is_cut()
    with server.connect() as client:  # it was there anyway
        assert not client.ask(post("/ignored", b"")).closes
        assert client.ask(get("/hello")).body == b"world"


def test_a_request_kept_without_its_body_is_there_without_it(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    client = server.connect()
    client.send(post("/kept", b"x" * 1000)[:-1])
    assert client.response("POST").status == 204
    assert server.inside("main.seen[0].path") == "/kept"
    with pytest.raises(AssertionError, match="had not been read"):
        server.inside("main.seen[0].body")
    with pytest.raises(AssertionError, match="handler has returned"):
        server.inside("main.seen[0].read()")


# ---- back-pressure ----


@measures_memory
def test_twenty_megabytes_wait_for_a_handler_in_little_memory(serve: Serve) -> None:
    server = serve(CODE, ROUTES, timeouts=PATIENT, limits={"body": 0})
    assert server.ask(post("/digest", b"x" * 500_000)).status == 200
    before = server.resident_bytes()
    client = server.connect()
    body = bytes(range(250)) * 80_000  # 20 MB
    wire = post("/gated", body)
    client.socket.setblocking(False)
    sent = 0

    def is_stuck() -> bool:
        nonlocal sent
        before = sent
        with suppress(BlockingIOError):
            while sent < len(wire):
                sent += client.socket.send(wire[sent : sent + 65_536])
        return sent == before

    for _ in range(20):
        wait_until(is_stuck)
    assert sent < len(wire)
    received = server.counter("bytes_received")
    assert received < 2 * MIB
    assert server.ask(get("/hello")).body == b"world"
    server.inside("main.gate('go').set()")
    client.socket.settimeout(30)
    client.send(wire[sent:])
    assert client.response("POST").body == sha(body)
    assert server.resident_bytes() - before < 4 * MIB


@measures_memory
def test_many_uploads_at_once_share_little_memory(serve: Serve) -> None:
    server = serve(CODE, ROUTES, timeouts=PATIENT, thread_count=2)
    assert server.ask(post("/digest", b"x" * 500_000)).status == 200
    before = server.resident_bytes()
    wire = post("/digest", b"abcdefgh" * 1_000_000)
    clients = [server.connect() for _ in range(20)]
    for at in range(0, len(wire), 500_000):
        for client in clients:
            client.send(wire[at : at + 500_000])
    for client in clients:
        assert client.response("POST").body == sha(wire[-8_000_000:])
    assert server.resident_bytes() - before < 20 * MIB


def test_a_body_may_be_larger_than_memory_would_hold_by_the_limit(
    serve: Serve,
) -> None:
    server = serve(CODE, ROUTES, limits={"body": 1000})
    for request in (
        post("/digest", b"x" * 1001),
        post_chunked("/digest", b"x" * 600, b"x" * 600),
    ):
        client = server.connect()
        client.send(request)
        assert client.response("POST").status == 413


def test_answer_and_body_may_be_on_their_way_at_once(serve: Serve) -> None:
    server = serve(CODE, ROUTES, timeouts=PATIENT)
    client = server.connect()
    request = post("/upper", b"x" * 100_000)
    client.send(request[:-50_000])
    while client.unread.count(b"X") < 40_000:
        assert client.receive()
    client.send(request[-50_000:])
    assert client.response("POST").body == b"X" * 100_000


# ---- clients that go, and clients that are wrong ----


def test_a_client_that_goes_raises_in_the_handler_and_nothing_is_wrong(
    serve: Serve,
) -> None:
    server = serve(CODE, ROUTES, timeouts=PATIENT)
    for count, end in enumerate(("close", "abort", "finish"), 1):
        client = server.connect()
        client.send(post("/left", b"x" * 1000)[:-1])
        wait_until(partial(have_begun, server, count))
        getattr(client, end)()
        wait_until(partial(has_seen, server, count))
    assert set(seen(server)) == {"the client went before its request's body was whole"}


def test_a_client_that_goes_is_told_of_at_level_info(serve: Serve) -> None:
    server = serve(CODE, ROUTES, log_level="info", timeouts=PATIENT)
    client = server.connect()
    client.send(post("/left", b"x" * 1000)[:-1])
    wait_until(partial(have_begun, server, 1))
    client.close()
    server.expect_log('INFO "POST /left HTTP/1.1" main.left: nobody waits for')
    server.allow_log("INFO")


def test_a_client_that_goes_is_no_fault_around_a_handler_either(serve: Serve) -> None:
    code = (
        CODE
        + """
class Layer:
    def after(self, request, response):
        seen.append(response.status)
"""
    )
    layer = {"module": "main", "class": "Layer"}
    server = serve(code, ROUTES, log_level="info", timeouts=PATIENT, middleware=[layer])
    client = server.connect()
    client.send(post("/left", b"x" * 1000)[:-1])
    wait_until(partial(have_begun, server, 1))
    client.close()
    wait_until(partial(has_seen, server, 2))
    server.expect_log('INFO "POST /left HTTP/1.1" main.left: nobody waits for')
    server.allow_log("INFO")


@pytest.mark.parametrize("path", ["/left", "/upper"])
def test_a_body_that_is_too_slow_is_answered_408_or_cut(
    serve: Serve, path: str
) -> None:
    server = serve(CODE, ROUTES, timeouts={"body": 2})
    client = server.connect()
    client.send(post(path, b"x" * 1000)[:-1])
    if path == "/left":
        wait_until(partial(have_begun, server, 1))
        assert client.response("POST").status == 408
        wait_until(partial(has_seen, server, 1))
    assert client.is_cut()


def test_what_is_no_chunk_is_answered_400(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    client = server.connect()
    client.send(post_chunked("/left", b"abc")[:-5])
    wait_until(partial(have_begun, server, 1))
    client.send(b"nonsense\r\n")
    assert client.response("POST").status == 400
    wait_until(lambda: len(seen(server)) == 1)


def test_a_stop_at_once_ends_a_handler_that_waits_for_a_body(serve: Serve) -> None:
    server = serve(CODE, ROUTES, timeouts={**PATIENT, "stop": 0.2})
    client = server.connect()
    client.send(post("/digest", b"x" * 1000)[:-1])
    wait_until(lambda: seen(server) == ["began"])
    server.allow_log("stopping at once", "have been cut off")
    server.signal(signal.SIGTERM)
    server.check_end()
