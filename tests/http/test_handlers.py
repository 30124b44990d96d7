"""Handlers behind a running server: every attribute of the request and every result.

The server runs in the test's own process (pyrs.testing.serve), so a test sees the
objects its handlers saw. The finer points of each are in tests/unit/test_bridge_*.py.
"""

import gc
import http.client
import json
import re
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

import pyrs
import pyrs.testing

Handler = Callable[[Any], object]


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) < 2
        return values[0] if values else None


class Server:
    def __init__(self, url: str, log: Path) -> None:
        host, _, port = url.removeprefix("http://").rpartition(":")
        self.address = (host, int(port))
        self._log = log

    def ask(
        self,
        target: str = "/",
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        with closing(connection):
            connection.request(method, target, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())

    def send(self, data: bytes) -> bytes:
        """Everything that is answered until the server closes."""
        with socket.create_connection(self.address, timeout=20) as connection:
            connection.sendall(data)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def log(self) -> str:
        """Complete once the server was closed."""
        return self._log.read_text()


@contextmanager
def serving(
    tmp_path: Path, routes: Handler | Mapping[str, Handler], **settings: Any
) -> Iterator[Server]:
    if not isinstance(routes, Mapping):
        routes = {"/*": routes}
    log = tmp_path / "log"
    with pyrs.testing.serve(routes, log=str(log), **settings) as url:
        yield Server(url, log)


def answer_to(tmp_path: Path, value: object, **parts: Any) -> Answer:
    """To a request whose handler returns the value; the log stays empty."""
    with serving(tmp_path, lambda request: value) as server:
        answer = server.ask(**parts)
    assert server.log() == ""
    return answer


# ---- the request ----


def test_every_attribute_of_a_request(tmp_path: Path) -> None:
    kept: list[Any] = []

    def handler(request: Any) -> dict[str, Any]:
        kept.append(request)
        return read(request)

    def read(request: Any) -> dict[str, Any]:
        return {
            "method": request.method,
            "path": request.path,
            "raw_path": request.raw_path,
            "query_string": request.query_string,
            "http_version": request.http_version,
            "query": [list(pair) for pair in request.query.items()],
            "header": request.headers["x-thing"],
            "headers": request.headers.getall("X-Thing"),
            "cookies": request.cookies,
            "params": request.params,
            "body": request.body.decode(),
            "text": request.text,
            "json": request.json(),
            "str": str(request),
            "bytes": bytes(request).decode(),
            "len": len(request),
            "true": bool(request),
            "client": list(request.client),
            "server": list(request.server),
            "scheme": request.scheme,
            "host": request.host,
            "url": request.url,
            "repr": repr(request),
        }

    with serving(tmp_path, {"/users/{id:int}/{name}": handler}) as server:
        with socket.create_connection(server.address) as connection:
            connection.sendall(
                b"POST /users/./7/a%2Fb%C3%A9?x=1&x=&y=2+3 HTTP/1.1\r\n"
                b"Host: example.com\r\nx-Thing: 1\r\nX-THING: caf\xe9\r\n"
                b"Cookie: a=1; b=2\r\nConnection: close\r\n"
                b"Content-Length: 14\r\n\r\n"
                b'{"a": "\xc3\xa9"   }'
            )
            client = connection.getsockname()
            reply = b"".join(iter(lambda: connection.recv(65536), b""))
        seen = json.loads(reply.partition(b"\r\n\r\n")[2])
    target = "/users/./7/a%2Fb%C3%A9"
    body = '{"a": "é"   }'
    assert seen == {
        "method": "POST",
        "path": "/users/7/a/bé",
        "raw_path": target,
        "query_string": "x=1&x=&y=2+3",
        "http_version": "1.1",
        "query": [["x", "1"], ["x", ""], ["y", "2 3"]],
        "header": "1",
        "headers": ["1", "café"],
        "cookies": {"a": "1", "b": "2"},
        "params": {"id": 7, "name": "a/bé"},
        "body": body,
        "text": body,
        "json": {"a": "é"},
        "str": body,
        "bytes": body,
        "len": 14,
        "true": True,
        "client": list(client),
        "server": list(server.address),
        "scheme": "http",
        "host": "example.com",
        "url": f"http://example.com{target}?x=1&x=&y=2+3",
        "repr": f"<pyrs.Request POST {target}?x=1&x=&y=2+3>",
    }
    # The server is gone; the request is not.
    (request,) = kept
    assert json.loads(
        json.dumps({**read(request), "cookies": dict(request.cookies)})
    ) == (seen)


def test_a_request_of_http_1_0_without_a_host(tmp_path: Path) -> None:
    def handler(request: Any) -> list[str]:
        return [request.http_version, request.host, request.url]

    with serving(tmp_path, handler) as server:
        reply = server.send(b"GET /a HTTP/1.0\r\n\r\n")
        host, port = server.address
    assert json.loads(reply.partition(b"\r\n\r\n")[2]) == [
        "1.0",
        "",
        f"http://{host}:{port}/a",
    ]


def test_an_absolute_target_is_split_into_path_and_query(tmp_path: Path) -> None:
    with serving(tmp_path, lambda request: [request.path, request.url]) as server:
        reply = server.send(
            b"GET http://a.example/b?c HTTP/1.1\r\nHost: a.example\r\n"
            b"Connection: close\r\n\r\n"
        )
    seen = json.loads(reply.partition(b"\r\n\r\n")[2])
    assert seen == ["/b", "http://a.example/b?c"]


def test_a_unix_socket_s_addresses(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    server = pyrs.Server()
    server.add_route("/", lambda request: [request.client, request.server])
    server.listen(f"unix:{path}", 0)
    thread = threading.Thread(target=server.run, kwargs={"handle_signals": False})
    thread.start()
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            reply = b"".join(iter(lambda: connection.recv(65536), b""))
    finally:
        server.stop()
        thread.join()
        server.close()
    assert json.loads(reply.partition(b"\r\n\r\n")[2]) == [["", 0], [path, 0]]


def test_a_body_in_chunks_is_whole(tmp_path: Path) -> None:
    with serving(tmp_path, lambda request: request) as server:
        reply = server.send(
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: a/b\r\nConnection: close\r\n\r\n"
            b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
        )
    assert reply.endswith(b"\r\n\r\nhello world")
    assert b"Content-Type: a/b\r\n" in reply


@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 600_000, 3_000_000])
def test_a_body_of_any_size_comes_back(tmp_path: Path, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    handlers: dict[str, Handler] = {
        "/request": lambda request: request,
        "/body": lambda request: request.body,
        "/view": lambda request: memoryview(request.body),
        "/str": lambda request: "x" * len(request),
    }
    with serving(tmp_path, handlers) as server:
        for path in handlers:
            answer = server.ask(path, "POST", body)
            assert answer.status == 200
            assert answer.body == (b"x" * size if path == "/str" else body)


@pytest.mark.parametrize(
    ("media_type", "body", "status"),
    [
        ("text/plain; charset=latin1", b"gr\xf6\xdfe", 200),
        ("text/plain; charset=klingon", b"x", 415),
        ("text/plain", b"\xff", 400),
    ],
)
def test_text_is_by_the_declared_charset(
    tmp_path: Path, media_type: str, body: bytes, status: int
) -> None:
    with serving(tmp_path, lambda request: request.text) as server:
        answer = server.ask("/", "POST", body, {"Content-Type": media_type})
    assert answer.status == status
    assert status != 200 or answer.body.decode() == "größe"
    assert server.log() == ""


class Point(msgspec.Struct):
    x: int


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"x":1}', 200), (b'{"x":"1"}', 422), (b"{", 400), (b"", 400)],
)
def test_json_of_a_type(tmp_path: Path, body: bytes, status: int) -> None:
    with serving(tmp_path, lambda request: request.json(Point)) as server:
        answer = server.ask("/", "POST", body)
    assert answer.status == status
    assert status != 200 or answer.body == body
    assert server.log() == ""


