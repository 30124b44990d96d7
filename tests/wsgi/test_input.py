"""PEP 3333, "Input and Error Streams": wsgi.input, whole and while it arrives."""

import hashlib
import json
from typing import Any

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

from .applications import routes

CODE = """
import ast
import hashlib
import json
import threading
import urllib.parse
from collections import Counter

counts = Counter()
kept = []

def answer(start_response, value):
    body = json.dumps(value).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]

def text(value):
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return [text(item) for item in value] if isinstance(value, list) else value

def calls(environ, start_response):
    '''A list of calls, by name and arguments, and what each gave.'''
    given = ast.literal_eval(urllib.parse.unquote(environ["QUERY_STRING"]))
    stream = environ["wsgi.input"]
    results = []
    for name, *arguments in given:
        function = list if name == "list" else getattr(stream, name)
        arguments = [stream] if name == "list" else arguments
        try:
            results.append(text(function(*arguments)))
        except Exception as error:
            results.append(f"{type(error).__name__}: {error}")
    return answer(start_response, results)

def digest(environ, start_response):
    digest, length = hashlib.sha256(), 0
    size = int(environ["QUERY_STRING"] or 65536)
    while block := environ["wsgi.input"].read(size):
        digest.update(block)
        length += len(block)
        counts["read"] += len(block)
    return answer(start_response, [length, digest.hexdigest()])

def lines(environ, start_response):
    return answer(start_response, [len(line) for line in environ["wsgi.input"]])

def ignores(environ, start_response):
    return answer(start_response, "ignored")

def arrives(environ, start_response):
    '''Says what has come, and reads on.'''
    stream = environ["wsgi.input"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    for size in (3, 3):
        yield stream.read(size)

def leaves(environ, start_response):
    counts["inside"] += 1
    try:
        environ["wsgi.input"].read()
    except ConnectionError as error:
        counts[type(error).__name__] += 1
        raise
    counts["whole"] += 1
    return answer(start_response, "whole")

def keeps(environ, start_response):
    stream = environ["wsgi.input"]
    before = stream.read(2)
    kept.append(stream)
    return answer(start_response, text(before))

def late(environ, start_response):
    try:
        return answer(start_response, text(kept[-1].read()))
    except RuntimeError as error:
        return answer(start_response, str(error))

def beside(environ, start_response):
    '''Another thread reads when the application returns.'''
    outcome = []

    def read():
        try:
            outcome.append(len(environ["wsgi.input"].read()))
        except Exception as error:
            outcome.append(type(error).__name__)

    thread = threading.Thread(target=read)
    thread.start()
    kept.append((thread, outcome))
    return answer(start_response, "returned")
"""
PATIENT = {"send": 600, "idle": 600, "body": 600, "head": 600}
MIB = 1 << 20

everywhere = pytest.mark.parametrize("body", ["whole", "stream"])


@pytest.fixture(scope="module")
def servers_by_body(serve_module: Serve) -> dict[str, RunningServer]:
    settings: dict[str, Any] = {
        "timeouts": PATIENT,
        "limits": {"body": 0, "body_memory": 65_536, "body_rate": 0},
    }
    ways: dict[str, dict[str, str]] = {
        "default": {},
        "whole": {"body": "whole"},
        "stream": {"body": "stream"},
    }
    return {
        way: serve_module(CODE, routes(CODE, **keys), **settings)
        for way, keys in ways.items()
    }


@pytest.fixture
def server(servers_by_body: dict[str, RunningServer], body: str) -> RunningServer:
    server = servers_by_body[body]
    server.inside("main.counts.clear()")
    return server


def result(answer: Any) -> Any:
    assert answer.status == 200, answer
    return json.loads(answer.body)


def calls_path(*calls: Any) -> str:
    return "/calls?" + "".join(f"%{byte:02x}" for byte in repr(calls).encode())


def in_two(client: Client, request: bytes, at: int) -> Any:
    """The second part is sent when the first one has surely been received."""
    client.send(request[:at])
    client.send(request[at:])
    return client.response()


