"""PEP 3333, "Specification Details" and "Buffering and Streaming": what an application
returns, how long it is, and that it is closed."""

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
    wait_until,
)

from .applications import PATIENT, everywhere, routes

CODE = """
import gc
import sys
import threading
from collections import Counter

counts = Counter()
gates = {}

def gate(name):
    return gates.setdefault(name, threading.Event())

def start(start_response, *headers, status="200 OK"):
    return start_response(status, [("Content-Type", "text/plain"), *headers])

class Body:
    '''Counts how often it was closed.'''

    def __init__(self, items, name="closed"):
        self.items = iter(items)
        self.name = name

    def __iter__(self):
        counts["iterated"] += 1
        return self

    def __next__(self):
        item = next(self.items)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self):
        counts[self.name] += 1

class Sized(Body):
    def __init__(self, items, length):
        super().__init__(items)
        self.length = length

    def __len__(self):
        if isinstance(self.length, Exception):
            raise self.length
        return self.length

def hello(environ, start_response):
    start(start_response)
    return [b"Hello, World!"]

BODIES = {
    "empty_list": lambda: [],
    "list_of_one": lambda: [b"one"],
    "list_of_one_empty": lambda: [b""],
    "list_of_three": lambda: [b"a", b"", b"bc"],
    "tuple": lambda: (b"tu", b"ple"),
    "large_list": lambda: [b"x" * 200_000, b"y" * 200_000],
    "large_item": lambda: [b"x" * 1_000_000],
    "set": lambda: {b"set"},
    "list_subclass": lambda: type("L", (list,), {})([b"sub", b"class"]),
    "bytes_subclass": lambda: [type("B", (bytes,), {})(b"bytes")],
    "generator": lambda: (b"%d " % at for at in range(5)),
    "empty_generator": lambda: iter(()),
    "generator_of_empty": lambda: iter([b"", b"", b""]),
    "empty_first": lambda: iter([b"", b"", b"x", b"", b"y"]),
    "sized_one": lambda: Sized([b"one item"], 1),
    "sized_two": lambda: Sized([b"two ", b"items"], 2),
    "sized_wrongly": lambda: Sized([b"one", b"two"], 1),
    "sized_badly": lambda: Sized([b"one"], ValueError()),
    "dict": lambda: {b"key": 1},
    "getitem": lambda: type("G", (), {"__getitem__": lambda _, at: [b"g", b"i"][at]})(),
}

def body(environ, start_response):
    headers = []
    if length := environ["QUERY_STRING"].partition("&")[2]:
        headers.append(("Content-Length", length))
    start(start_response, *headers)
    return BODIES[environ["QUERY_STRING"].partition("&")[0]]()

REFUSED = {
    "str": lambda: "text",
    "bytes": lambda: b"bytes",
    "list_of_str": lambda: ["text"],
    "list_of_int": lambda: [1],
    "list_of_none": lambda: [None],
    "list_of_bytearray": lambda: [bytearray(b"x")],
    "none": lambda: None,
    "number": lambda: 1,
    "object": lambda: object(),
    "no_iterator": lambda: type("I", (), {"__iter__": lambda self: 1})(),
    "raises_in_iter": lambda: type("I", (), {"__iter__": lambda self: 1 / 0})(),
}

def refused(environ, start_response):
    start(start_response)
    return REFUSED[environ["QUERY_STRING"]]()

def refused_later(environ, start_response):
    start(start_response)
    return Body([b"first", "text", b"last"])

def raises(environ, start_response):
    start(start_response)
    at = int(environ["QUERY_STRING"])
    items = [b"0", b"1", b"2"]
    items.insert(at, LookupError(f"at item {at}"))
    return Body(items)

def closes(environ, start_response):
    start(start_response, status=environ["QUERY_STRING"].replace("_", " "))
    return Body([b"a", b"b"])

def closes_badly(environ, start_response):
    start(start_response)
    body = Body([b"a", b"b"])
    body.close = lambda: 1 / 0
    return body

def numbered(environ, start_response):
    start(start_response)
    pieces, times = map(int, environ["QUERY_STRING"].split("x"))

    def body():
        try:
            for at in range(pieces):
                counts["made"] += 1
                yield b"%07d " % at * times
        finally:
            counts["finally"] += 1
    return body()

def endless(environ, start_response):
    start(start_response)

    def body():
        try:
            while True:
                counts["made"] += 1
                yield bytes(int(environ["QUERY_STRING"]))
        finally:
            counts["finally"] += 1
    return body()

def gated(environ, start_response):
    start(start_response)
    def body():
        yield b"first"
        gate(environ["QUERY_STRING"]).wait(30)
        yield b"second"
    return body()

def empties(environ, start_response):
    start(start_response)
    def body():
        try:
            while not gate("empties").is_set():
                counts["made"] += 1
                yield b""
        finally:
            counts["finally"] += 1
    return body()

def class_based(environ, start_response):
    return ClassBased(environ, start_response)

class ClassBased:
    def __init__(self, environ, start_response):
        self.start = start_response

    def __iter__(self):
        start(self.start, ("X-A", "b"))
        yield b"made by "
        yield b"a class"

def context(environ, start_response):
    import contextvars
    variable = globals().setdefault("variable", contextvars.ContextVar("variable"))
    before = variable.get("nothing")
    variable.set(environ["QUERY_STRING"])
    start(start_response)
    def body():
        yield before.encode()
        for _ in range(100):
            yield b"x" * 20_000
        yield variable.get().encode()
    return body()
"""
MIB = 1 << 20