# ---- results ----

HTML = "text/html; charset=utf-8"
BYTES = "application/octet-stream"
JSON = "application/json"


@dataclass
class Size:
    width: int


@pytest.mark.parametrize(
    ("value", "status", "content_type", "body"),
    [
        ("größe", 200, HTML, "größe".encode()),
        ("", 200, HTML, b""),
        ("é" * 500_000, 200, HTML, "é".encode() * 500_000),
        (b"\0\xff", 200, BYTES, b"\0\xff"),
        (bytearray(b"x" * 100_000), 200, BYTES, b"x" * 100_000),
        (memoryview(b"abcdef")[::2], 200, BYTES, b"ace"),
        ({"a": "é"}, 200, JSON, '{"a":"é"}'.encode()),
        ([1, None], 200, JSON, b"[1,null]"),
        (7, 200, JSON, b"7"),
        (1.5, 200, JSON, b"1.5"),
        (Point(1), 200, JSON, b'{"x":1}'),
        (Size(2), 200, JSON, b'{"width":2}'),
        (("made", 201), 201, HTML, b"made"),
        (({"a": 1}, 400), 400, JSON, b'{"a":1}'),
        ((None, 404), 404, None, b""),
        (pyrs.Response("x", 418, content_type="text/x"), 418, "text/x", b"x"),
        (pyrs.Response(content_type=""), 200, None, b""),
    ],
)
def test_a_result_and_its_response(
    tmp_path: Path, value: object, status: int, content_type: str | None, body: bytes
) -> None:
    answer = answer_to(tmp_path, value)
    assert answer.status == status
    assert answer["Content-Type"] == content_type
    assert answer["Content-Length"] == str(len(body))
    assert answer.body == body