def counted(server: RunningServer, name: str) -> int:
    return int(server.inside(f"main.counts[{name!r}]"))


TEXT = b"first\nsecond line\n\nlast"


@everywhere
@pytest.mark.parametrize("arrives", ["at once", "later", "in chunks"])
@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([("read",)], [TEXT.decode()]),
        ([("read", -1)], [TEXT.decode()]),
        ([("read", None)], [TEXT.decode()]),
        ([("read", 1000)], [TEXT.decode()]),
        ([("read",), ("read",), ("read", 5)], [TEXT.decode(), "", ""]),
        ([("read", 3), ("read", 0), ("read",)], ["fir", "", TEXT[3:].decode()]),
        (
            [("readline",)] * 6,
            ["first\n", "second line\n", "\n", "last", "", ""],
        ),
        (
            [("readline", 3), ("readline", 3), ("readline", 0), ("readline", -1)],
            ["fir", "st\n", "", "second line\n"],
        ),
        (
            [("readline",), ("read", 2), ("readline", None), ("read",)],
            ["first\n", "se", "cond line\n", "\nlast"],
        ),
        ([("readlines",)], [["first\n", "second line\n", "\n", "last"]]),
        ([("readlines", 0)], [["first\n", "second line\n", "\n", "last"]]),
        (
            [("readlines", 7), ("readlines", 1), ("readlines", 100)],
            [["first\n", "second line\n"], ["\n"], ["last"]],
        ),
        ([("list",), ("list",)], [["first\n", "second line\n", "\n", "last"], []]),
        ([("__next__",), ("read",)], ["first\n", TEXT[6:].decode()]),
        (
            [("read", "x"), ("read", 1, 2), ("readline", 1.5), ("read", 10**30)],
            [
                "TypeError: 'str' object cannot be interpreted as an integer",
                "TypeError: read() takes one size, or none",
                "TypeError: 'float' object cannot be interpreted as an integer",
                "OverflowError: cannot fit 'int' into an index-sized integer",
            ],
        ),
    ],
)
def test_it_reads_as_a_file(
    server: RunningServer, arrives: str, calls: list[Any], expected: list[Any]
) -> None:
    path = calls_path(*calls)
    with server.connect() as client:
        if arrives == "in chunks":
            answer = client.ask(post_chunked(path, TEXT[:4], TEXT[4:9], TEXT[9:]))
        elif arrives == "later":
            request = post(path, TEXT)
            answer = in_two(client, request, len(request) - 10)
        else:
            answer = client.ask(post(path, TEXT))
        assert result(answer) == expected


@everywhere
@pytest.mark.parametrize(
    "request_",
    [get(calls_path(("read",), ("readline",), ("readlines",), ("list",), ("read", 1)))],
)
def test_a_request_without_a_body_has_an_empty_input(
    server: RunningServer, request_: bytes
) -> None:
    assert result(server.ask(request_)) == ["", "", [], [], ""]


@pytest.mark.parametrize("body", ["default", "whole", "stream"])
@pytest.mark.parametrize("coding", ["length", "chunks"])
@pytest.mark.parametrize("size", ["", "100000", "-1"])
def test_a_large_body_is_read_whole_and_in_order(
    server: RunningServer, coding: str, size: str
) -> None:
    data = b"".join(b"%07d\n" % at for at in range(200_000))
    path = f"/digest?{size}"
    if coding == "length":
        request = post(path, data)
    else:
        request = post_chunked(
            path, *(data[at : at + 9999] for at in range(0, len(data), 9999))
        )
    expected = [len(data), hashlib.sha256(data).hexdigest()]
    with server.connect() as client:
        assert result(client.ask(request)) == expected
        assert result(client.ask(request)) == expected


@pytest.mark.parametrize("body", ["default", "whole", "stream"])
def test_lines_longer_than_what_is_read_ahead_are_whole(server: RunningServer) -> None:
    lengths = [1, 70_000, 65_536, 2, 200_000, 5]
    data = b"".join(b"x" * (length - 1) + b"\n" for length in lengths)
    assert result(server.ask(post("/lines", data))) == lengths


