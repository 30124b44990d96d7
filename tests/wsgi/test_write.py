"""PEP 3333, "The write() Callable"."""

import pytest

from tests.kit import Client, RunningServer, Serve, get, measures_memory, wait_until

from .applications import PATIENT, everywhere, routes
from .test_bodies import raw

CODE = """
import sys
import threading
import time
from collections import Counter

counts = Counter()
kept = {}

def hello(environ, start_response):
    start_response("200 OK", [])
    return [b"Hello, World!"]

def writes(environ, start_response):
    write = start_response("200 OK", [("X-A", "b")])
    write(b"")
    write(b"one ")
    write(b"two ")
    return [b"three ", b"four"]

def only_writes(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])(b"one")
    return []

def writes_nothing(environ, start_response):
    start_response("200 OK", [])(b"")
    return []

def writes_too_much(environ, start_response):
    write = start_response("200 OK", [("Content-Length", "5")])
    write(b"1234")
    write(b"5678")
    write(b"9")
    return [b"10"]

def writes_too_little(environ, start_response):
    start_response("200 OK", [("Content-Length", "50")])(b"1234")
    return []

def writes_text(environ, start_response):
    start_response("200 OK", [])("text")
    return []

def writes_and_raises(environ, start_response):
    start_response("200 OK", [])(b"one")
    raise LookupError("after it wrote")

def writes_and_returns_none(environ, start_response):
    start_response("200 OK", [])(b"one")

def writes_and_starts_again(environ, start_response):
    start_response("200 OK", [])(b"one")
    try:
        raise LookupError("too late")
    except LookupError:
        start_response("500 Oops", [], sys.exc_info())
    return [b"never"]

def writes_in_a_generator(environ, start_response):
    write = start_response("200 OK", [])
    write(b"0")
    def body():
        yield b"1"
        write(b"2")
        yield b"3"
    return body()

def writes_much(environ, start_response):
    write = start_response("200 OK", [])
    for _ in range(int(environ["QUERY_STRING"])):
        write(bytes(100_000))
        counts["written"] += 1
    counts["finished"] += 1
    return []

def writes_without_end(environ, start_response):
    write = start_response("200 OK", [tuple(environ["QUERY_STRING"].split(":"))])
    try:
        while True:
            write(bytes(1_000))
    except OSError as error:
        counts[f"{type(error).__name__}: {error}"] += 1
        raise

def writes_what_is_dropped(environ, start_response):
    write = start_response(environ["QUERY_STRING"].replace("_", " "), [])
    for _ in range(100):
        write(bytes(100_000))
    counts["finished"] += 1
    return []

def try_to(write):
    results = []  # of a thread of its own

    def attempt():
        try:
            results.append(write(b"from elsewhere "))
        except Exception as error:
            results.append(f"{type(error).__name__}: {error}")

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return str(results[0]).encode()

def writes_elsewhere(environ, start_response):
    write = start_response("200 OK", [])
    write(try_to(write))
    return []

def writes_elsewhere_in_a_generator(environ, start_response):
    write = start_response("200 OK", [])
    write(b"0 ")
    time.sleep(0.01)
    def body():
        yield b"1 "
        time.sleep(0.01)
        yield b"2 "
        write(b"3 ")
        yield try_to(write)
    return body()

def keeps_write(environ, start_response):
    kept["write"] = start_response("200 OK", [])
    yield b"begun"
    while not kept.get("go"):
        yield b""
        time.sleep(0.0005)
    yield b" and done"

def uses_what_is_kept(environ, start_response):
    start_response("200 OK", [])
    result = try_to(kept["write"])
    try:
        kept["write"](b"from another request ")
    except Exception as error:
        result += f"; {type(error).__name__}: {error}".encode()
    kept["go"] = True
    return [result]
"""
ELSEWHERE = (
    "RuntimeError: write() was called while its application did not run on this thread"
)
MIB = 1 << 20


@pytest.fixture(scope="module")
def servers_by_run(serve_module: Serve) -> dict[str, RunningServer]:
    return {
        run: serve_module(CODE, routes(CODE, run=run), timeouts=PATIENT)
        for run in ["auto", "thread"]
    }