def test_none_is_204_without_a_length(tmp_path: Path) -> None:
    answer = answer_to(tmp_path, None)
    assert (answer.status, answer.body) == (204, b"")
    assert answer["Content-Type"] is None
    assert answer["Content-Length"] is None


def test_the_request_echoes_body_and_media_type(tmp_path: Path) -> None:
    with serving(tmp_path, lambda request: request) as server:
        typed = server.ask("/", "POST", b"hello", {"Content-Type": "a/b; c=d"})
        plain = server.ask("/", "POST", b"hello")
    assert (typed.body, typed["Content-Type"]) == (b"hello", "a/b; c=d")
    assert (plain.body, plain["Content-Type"]) == (b"hello", BYTES)


def test_head_has_the_length_and_no_body(tmp_path: Path) -> None:
    results: dict[str, object] = {"/small": "x" * 10, "/large": b"x" * 100_000}

    def returning(value: object) -> Handler:
        return lambda request: value

    handlers = {path: returning(value) for path, value in results.items()}
    with serving(tmp_path, handlers) as server:
        for path, length in (("/small", "10"), ("/large", "100000")):
            answer = server.ask(path, "HEAD")
            assert (answer.status, answer.body) == (200, b"")
            assert answer["Content-Length"] == length


def test_headers_are_sent_as_told(tmp_path: Path) -> None:
    headers = [
        ("X-A", "1"),
        ("X-A", "2"),
        ("X-B", "café"),
        ("content-type", "text/css"),
    ]
    answer = answer_to(tmp_path, ("x", 200, headers))
    sent = [pair for pair in answer.headers if pair[0] in ("X-A", "X-B")]
    assert sent == headers[:3]
    assert answer["Content-Type"] == "text/css"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "1\r\nX-Evil: 2"},
        {"X-A": "1\nX-Evil: 2"},
        {"X-A": "1\r\n\r\n<evil>"},
        {"X-A\r\nX-Evil": "2"},
        {"X-A: 1\r\nX-Evil": "2"},
        {"X-A": "\0"},
        {"": "1"},
        {"X A": "1"},
        {"X-A": "\u20ac\u010d\u010a"},
        {"Content-Type": "text/html\r\nX-Evil: 2"},
        {"Content-Length": "1"},
        {"Transfer-Encoding": "chunked"},
        {"Server": "mine"},
        {"Connection": "close"},
        {"Date": "now"},
        {"X-A": 1},
        [("X-A",)],
        "X-A",
        7,
    ],
)
def test_a_bad_header_is_refused_and_logged(tmp_path: Path, headers: Any) -> None:
    response = pyrs.Response("x")
    response._headers = headers
    handlers: dict[str, Handler] = {
        "/tuple": lambda request: ("x", 200, headers),
        "/response": lambda request: response,
    }
    with serving(tmp_path, handlers) as server:
        for path in handlers:
            reply = server.send(
                b"GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                % path.encode()
            )
            assert reply.startswith(b"HTTP/1.1 500 ")
            assert reply.endswith(b"\r\n\r\nInternal Server Error\n")
            assert b"evil" not in reply.lower()
    assert server.log().count("ERROR") == 2
    assert server.log().count("\n") == 2