@pytest.mark.parametrize("body", ["default", "whole", "stream"])
def test_what_is_not_read_does_not_become_the_next_request(
    server: RunningServer,
) -> None:
    client = server.connect()
    client.send(post("/ignores", TEXT), get("/ignores"))
    assert [result(answer) for answer in client.responses(2)] == ["ignored"] * 2
    client.send_while_it_lasts([post("/ignores", bytes(300_000)), get("/ignores")])
    assert result(client.response()) == "ignored"


# ---- while it arrives ----


@pytest.mark.parametrize("body", ["stream"])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_what_has_come_is_read_before_the_rest_is_sent(
    server: RunningServer, is_chunked: bool
) -> None:
    client = server.connect()
    if is_chunked:
        head = get("/arrives", "Transfer-Encoding: chunked", method="POST")
        first, second = b"3\r\none\r\n", b"3\r\ntwo\r\n0\r\n\r\n"
    else:
        head = get("/arrives", "Content-Length: 6", method="POST")
        first, second = b"one", b"two"
    client.send(head, first)
    while b"one" not in client.unread:
        assert client.receive()
    client.send(second)
    assert client.response().body == b"onetwo"


@pytest.mark.parametrize("body", ["default"])
def test_a_body_that_says_to_be_large_is_read_as_it_arrives(
    server: RunningServer,
) -> None:
    client = server.connect()
    client.send(get("/arrives", "Content-Length: 100000", method="POST"), b"one")
    while b"one" not in client.unread:
        assert client.receive()
    client.send_while_it_lasts([b"two" + bytes(100_000 - 6)])
    while b"two" not in client.unread:
        assert client.receive()


@pytest.mark.parametrize("body", ["default", "stream"])
def test_100_continue_is_sent_when_the_body_is_wanted(server: RunningServer) -> None:
    client = server.connect()
    fields = ["Content-Length: 100000", "Expect: 100-continue"]
    client.send(get("/digest", *fields, method="POST"))
    assert client.any_response().status == 100
    client.send(bytes(100_000))
    assert result(client.response())[0] == 100_000
    client.send(get("/ignores", *fields, method="POST"))
    assert client.any_response().status == 200


@pytest.mark.parametrize("body", ["stream"])
def test_a_client_that_goes_while_it_is_read_raises_client_disconnected(
    server: RunningServer,
) -> None:
    client = server.connect()
    client.send(post("/leaves", bytes(100_000))[:50_000])
    wait_until(lambda: counted(server, "inside") == 1)
    client.abort()
    wait_until(lambda: counted(server, "ClientDisconnected") == 1)


# ---- when the request is over ----


@everywhere
def test_an_input_that_was_kept_cannot_be_read_any_more(server: RunningServer) -> None:
    with server.connect() as client:
        assert result(client.ask(post("/keeps", TEXT))) == "fi"
        told = result(client.ask(get("/late")))
        assert told.startswith("this request's handler has returned")


@pytest.mark.parametrize("body", ["stream"])
def test_a_thread_that_reads_when_the_application_returns_is_stopped(
    server: RunningServer,
) -> None:
    client = server.connect()
    request = post("/beside", bytes(100_000))
    client.send(request[:50_000])
    client.send_while_it_lasts([request[50_000:]])
    assert result(client.response()) == "returned"
    wait_until(lambda: server.inside("not main.kept[-1][0].is_alive()"))
    assert server.inside("main.kept[-1][1][0] in (100000, 'RuntimeError')")


@measures_memory
@pytest.mark.parametrize("body", ["default", "whole", "stream"])
def test_a_large_upload_needs_little_memory(server: RunningServer) -> None:
    assert server.ask(post("/digest", bytes(1000))).status == 200
    before = server.resident_bytes()
    client = server.connect()
    block = bytes(MIB)
    client.send(get("/digest", f"Content-Length: {50 * MIB}", method="POST"))
    client.send(*[block] * 50)
    assert result(client.response())[0] == 50 * MIB
    assert server.resident_bytes() - before < 8 * MIB