@everywhere
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/writes", b"one two three four"),
        ("/only_writes", b"one"),
        ("/writes_nothing", b""),
        ("/writes_in_a_generator", b"0123"),
    ],
)
def test_what_is_written_comes_before_what_is_returned(
    server: RunningServer, path: str, body: bytes
) -> None:
    with server.connect() as client:
        for _ in range(3):
            assert client.ask(get(path)).body == body
            assert client.ask(get("/hello")).body == b"Hello, World!"


@everywhere
def test_to_head_nothing_is_written(server: RunningServer) -> None:
    client = server.connect()
    text = raw(client, get("/writes", "Connection: close", method="HEAD"))
    assert text.startswith(b"HTTP/1.1 200 OK")
    assert text.endswith(b"\r\n\r\n")


@everywhere
def test_writing_more_than_content_length_is_cut(server: RunningServer) -> None:
    with server.connect() as client:
        assert client.ask(get("/writes_too_much")).body == b"12345"
        assert client.ask(get("/hello")).body == b"Hello, World!"
    server.expect_log("the body is longer than its Content-Length: cut there")


@everywhere
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/writes_too_little", "shorter than announced: the connection is cut"),
        ("/writes_and_raises", "raised:.*LookupError: after it wrote"),
        ("/writes_and_returns_none", "'NoneType' object is not iterable"),
        ("/writes_and_starts_again", "raised:.*LookupError: too late"),
    ],
)
def test_a_fault_after_it_cuts_the_connection(
    server: RunningServer, path: str, message: str
) -> None:
    text = raw(server.connect(), get(path) + get("/hello"))
    assert text.count(b"HTTP/1.1") == 1
    assert b"1234" in text or b"one" in text
    server.expect_log(message)


@everywhere
def test_only_bytes_can_be_written(server: RunningServer) -> None:
    assert server.ask(get("/writes_text")).status == 500
    server.expect_log("TypeError: an item of type str: the body has to be bytes")


@everywhere
def test_a_slow_reader_gets_all_of_it(server: RunningServer) -> None:
    client = server.connect(small_window=True)
    client.send(get("/writes_much?30"))
    wait_until(lambda: counted(server, "written") > 0)
    assert server.ask(get("/hello")).body == b"Hello, World!"
    assert client.response().body == bytes(3_000_000)
    wait_until(lambda: counted(server, "finished") == 1)


@measures_memory
@everywhere
def test_a_reader_that_stops_makes_the_writer_wait(server: RunningServer) -> None:
    before = server.resident_bytes()
    client = server.connect(small_window=True)
    client.send(get("/writes_much?1000"))
    wait_until(lambda: _is_calm(server))
    assert server.resident_bytes() - before < 8 * MIB
    assert server.ask(get("/hello")).body == b"Hello, World!"
    client.abort()
    wait_until(lambda: server.counter("exchanges_open") == 0)
    assert counted(server, "finished") == 0


@everywhere
@pytest.mark.parametrize(
    "field", ["X-A:b", "Content-Length:1000000000", "Content-Length:1"]
)
def test_a_client_that_goes_ends_the_writing(server: RunningServer, field: str) -> None:
    client = server.connect(small_window=True)
    client.send(get(f"/writes_without_end?{field}"))
    assert client.receive()
    Client.abort(client)
    gone = "ClientDisconnected: the client went before its answer was whole"
    wait_until(lambda: counted(server, gone) == 1)
    server.allow_log("the body is longer than its Content-Length: cut there")
    assert server.ask(get("/hello")).body == b"Hello, World!"


def test_the_log_has_no_fault_of_a_client_that_goes(serve: Serve) -> None:
    server = serve(CODE, routes(CODE), timeouts=PATIENT, log_level="info")
    client = server.connect()
    client.send(get("/writes_without_end?X-A:b"))
    assert client.receive()
    client.abort()
    server.expect_log("INFO .*writes_without_end: nobody waits for its answer any more")


@everywhere
@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)]
)
def test_what_http_drops_may_be_written(
    server: RunningServer, method: str, status: int
) -> None:
    path = f"/writes_what_is_dropped?{status}_Fine"
    text = raw(server.connect(), get(path, "Connection: close", method=method))
    assert text.startswith(f"HTTP/1.1 {status} Fine".encode())
    assert text.endswith(b"\r\n\r\n")
    assert counted(server, "finished") == 1


