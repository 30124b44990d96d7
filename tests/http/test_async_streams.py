"""Bodies in pieces in async handlers: answers that are made while they leave, requests
that are read while they come."""

import hashlib
from contextlib import suppress

import pytest

from tests.kit import (
    Client,
    RunningServer,
    Serve,
    get,
    measures_memory,
    post,
    post_chunked,
    wait_until,
)

CODE = """
import asyncio
import hashlib
import time
import pyrs

events = []
made = 0
go = asyncio.Event()
loop = None

def let_go():
    loop.call_soon_threadsafe(go.set)

async def hello(request):
    return "world"

async def generator(request):
    yield "one "
    await asyncio.sleep(0)
    yield b"two "
    yield memoryview(b"three")

async def returned(request):
    await asyncio.sleep(0)
    return generator(request)

async def response(request):
    async def lines():
        for line in ("a", "b"):
            yield line + request.query_string + "\\n"
    return pyrs.Response.stream(lines(), 201, {"X-A": "b"}, "text/plain")

async def plain(request):
    return (f"{number} " for number in range(1000))

async def empty(request):
    return
    yield

async def gated(request):
    global loop
    loop = asyncio.get_running_loop()
    yield "before"
    await go.wait()
    yield "after"

async def fails_first(request):
    raise pyrs.HTTPError(404, "no such stream")
    yield

async def fails_later(request):
    yield "begun"
    await asyncio.sleep(0)
    raise ValueError("in the middle")

async def odd(request):
    yield "begun"
    yield 5

async def endless(request):
    global made
    try:
        while True:
            yield b"x" * 65536
            made += 1
            if request.query_string == "slowly":
                await asyncio.sleep(0.01)
    finally:
        await asyncio.sleep(0)
        events.append("closed")

async def blocking(request):
    try:
        while True:
            yield b"x"
            time.sleep(0.05)
    finally:
        events.append("closing")
        await asyncio.sleep(0.05)
        events.append("closed")

async def endless_plain(request):
    def items():
        global made
        try:
            while True:
                yield b"x" * 65536
                made += 1
        finally:
            events.append("closed")
    return items()

async def large(request):
    for number in range(300):
        yield bytes([number % 256]) * 100_000

async def events_of(request):
    global loop
    loop = asyncio.get_running_loop()
    async def ticks():
        await go.wait()
        for number in range(3):
            yield {"number": number}
    return pyrs.Response.events(ticks(), ping=0.02)
"""
HTML = "text/html; charset=utf-8"


# ---- answers ----


@pytest.mark.parametrize("path", ["generator", "returned"])
def test_the_items_of_an_async_generator_are_sent_in_chunks(
    serve: Serve, path: str
) -> None:
    server = serve(CODE)
    with server.connect() as client:
        for _ in range(3):
            response = client.ask(get(f"/{path}"))
            assert response.body == b"one two three"
            assert response["Transfer-Encoding"] == "chunked"
            assert response["Content-Type"] == HTML
        client.send(get(f"/{path}", method="HEAD"))
        while not client.unread.endswith(b"\r\n\r\n"):  # nothing tells a length
            assert client.receive()
        client.unread = b""
        assert client.ask(get("/hello")).body == b"world"
    with server.connect() as old:
        old.send(get(f"/{path}", version="1.0"))
        while old.receive():
            pass
        assert old.unread.endswith(b"\r\n\r\none two three")


def test_a_response_around_a_stream_says_what_it_is(serve: Serve) -> None:
    response = serve(CODE).ask(get("/response?!"))
    assert (response.status, response["X-A"]) == (201, "b")
    assert response["Content-Type"] == "text/plain"
    assert response.body == b"a!\nb!\n"


def test_a_plain_iterator_is_sent_as_well(serve: Serve) -> None:
    body = serve(CODE).ask(get("/plain")).body
    assert body.split() == [b"%d" % number for number in range(1000)]


def test_a_generator_without_items_is_an_empty_answer(serve: Serve) -> None:
    response = serve(CODE).ask(get("/empty"))
    assert (response.status, response["Content-Length"]) == (200, "0")


def test_an_item_leaves_when_it_is_there(serve: Serve) -> None:
    server = serve(CODE)
    with server.connect() as client:
        client.send(get("/gated"))
        while not client.unread.endswith(b"before\r\n"):
            assert client.receive()
        server.inside("main.let_go()")
        assert client.response().body == b"beforeafter"


def test_events_and_pings_leave_in_time(serve: Serve) -> None:
    server = serve(CODE)
    with server.connect() as client:
        client.send(get("/events_of"))
        while client.unread.count(b": ping\n\n") < 2:
            assert client.receive()
        assert b"data: " not in client.unread
        server.inside("main.let_go()")
        response = client.response()
    assert response["Content-Type"] == "text/event-stream"
    assert response.body.count(b"data: ") == 3
    assert response.body.startswith(b": ping\n\n: ping\n\n")


def test_what_fails_before_the_first_item_is_an_error_page(serve: Serve) -> None:
    response = serve(CODE).ask(get("/fails_first"))
    assert (response.status, response.body) == (404, b"no such stream")