@pytest.mark.parametrize("status", [100, 199, 600, 0, -1, "200", None, 200.5, True])
def test_a_status_that_is_none_is_refused(tmp_path: Path, status: Any) -> None:
    with serving(tmp_path, lambda request: ("x", status)) as server:
        assert server.ask().status == 500
    assert "200 to 599" in server.log()


@pytest.mark.parametrize(
    "value", [object(), {1}, ("x",), ((), 200), ValueError("x"), len]
)
def test_another_type_is_a_500_and_the_log_names_handler_and_type(
    tmp_path: Path, value: object
) -> None:
    def my_handler(request: Any) -> object:
        return value

    with serving(tmp_path, my_handler) as server:
        answer = server.ask("/where?q=1")
    assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
    (line,) = server.log().splitlines()
    assert "ERROR" in line
    assert "GET /where?q=1 HTTP/1.1" in line
    assert "my_handler" in line
    assert type(value).__name__ in line


def test_a_coroutine_of_a_plain_handler_is_a_500_that_says_why(tmp_path: Path) -> None:
    async def hello() -> str:
        return "x"

    with serving(tmp_path, lambda request: hello()) as server:
        assert server.ask().status == 500
    assert "from a handler that is no async function" in server.log()


# ---- exceptions ----


def test_an_http_error_is_answered_and_not_logged(tmp_path: Path) -> None:
    def handler(request: Any) -> None:
        raise pyrs.HTTPError(404, "no such user", {"X-A": "b"})

    with serving(tmp_path, handler) as server:
        answer = server.ask()
    assert (answer.status, answer.body) == (404, b"no such user")
    assert answer["X-A"] == "b"
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert server.log() == ""


@pytest.mark.parametrize(
    "exception",
    [
        ValueError,
        SystemExit,
        KeyboardInterrupt,
        RecursionError,
        MemoryError,
        StopIteration,
    ],
)
def test_an_exception_is_a_500_and_the_log_has_its_traceback(
    tmp_path: Path, exception: type[BaseException]
) -> None:
    def my_handler(request: Any) -> None:
        raise exception("secret")

    with serving(tmp_path, my_handler) as server:
        for _ in range(3):  # the server goes on
            answer = server.ask("/where?q=1")
            assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
            assert not any("secret" in value for _, value in answer.headers)
    log = server.log()
    assert log.count("GET /where?q=1 HTTP/1.1") == 3
    assert log.count("Traceback (most recent call last):") == 3
    assert "my_handler raised:" in log
    assert f"{exception.__name__}: secret" in log


def test_what_a_client_sent_cannot_forge_a_record(tmp_path: Path) -> None:
    def handler(request: Any) -> None:
        raise ValueError(request.path)

    with serving(tmp_path, handler) as server:
        server.ask("/a%0A2026-01-01%2000:00:00%20ERROR%20forged%1B[2J")
    lines = server.log().splitlines()
    records = [line for line in lines if re.match(r"\d{4}-", line)]
    assert len(records) == 1
    assert "\x1b" not in server.log()


def test_failures_among_pipelined_requests_keep_their_places(tmp_path: Path) -> None:
    def handler(request: Any) -> object:
        number = int(request.query["n"])
        if number % 3 == 0:
            raise ValueError(number)
        if number % 3 == 1:
            raise pyrs.HTTPError(400, str(number))
        return "x" * 20_000 if number % 2 else str(number)

    requests = b"".join(
        b"GET /?n=%d HTTP/1.1\r\nHost: h\r\n%s\r\n"
        % (number, b"Connection: close\r\n" if number == 59 else b"")
        for number in range(60)
    )
    with serving(tmp_path, handler) as server:
        reply = server.send(requests)
    bodies = re.split(rb"HTTP/1\.1 \d{3} [^\r]*\r\n(?:[^\r]+\r\n)*\r\n", reply)[1:]
    assert [
        b"Internal Server Error\n"
        if number % 3 == 0
        else b"x" * 20_000
        if number % 3 == 2 and number % 2
        else str(number).encode()
        for number in range(60)
    ] == bodies


# ---- kept requests, threads, memory ----


