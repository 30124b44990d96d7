"""What has gone wrong in other WSGI servers, each found by its users first."""

import socket

import pytest

from tests.kit import (
    RunningServer,
    Serve,
    get,
    measures_memory,
    post,
    wait_until,
)

from .applications import PATIENT, routes
from .test_bodies import raw

CODE = """
import os
import socket
from collections import Counter

counts = Counter()

def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, World!"]

def path(environ, start_response):
    start_response("200 OK", [])
    return [environ["PATH_INFO"].encode("latin-1")]

def raises_in_next(environ, start_response):
    start_response("200 OK", [])

    class Body:
        at = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.at += 1
            if self.at > int(environ["QUERY_STRING"]):
                raise ArithmeticError("in __next__")
            return b"x" * 20_000

        def close(self):
            counts["closed"] += 1

    return Body()

def bad_header(environ, start_response):
    start_response("200 OK", [("X-A", "a\\r\\nX-B: b"), ("X-C", "\\u20ac")])
    return [b"never"]

def endless(environ, start_response):
    start_response("200 OK", [])
    while True:
        counts["made"] += 1
        yield bytes(100_000)

def upload(environ, start_response):
    length = 0
    while block := environ["wsgi.input"].read(65_536):
        length += len(block)
    start_response("200 OK", [])
    return [b"%d" % length]

def pieces(environ, start_response):
    start_response("200 OK", [])
    return (b"%d\\n" % at for at in range(3))

def identity(environ, start_response):
    start_response("200 OK", [])
    names = [name for name in environ if "USER" in name or "REMOTE" in name]
    return [repr(sorted((name, environ[name]) for name in names)).encode()]

def has_nodelay(port):
    '''Whether the connection from that port sends at once what is written.'''
    for name in os.listdir("/proc/self/fd"):
        try:
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            connection = socket.fromfd(int(name), socket.AF_INET, socket.SOCK_STREAM)
        except OSError:
            continue
        with connection:
            try:
                if connection.getpeername()[1] == port:
                    option = (socket.IPPROTO_TCP, socket.TCP_NODELAY)
                    return connection.getsockopt(*option) != 0
            except (OSError, IndexError):
                pass
    raise LookupError(port)
"""
MIB = 1 << 20


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> RunningServer:
    return serve_module(CODE, routes(CODE), timeouts=PATIENT, limits={"body": 0})


def test_a_malformed_url_frees_nothing_twice(server: RunningServer) -> None:
    """fastwsgi #1: a double free on a URL that it could not parse."""
    targets = [
        b"//",
        b"/%",
        b"/%zz",
        b"/\xff",
        b"?",
        b"http://",
        b"/path/%00",
        b"/../..",
    ]
    for _ in range(3):
        for target in targets:
            client = server.connect()
            text = raw(client, b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
            assert text.startswith(b"HTTP/1.1 ")
        assert server.ask(get("/path/%C3%A4")).body == "/ä".encode()


@pytest.mark.parametrize("at", [0, 1, 3, 40])
def test_an_exception_inside_an_iterator_ends_only_its_answer(
    server: RunningServer, at: int
) -> None:
    """fastwsgi #31: an exception in __next__ crashed the process."""
    server.inside("main.counts.clear()")
    request = get(f"/raises_in_next?{at}", "Connection: close")
    text = raw(server.connect(), request)
    assert text.startswith(b"HTTP/1.1 500" if at == 0 else b"HTTP/1.1 200")
    server.expect_log("raises_in_next raised.*ArithmeticError: in __next__")
    wait_until(lambda: server.inside("main.counts['closed']") == 1)
    assert server.ask(get("/hello")).body == b"Hello, World!"


def test_a_bad_header_value_is_an_error_of_its_request(server: RunningServer) -> None:
    """granian #719: one bad header value killed the worker. uvicorn CVE-2020-7695: one
    with a line end began another header."""
    with server.connect() as client:
        for _ in range(3):
            answer = client.ask(get("/bad_header"))
            assert (answer.status, "X-B" in answer) == (500, False)
            assert client.ask(get("/hello")).body == b"Hello, World!"
    server.expect_log("bad_header raised:.*ValueError: header 'X-A'")


@measures_memory
def test_streams_to_readers_that_stop_do_not_fill_memory(server: RunningServer) -> None:
    """granian #885: a stream to a slow reader grew without a bound."""
    server.inside("main.counts.clear()")
    before = server.resident_bytes()
    clients = [server.connect(small_window=True) for _ in range(10)]
    for client in clients:
        client.send(get("/endless"))
        assert client.receive()
    wait_until(lambda: _stands_still(server))
    assert server.resident_bytes() - before < 16 * MIB
    assert server.ask(get("/hello")).body == b"Hello, World!"
    for client in clients:
        client.abort()


def _stands_still(server: RunningServer) -> bool:
    seen = [server.inside("main.counts['made']") for _ in range(20)]
    return len(set(seen)) == 1


@measures_memory
def test_uploads_at_once_do_not_fill_memory(server: RunningServer) -> None:
    """FastPySGI: 256 uploads of 20 MB at once needed 4 to 5 GiB of memory."""
    assert server.ask(post("/upload", bytes(1000))).body == b"1000"
    before = server.resident_bytes()
    clients = [server.connect() for _ in range(20)]
    head = get("/upload", f"Content-Length: {5 * MIB}", method="POST")
    for client in clients:
        client.send(head)
    for _ in range(5):
        for client in clients:
            client.send(bytes(MIB))
    assert {client.response().body for client in clients} == {b"%d" % (5 * MIB)}
    assert server.resident_bytes() - before < 32 * MIB


def test_what_is_written_leaves_at_once(server: RunningServer) -> None:
    """bjoern: without TCP_NODELAY an answer in two writes waited 41 ms for the client's
    acknowledgement."""
    client = server.connect()
    assert client.ask(get("/pieces")).body == b"0\n1\n2\n"
    port = client.socket.getsockname()[1]
    assert server.inside(f"main.has_nodelay({port})") is True
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
    assert client.ask(get("/hello")).body == b"Hello, World!"


def test_an_underscore_does_not_pass_for_a_hyphen(server: RunningServer) -> None:
    """bjoern CVE-2015-0219: X_Remote_User from a client passed for the X-Remote-User
    of its proxy."""
    fields = ["X_Remote_User: mallory", "X-Remote-User: alice", "Remote_User: mallory"]
    text = server.ask(get("/identity", *fields)).body.decode()
    assert "('HTTP_X_REMOTE_USER', 'alice')" in text
    assert "mallory" not in text
    names = f"{'a' * 60}_user: mallory"
    assert b"mallory" not in server.ask(get("/identity", names)).body


def test_a_request_inside_a_body_is_no_request(server: RunningServer) -> None:
    """gunicorn CVE-2024-1135, waitress CVE-2022-24761, uWSGI #2775: a length and a
    coding that contradict each other let a request hide in a body."""
    hidden = get("/hello")
    for fields in (
        ["Content-Length: 4", "Transfer-Encoding: chunked"],
        [f"Content-Length: +{len(hidden)}"],
        ["Content-Length: 0", f"Content-Length: {len(hidden)}"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding: xchunked"],
    ):
        text = raw(server.connect(), get("/upload", *fields, method="POST") + hidden)
        assert text.split(b" ", 2)[1] in (b"400", b"501"), fields
        assert text.count(b"HTTP/1.1") == 1
        assert b"Hello" not in text