@pytest.mark.parametrize(
    ("path", "record"), [("fails_later", "in the middle"), ("odd", "of type int")]
)
def test_what_fails_later_cuts_the_connection(
    serve: Serve, path: str, record: str
) -> None:
    server = serve(CODE)
    with server.connect() as client:
        client.send(get(f"/{path}"))
        with suppress(ConnectionResetError):
            while client.receive():
                pass
        assert b"5\r\nbegun\r\n" in client.unread
        assert not client.unread.endswith(b"0\r\n\r\n")
    server.expect_log(f"main.{path} raised in the middle of its body:.*{record}")


def test_a_large_stream_arrives_whole(serve: Serve) -> None:
    body = serve(CODE).ask(get("/large")).body
    whole = b"".join(bytes([number % 256]) * 100_000 for number in range(300))
    assert hashlib.sha256(body).digest() == hashlib.sha256(whole).digest()


def wait_until_it_pauses(server: RunningServer) -> int:
    seen: list[int] = []

    def is_calm() -> bool:
        seen.append(server.inside("main.made"))
        return seen[-1] > 0 and seen[-20:] == [seen[-1]] * 20

    wait_until(is_calm)
    return seen[-1]


@measures_memory
@pytest.mark.parametrize("path", ["endless", "endless_plain"])
def test_a_stream_waits_for_a_client_that_does_not_read(
    serve: Serve, path: str
) -> None:
    server = serve(CODE, timeouts={"send": 600})
    with server.connect(small_window=True) as client:
        client.send(get(f"/{path}"))
        made = wait_until_it_pauses(server)
        assert made * 65_536 < 8 << 20  # what the sockets take, and the high water
        assert server.ask(get("/hello")).body == b"world"
        while server.inside("main.made") < made + 20:
            assert client.receive()
    wait_until(lambda: server.inside("main.events") == ["closed"])


@pytest.mark.parametrize("path", ["endless", "endless?slowly", "endless_plain"])
def test_a_stream_is_closed_when_its_client_leaves(serve: Serve, path: str) -> None:
    server = serve(CODE)
    with server.connect() as client:
        client.send(get(f"/{path}"))
        assert client.receive()
    wait_until(lambda: server.inside("main.events") == ["closed"])
    server.wait_until_quiet()


def test_what_closes_a_stream_is_not_cancelled(serve: Serve) -> None:
    """It learns by itself that its client has left, and is told again."""
    server = serve(CODE)
    with server.connect() as client:
        client.send(get("/blocking"))
        assert client.receive()
    wait_until(lambda: server.inside("main.events") == ["closing", "closed"])


# ---- requests ----

READING = """
import asyncio
import hashlib
import pyrs

events = []

async def digest(request):
    events.append("began")
    digest = hashlib.sha256()
    async for chunk in request.stream():
        digest.update(chunk)
    return digest.hexdigest()

async def rest(request):
    body = request.stream()
    first = await body.read(3)
    async for second in body:
        break
    else:
        second = b""
    return first + b"|" + second[:1] + b"|%d" % len(await body.read())

async def upper(request):
    async for chunk in request.stream(1000):
        yield chunk.upper()

async def ignored(request):
    return "not read"

async def blocking(request):
    try:
        request.body
    except RuntimeError as error:
        return str(error)

async def left(request):
    events.append("began")
    try:
        async for chunk in request.stream():
            pass
    except (pyrs.ClientDisconnected, asyncio.CancelledError) as error:
        events.append(type(error).__name__)
        raise

async def child(request):
    events.append("began")
    async def read():
        return await request.stream().read()
    return await asyncio.shield(asyncio.ensure_future(read()))

async def hello(request):
    return "world"
"""
NAMES = [
    line.split()[2].split("(")[0]
    for line in READING.splitlines()
    if "(request)" in line
]
ROUTES = {
    f"/{mode}/{name}": {"handler": name, "body": mode}
    for mode in ("stream", "whole")
    for name in NAMES
}


def begin(server: RunningServer, path: str, length: int) -> Client:
    client = server.connect()
    client.send(get(path, f"Content-Length: {length}", method="POST"))
    wait_until(lambda: "began" in server.inside("main.events"))
    return client


@pytest.mark.parametrize("mode", ["stream", "whole"])
def test_a_body_is_read_with_async_for(serve: Serve, mode: str) -> None:
    server = serve(READING, ROUTES)
    with server.connect() as client:
        for body in (b"", b"x", bytes(range(256)) * 20_000):
            expected = hashlib.sha256(body).hexdigest().encode()
            for request in (
                post(f"/{mode}/digest", body),
                post_chunked(f"/{mode}/digest", *([body] if body else [])),
            ):
                assert client.ask(request).body == expected