@pytest.fixture(scope="module")
def servers_by_run(serve_module: Serve) -> dict[str, RunningServer]:
    return {
        run: serve_module(CODE, routes(CODE, run=run), timeouts=PATIENT)
        for run in ["auto", "thread"]
    }


def counted(server: RunningServer, name: str) -> int:
    return int(server.inside(f"main.counts[{name!r}]"))


def await_count(server: RunningServer, name: str, count: int) -> None:
    wait_until(lambda: counted(server, name) == count, f"{name} == {count}")


def raw(client: Client, *requests: bytes) -> bytes:
    """Everything that comes until the server closes, or cuts."""
    client.send(*requests)
    with suppress(ConnectionResetError):
        while client.receive():
            pass
    return client.unread


# ---- what is sent ----


@everywhere
@pytest.mark.parametrize(
    ("name", "body", "has_length"),
    [
        ("empty_list", b"", True),
        ("list_of_one", b"one", True),
        ("list_of_one_empty", b"", True),
        ("list_of_three", b"abc", True),
        ("tuple", b"tuple", True),
        ("large_list", b"x" * 200_000 + b"y" * 200_000, True),
        ("large_item", b"x" * 1_000_000, True),
        ("set", b"set", True),
        ("list_subclass", b"subclass", False),
        ("bytes_subclass", b"bytes", True),
        ("generator", b"0 1 2 3 4 ", False),
        ("empty_generator", b"", True),
        ("generator_of_empty", b"", True),
        ("empty_first", b"xy", False),
        ("sized_one", b"one item", True),
        ("sized_two", b"two items", False),
        ("sized_badly", b"one", False),
        ("dict", b"key", True),
        ("getitem", b"gi", False),
    ],
)
def test_an_iterable_is_sent_with_its_length_if_that_is_known(
    server: RunningServer, name: str, body: bytes, has_length: bool
) -> None:
    with server.connect() as client:
        for _ in range(2):
            answer = client.ask(get(f"/body?{name}"))
            assert (answer.status, answer.body) == (200, body)
            assert ("Content-Length" in answer) is has_length
            assert client.ask(get("/hello")).body == b"Hello, World!"


@everywhere
def test_each_item_is_a_chunk_and_the_end_is_told(server: RunningServer) -> None:
    text = raw(server.connect(), get("/body?empty_first", "Connection: close"))
    assert text.endswith(b"\r\n\r\n1\r\nx\r\n1\r\ny\r\n0\r\n\r\n")


@everywhere
def test_http_1_0_gets_the_bare_body_and_the_end_of_the_connection(
    server: RunningServer,
) -> None:
    request = get("/body?generator", "Connection: keep-alive", version="1.0")
    head, body = raw(server.connect(), request).split(b"\r\n\r\n", 1)
    assert body == b"0 1 2 3 4 "
    assert b"Connection: close" in head
    assert b"Transfer-Encoding" not in head


@everywhere
def test_an_application_may_be_a_class(server: RunningServer) -> None:
    answer = server.ask(get("/class_based"))
    assert (answer.body, answer["X-A"]) == (b"made by a class", "b")


@everywhere
def test_an_item_leaves_before_the_next_one_is_made(server: RunningServer) -> None:
    client = server.connect()
    client.send(get("/gated?leaves"))
    while b"first" not in client.unread:
        assert client.receive()
    assert server.ask(get("/hello")).body == b"Hello, World!"
    assert b"second" not in client.unread
    server.inside("main.gate('leaves').set()")
    assert client.response().body == b"firstsecond"


@everywhere
def test_many_and_large_items_arrive_whole_and_in_order(server: RunningServer) -> None:
    expected = b"".join(b"%07d " % at for at in range(5_000))
    assert server.ask(get("/numbered?5000x1")).body == expected
    expected = b"".join(b"%07d " % at * 10_000 for at in range(100))
    assert server.ask(get("/numbered?100x10000")).body == expected