@everywhere
def test_another_thread_must_not_write(server: RunningServer) -> None:
    with server.connect() as client:
        assert client.ask(get("/writes_elsewhere")).body == ELSEWHERE.encode()
        body = client.ask(get("/writes_elsewhere_in_a_generator")).body
        assert body == b"0 1 2 3 " + ELSEWHERE.encode()
        assert client.ask(get("/hello")).body == b"Hello, World!"


@everywhere
def test_nobody_writes_between_the_steps_of_a_generator(server: RunningServer) -> None:
    with server.connect() as client:
        client.send(get("/keeps_write"))
        wait_until(lambda: server.inside("'write' in main.kept"))
        told = server.ask(get("/uses_what_is_kept")).body.decode()
        assert told == f"{ELSEWHERE}; {ELSEWHERE}"
        assert client.response().body == b"begun and done"
    server.inside("main.kept.clear()")


@pytest.mark.parametrize("run", ["auto", "thread"])
@pytest.mark.parametrize("words", ["", "whole", "one two"])
def test_close_can_begin_and_write_nothing_more(
    serve: Serve, run: str, words: str
) -> None:
    code = """
class Body(list):
    def __init__(self, items, start_response):
        super().__init__(items)
        self.start_response = start_response

    def close(self):
        for use in (
            lambda: self.write(b"late"),
            lambda: self.start_response("200 OK", []),
        ):
            try:
                use()
            except RuntimeError as error:
                closed.append(str(error))

closed = []

def app(environ, start_response):
    body = Body(environ["QUERY_STRING"].encode().split(b"+"), start_response)
    body.write = start_response("200 OK", [])
    return body
"""
    server = serve(code, {"/": {"wsgi": "main:app", "run": run}})
    with server.connect() as client:
        for _ in range(2):
            body = client.ask(get("/?" + words.replace(" ", "+"))).body
            assert body == words.replace(" ", "").encode()
    assert server.inside("main.closed") == 2 * [
        "write() belongs to a request that is over",
        "start_response was called when the request was over",
    ]


def test_a_loop_that_is_never_handed_on_takes_what_is_written(serve: Serve) -> None:
    server = serve(CODE, routes(CODE), handoff_after=0, timeouts=PATIENT)
    client = server.connect()
    client.send(get("/writes_much?30"))
    assert client.response().body == bytes(3_000_000)


def test_more_slow_readers_than_threads_stop_nobody(serve: Serve) -> None:
    """No thread is left to take the loop over, so what is written waits in memory."""
    writers = {f"/writes/{name}": {"wsgi": "main:writes_much"} for name in "abcdef"}
    server = serve(
        CODE, {**routes(CODE), **writers}, handler_threads=1, timeouts=PATIENT
    )
    clients = []
    for path in writers:
        clients.append(server.connect(small_window=True))
        clients[-1].send(get(f"{path}?30"))
        assert clients[-1].receive()
    assert server.ask(get("/hello")).body == b"Hello, World!"
    for client in clients:
        Client.abort(client)
    server.wait_until_quiet()


def test_what_is_written_little_by_little_holds_up_nobody(serve: Serve) -> None:
    """It is in the core all the time, and blocks its loop all the same."""
    code = """
import threading
import time

go = threading.Event()
inside = threading.Semaphore(0)

def writes_on(environ, start_response):
    write = start_response("200 OK", [])
    write(b"begun")
    inside.release()
    while not go.is_set():
        write(b"x")
        time.sleep(0.0005)
    return []

def waits(environ, start_response):
    start_response("200 OK", [])
    inside.release()
    while not go.is_set():
        time.sleep(0.0005)
        yield b""
    yield b"done"

def release(environ, start_response):
    go.set()
    start_response("200 OK", [])
    return [b"released"]
"""
    server = serve(code, routes(code))
    with server.connect() as writer, server.connect() as waiter:
        writer.send(get("/writes_on"))
        assert server.inside("main.inside.acquire(timeout=60)")
        waiter.send(get("/waits"))
        assert server.inside("main.inside.acquire(timeout=60)")
        assert server.ask(get("/release")).body == b"released"
        assert waiter.response().body == b"done"
        assert writer.response().body.startswith(b"begun")


def counted(server: RunningServer, name: str) -> int:
    return int(server.inside(f"main.counts[{name!r}]"))


def _is_calm(server: RunningServer) -> bool:
    """No more is written, as far as one can tell."""
    seen = [counted(server, "written") for _ in range(20)]
    return seen[0] > 0 and len(set(seen)) == 1