def test_kept_requests_stay_valid_while_others_come(tmp_path: Path) -> None:
    kept: dict[int, Any] = {}

    def handler(request: Any) -> str:
        kept[int(request.query["n"])] = request
        return "x"

    with serving(tmp_path, handler, thread_count=2) as server:

        def ask(first: int) -> None:
            for number in range(first, first + 50):
                server.ask(f"/{number}?n={number}", "POST", b"%d" % number * 100)

        askers = [threading.Thread(target=ask, args=(at * 50,)) for at in range(4)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        check(kept)
    check(kept)


def check(kept: dict[int, Any]) -> None:
    assert sorted(kept) == list(range(200))
    for number, request in kept.items():
        assert request.path == f"/{number}"
        assert request.query["n"] == str(number)
        assert request.body == b"%d" % number * 100
        assert request.client[0] == "127.0.0.1"


def test_a_request_is_read_by_another_thread_after_its_answer(tmp_path: Path) -> None:
    answered = threading.Event()
    read: list[str] = []

    def handler(request: Any) -> str:
        def later() -> None:
            answered.wait(20)
            read.append(request.path + request.text + request.headers["X-A"])

        thread = threading.Thread(target=later)
        threads.append(thread)
        thread.start()
        return "x"

    threads: list[threading.Thread] = []
    with serving(tmp_path, handler) as server:
        server.ask("/path", "POST", b"body", {"X-A": "header"})
        server.ask("/other", "POST", b"other", {"X-A": "other"})
        answered.set()
        for thread in threads:
            thread.join()
    assert sorted(read) == ["/otherotherother", "/pathbodyheader"]


def test_several_loops_run_handlers_without_mixing_them_up(tmp_path: Path) -> None:
    local = threading.local()
    threads: set[int] = set()

    def handler(request: Any) -> str:
        local.count = getattr(local, "count", 0) + 1
        threads.add(threading.get_ident())
        return f"{request.path} {len(request)}"

    wrong: list[Answer] = []
    with serving(tmp_path, handler, thread_count=4) as server:

        def ask(number: int) -> None:
            for count in range(25):
                answer = server.ask(f"/{number}/{count}", "POST", b"x" * count)
                if answer.body != f"/{number}/{count} {count}".encode():
                    wrong.append(answer)

        askers = [threading.Thread(target=ask, args=(at,)) for at in range(8)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
    assert wrong == []
    assert threads


def test_a_large_body_is_given_back_when_its_client_has_gone(tmp_path: Path) -> None:
    class Held(bytearray):
        pass

    references: list[Any] = []

    def handler(request: Any) -> object:
        if request.path != "/large":
            return "x"
        held = Held(30_000_000)
        references.append(weakref.ref(held))
        return held

    with serving(tmp_path, handler) as server:
        for _ in range(3):
            with socket.create_connection(server.address) as connection:
                connection.sendall(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
                connection.recv(1000)
        deadline = threading.Event()
        for _ in range(100):
            if all(reference() is None for reference in references):
                break
            server.ask("/")
            deadline.wait(0.05)
        assert [reference() for reference in references] == [None] * 3


def test_a_server_holds_its_handlers_until_it_is_closed() -> None:
    class Api:
        def hello(self, request: Any) -> str:
            return "x"

    api = Api()
    reference = weakref.ref(api)
    server = pyrs.Server()
    server.add_route("/", api.hello)
    del api
    gc.collect()
    assert reference() is not None
    server.close()
    gc.collect()
    assert reference() is None


def test_ten_thousand_requests_leave_nothing_behind(tmp_path: Path) -> None:
    handlers: dict[str, Handler] = {
        "/str": lambda request: f"{request.path}",
        "/large": lambda request: bytes(20_000),
        "/json": lambda request: {"headers": dict(request.headers)},
        "/response": lambda request: pyrs.Response("x", 201, {"X-A": "b"}),
        "/error": lambda request: request.json(),
        "/echo": lambda request: request,
    }
    batch = b"".join(
        b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n{" % path.encode()
        for path in handlers
    )

    def run(server: Server, times: int) -> None:
        with socket.create_connection(server.address, timeout=20) as connection:
            answers = 0
            for _ in range(times):
                connection.sendall(batch)
                answers += len(handlers)
            connection.sendall(
                b"GET /str HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
            )
            reply = b""
            while data := connection.recv(1 << 20):
                reply += data
            assert reply.count(b"HTTP/1.1 ") == answers + 1

    def growth(server: Server) -> int:
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(20):
            run(server, 85)
        gc.collect()
        return sys.getallocatedblocks() - before

    with serving(tmp_path, handlers, thread_count=1) as server:
        run(server, 20)
        # The interpreter itself grows now and then; a leak would show in both.
        assert min(growth(server), growth(server)) < 300