@everywhere
def test_context_variables_are_those_of_the_request(server: RunningServer) -> None:
    with server.connect() as client:
        for value in [b"one", b"two"]:
            body = client.ask(get(f"/context?{value.decode()}")).body
            assert body == b"nothing" + b"x" * 2_000_000 + value


# ---- lengths that disagree ----


@everywhere
@pytest.mark.parametrize(
    "name", ["list_of_three", "list_of_one", "generator", "empty_first", "large_list"]
)
def test_what_is_longer_than_its_content_length_is_cut_there(
    server: RunningServer, name: str
) -> None:
    with server.connect() as client:
        for length in (1, 0):
            answer = client.ask(get(f"/body?{name}&{length}"))
            assert answer["Content-Length"] == str(length)
            assert len(answer.body) == length
            assert client.ask(get("/hello")).body == b"Hello, World!"
    server.expect_log("the body is longer than its Content-Length: cut there")


@everywhere
def test_a_sized_iterable_that_has_more_is_cut_too(server: RunningServer) -> None:
    assert server.ask(get("/body?sized_wrongly")).body == b"one"
    server.expect_log("the body is longer than its Content-Length: cut there")


@everywhere
@pytest.mark.parametrize("name", ["list_of_one", "generator", "empty_list", "tuple"])
def test_what_is_shorter_than_its_content_length_cuts_the_connection(
    server: RunningServer, name: str
) -> None:
    text = raw(server.connect(), get(f"/body?{name}&100") + get("/hello"))
    assert b"Content-Length: 100\r\n" in text
    assert text.count(b"HTTP/1.1") == 1
    server.expect_log("the body is shorter than announced: the connection is cut")


@everywhere
@pytest.mark.parametrize(("name", "length"), [("generator", 10), ("list_of_three", 3)])
def test_a_content_length_that_agrees_is_used(
    server: RunningServer, name: str, length: int
) -> None:
    answer = server.ask(get(f"/body?{name}&{length}"))
    assert (answer["Content-Length"], len(answer.body)) == (str(length), length)


# ---- answers without a body ----


@everywhere
def test_head_has_the_head_and_no_body(server: RunningServer) -> None:
    client = server.connect()
    for query, lines in [
        ("list_of_one", b"Content-Length: 3"),
        ("empty_list&13", b"Content-Length: 13"),
        ("generator&10", b"Content-Length: 10"),
        ("large_list", b"Content-Length: 400000"),
        ("generator", b"Content-Type: text/plain"),
    ]:
        client.send(get(f"/body?{query}", method="HEAD"), get("/hello"))
        while b"\r\n\r\n" not in client.unread:
            assert client.receive()
        head, _, client.unread = client.unread.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert lines in head
        assert client.response().body == b"Hello, World!"


@everywhere
@pytest.mark.parametrize("status", ["204_No_Content", "304_Not_Modified"])
def test_204_and_304_have_no_body(server: RunningServer, status: str) -> None:
    with server.connect() as client:
        for count in (1, 2):
            answer = client.ask(get(f"/closes?{status}"))
            assert (answer.status, answer.body) == (int(status[:3]), b"")
            assert client.ask(get("/hello")).body == b"Hello, World!"
            await_count(server, "closed", count)


# ---- what is no body ----


@everywhere
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("str", "an item of type str: the body has to be bytes"),
        ("bytes", "an item of type int: the body has to be bytes"),
        ("list_of_str", "an item of type str"),
        ("list_of_int", "an item of type int"),
        ("list_of_none", "an item of type NoneType"),
        ("list_of_bytearray", "an item of type bytearray"),
        ("none", "'NoneType' object is not iterable"),
        ("number", "'int' object is not iterable"),
        ("object", "'object' object is not iterable"),
        ("no_iterator", "returned non-iterator"),
        ("raises_in_iter", "ZeroDivisionError"),
    ],
)
def test_what_is_no_body_is_an_error(
    server: RunningServer, name: str, message: str
) -> None:
    with server.connect() as client:
        answer = client.ask(get(f"/refused?{name}"))
        assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
        assert client.ask(get("/hello")).body == b"Hello, World!"
    server.expect_log(f"main:refused returned what cannot be answered:.*{message}")


@everywhere
def test_a_later_item_that_is_no_bytes_cuts_the_connection(
    server: RunningServer,
) -> None:
    assert raw(server.connect(), get("/refused_later")).endswith(b"5\r\nfirst\r\n")
    server.expect_log(
        "main:refused_later cannot go on with its body: TypeError: an item of type str"
    )
    await_count(server, "closed", 1)