@pytest.mark.parametrize("mode", ["stream", "whole"])
def test_a_body_is_read_by_pieces_and_to_its_end(serve: Serve, mode: str) -> None:
    server = serve(READING, ROUTES)
    with server.connect() as client:
        client.send(get(f"/{mode}/rest", "Content-Length: 10", method="POST"))
        for digit in b"0123456789":
            client.send(bytes([digit]))
        first, second, count = client.response().body.split(b"|")
        assert (first, second) == (b"012", b"3")
        assert int(count) <= 6
        assert client.ask(post(f"/{mode}/rest", b"")).body == b"||0"


def test_a_handler_runs_while_the_body_still_comes(serve: Serve) -> None:
    server = serve(READING, ROUTES)
    with begin(server, "/stream/digest", 8) as client:
        client.send(b"1234")
        assert server.ask(get("/whole/hello")).body == b"world"
        client.send(b"5678")
        expected = hashlib.sha256(b"12345678").hexdigest().encode()
        assert client.response().body == expected


def test_a_body_may_be_answered_while_it_comes(serve: Serve) -> None:
    server = serve(READING, ROUTES)
    body = b"abc" * 500_000
    with server.connect() as client:
        client.send(get("/stream/upper", f"Content-Length: {len(body)}", method="POST"))
        client.send(body[:3000])
        while b"ABC" not in client.unread:
            assert client.receive()
        client.send(body[3000:])
        assert client.response().body == body.upper()


def test_a_body_that_is_not_read_is_no_trouble(serve: Serve) -> None:
    server = serve(READING, ROUTES)
    with server.connect() as client:
        client.send_while_it_lasts([post("/stream/ignored", b"x" * 100_000)])
        assert client.response().body == b"not read"
    assert server.ask(get("/whole/hello")).body == b"world"


def test_an_async_handler_is_told_not_to_wait_for_a_body(serve: Serve) -> None:
    server = serve(READING, ROUTES)
    with server.connect() as client:
        client.send(get("/stream/blocking", "Content-Length: 5", method="POST"))
        assert b"use async for" in client.response().body


def test_a_body_that_may_arrive_is_never_had_as_a_whole(serve: Serve) -> None:
    """However fast it came: a handler that is quick at home must be so elsewhere."""
    code = """
WHOLE = {
    "body": lambda request: request.body,
    "text": lambda request: request.text,
    "json": lambda request: request.json(),
    "form": lambda request: dict(request.form()),
    "read": lambda request: request.read(),
    "length": lambda request: len(request),
    "bytes": lambda request: bytes(request),
    "iteration": lambda request: list(request.stream()),
}

async def whole(request):
    try:
        return repr(WHOLE[request.query["way"]](request))
    except Exception as error:
        return f"{type(error).__name__}: {error}"

async def echo(request):
    return request
"""
    server = serve(
        code,
        {
            "/whole": {"handler": "whole", "body": "stream"},
            "/echo": {"handler": "echo", "body": "stream"},
        },
    )
    form = "Content-Type: application/x-www-form-urlencoded"
    ways = ["body", "text", "json", "form", "read", "length", "bytes", "iteration"]
    with server.connect() as client:
        for way in ways:
            at_once = post(f"/whole?way={way}", b"1", form)
            told = client.ask(at_once).body
            assert told.startswith(b"RuntimeError: this body may still arrive"), way
            with server.connect() as slow:
                slow.send(at_once[:-1])
                assert slow.response().body == told
            fields = [form, "Transfer-Encoding: chunked"]
            chunked = get(f"/whole?way={way}", *fields, method="POST")
            assert client.ask(chunked + b"1\r\n1\r\n0\r\n\r\n").body == told
        assert client.ask(get("/whole?way=body")).body == b"b''"
        assert client.ask(post("/echo", b"1")).status == 500
        assert client.ask(get("/echo")).status == 200
    server.expect_log("RuntimeError: this body may still arrive")


def test_a_client_that_leaves_in_the_middle_of_its_body_cancels(serve: Serve) -> None:
    server = serve(READING, ROUTES)
    with begin(server, "/stream/left", 10) as client:
        client.send(b"12345")
    wait_until(lambda: len(server.inside("main.events")) == 2)
    assert server.inside("main.events[1]") in ("CancelledError", "ClientDisconnected")
    server.wait_until_quiet()


def test_another_task_that_reads_learns_that_the_client_has_left(serve: Serve) -> None:
    server = serve(READING, ROUTES)
    with begin(server, "/stream/child", 10) as client:
        client.send(b"12345")
    server.wait_until_quiet()
    server.inside("gc.collect()")
    server.allow_log("asyncio: .*(ClientDisconnected|is over|has returned)")


@measures_memory
def test_a_body_of_any_size_is_read_in_little_memory(serve: Serve) -> None:
    server = serve(READING, ROUTES, limits={"body": 1 << 30})
    server.ask(post("/stream/digest", b"x" * 1_000_000))
    before = server.resident_bytes()
    with server.connect() as client:
        piece = b"y" * 1_000_000
        client.send(
            get("/stream/digest", f"Content-Length: {100 * len(piece)}", method="POST")
        )
        for _ in range(100):
            client.send(piece)
        expected = hashlib.sha256(piece * 100).hexdigest().encode()
        assert client.response().body == expected
    assert server.resident_bytes() - before < 8 << 20