@everywhere
@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_a_generator_that_raises_gets_a_500_or_a_cut_and_is_closed(
    server: RunningServer, at: int
) -> None:
    client = server.connect()
    if at == 0:
        assert client.ask(get("/raises?0")).status == 500
        server.expect_log("main:raises raised:\n.*Traceback.*LookupError: at item 0")
    else:
        text = raw(client, get(f"/raises?{at}") + get("/hello"))
        assert text.count(b"HTTP/1.1") == 1
        assert text.endswith(b"1\r\n%d\r\n" % (at - 1))
        server.expect_log(
            f"main:raises raised in the middle of its body:.*at item {at}"
        )
    await_count(server, "closed", 1)
    assert server.ask(get("/hello")).body == b"Hello, World!"


# ---- close() ----


@everywhere
@pytest.mark.parametrize(
    "request_", [get("/closes?200_OK"), get("/closes?200_OK", method="HEAD")]
)
def test_a_body_is_closed_once(server: RunningServer, request_: bytes) -> None:
    raw(
        server.connect(),
        request_.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
    )
    await_count(server, "closed", 1)
    assert counted(server, "iterated") == 1


@everywhere
def test_a_close_that_raises_is_logged_when_the_answer_has_left(
    server: RunningServer,
) -> None:
    assert server.ask(get("/closes_badly")).body == b"ab"
    server.expect_log(
        "main:closes_badly raised while its body was closed:.*ZeroDivisionError"
    )


@everywhere
def test_a_client_that_goes_ends_and_closes_the_body(server: RunningServer) -> None:
    for count, leave in enumerate([Client.close, Client.abort] * 2, 1):
        client = server.connect(small_window=True)
        client.send(get("/endless?1000"))
        assert client.receive()
        leave(client)
        await_count(server, "finally", count)
    assert server.ask(get("/hello")).body == b"Hello, World!"


@everywhere
def test_empty_items_without_end_do_not_stop_the_server(server: RunningServer) -> None:
    client = server.connect()
    client.send(get("/empties"))
    wait_until(lambda: counted(server, "made") > 0)
    assert server.ask(get("/hello")).body == b"Hello, World!"
    server.inside("main.gate('empties').set()")
    assert client.response().body == b""
    await_count(server, "finally", 1)
    server.inside("main.gate('empties').clear()")


# ---- readers that stop ----


def wait_until_calm(server: RunningServer) -> None:
    """Until no more items are made, as far as one can tell."""
    seen: list[int] = []

    def is_calm() -> bool:
        seen.append(counted(server, "made"))
        return seen[-1] > 0 and seen[-20:] == [seen[-1]] * 20

    wait_until(is_calm)


@measures_memory
@everywhere
@pytest.mark.parametrize("size", [100, 100_000])
def test_a_reader_that_stops_makes_the_generator_pause(
    server: RunningServer, size: int
) -> None:
    before = server.resident_bytes()
    client = server.connect(small_window=True)
    client.send(get(f"/endless?{size}"))
    wait_until_calm(server)
    assert server.resident_bytes() - before < 4 * MIB
    wait_until(partial(_has_no_busy_thread, server))
    paused_at = counted(server, "made")
    assert server.ask(get("/hello")).body == b"Hello, World!"
    for _ in range(100):
        client.receive()
    wait_until(lambda: counted(server, "made") > paused_at)
    assert counted(server, "finally") == 0
    client.close()
    await_count(server, "finally", 1)


def _has_no_busy_thread(server: RunningServer) -> bool:
    return bool(server.counter("threads_busy") == 0)


@everywhere
def test_a_stop_at_once_closes_the_body(serve: Serve, run: str) -> None:
    code = """
    class Body:
        def __iter__(self):
            return self

        def __next__(self):
            return bytes(1000)

        def close(self):
            print("closed", flush=True)

    def endless(environ, start_response):
        start_response("200 OK", [])
        return Body()
    """
    keys: dict[str, Any] = {"wsgi": "main:endless", "run": run}
    server = serve(code, {"/": keys}, timeouts={**PATIENT, "stop": 0.3})
    client = server.connect(small_window=True)
    client.send(get("/"))
    assert client.receive()
    server.signal(signal.SIGTERM)
    server.allow_log("stopping at once", "have been cut off")
    server.check_end()
    assert server.printed[-1] == "closed"


@everywhere
def test_head_tells_no_length_of_a_body_that_was_left_out(
    server: RunningServer,
) -> None:
    """An empty body for HEAD says nothing of GET's (RFC 9110, 8.6)."""
    client = server.connect()
    client.send(get("/body?empty_list", method="HEAD"), get("/hello"))
    while b"\r\n\r\n" not in client.unread:
        assert client.receive()
    head, _, client.unread = client.unread.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length" not in head
    assert client.response().body == b"Hello, World!"
