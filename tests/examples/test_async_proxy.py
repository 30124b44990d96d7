"""examples/async_proxy: what passes through it, and what does not."""

import hashlib
import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import pyrs
import pyrs.testing
from tests.kit import Client, get, post, wait_until

from .example_kit import TIMEOUT, Serving, example, shell
from .upstream import answering, upstream

MB = 1_000_000


@contextmanager
def proxied(
    url: str, folder: Path, told: str = "", **environment: str
) -> Iterator[Serving]:
    """The example before this upstream; `told` as in `serving`."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for name, value in {"UPSTREAM": url, **environment}.items():
            patch.setenv(name, value)
        yield stack.enter_context(example("async_proxy", folder, told=told))


def connect(server: Serving) -> Client:
    return Client(("127.0.0.1", server.port))


def ask(server: Serving, request: bytes) -> Any:
    with connect(server) as client:
        return client.ask(request)


def test_the_readme_is_fetched_through_it(tmp_path: Path) -> None:
    def readme(request: pyrs.Request) -> pyrs.Response:
        return pyrs.Response.file(tmp_path / "async_proxy" / "README.md")

    with (
        pyrs.testing.serve({"/README.md": readme}) as url,
        proxied(url, tmp_path) as server,
    ):
        text = shell(f"curl -sf 127.0.0.1:{server.port}/README.md", tmp_path)
    assert text == (tmp_path / "async_proxy" / "README.md").read_text()


def test_methods_paths_and_queries_go_as_they_came(tmp_path: Path) -> None:
    def show(request: pyrs.Request) -> list[str]:
        return [request.method, request.raw_path, request.query_string, request.text]

    with (
        pyrs.testing.serve({"/*": show}) as url,
        proxied(url, tmp_path) as server,
    ):
        for target in ("/", "/a%2Fb%20c/d?x=%3d&y=a+b", "/gr%C3%BC%c3%9f?", "/a//b/"):
            path, _, query = target.partition("?")
            answer = ask(server, get(target, method="DELETE"))
            assert answer.body.decode() == f'["DELETE","{path}","{query}",""]'
        answer = ask(server, post("/x", b"text"))
        assert answer.body.decode() == '["POST","/x","","text"]'


@pytest.mark.parametrize(
    "target", ["//evil.example/x", "http://example.com/x", "/@evil.example", "/:80"]
)
def test_no_target_leads_to_another_host(tmp_path: Path, target: str) -> None:
    with upstream(lambda connection: connection.sendall(answering())) as behind:
        with proxied(behind.url, tmp_path) as server:
            assert ask(server, get(target)).status == 200
        assert behind.fields()["host"] == f"127.0.0.1:{behind.port}"


def test_headers_of_one_connection_stay_there(tmp_path: Path) -> None:
    answer = answering(
        "Keep-Alive: timeout=5",
        "X-Secret: of the upstream's connection",
        "Connection: X-Secret",
        "Set-Cookie: a=1",
        "Set-Cookie: b=2",
        "X-Kept: as it is",
    )
    with upstream(lambda connection: connection.sendall(answer)) as behind:
        with proxied(behind.url, tmp_path) as server:
            response = ask(
                server,
                get(
                    "/",
                    "Connection: keep-alive, X-Mine",
                    "X-Mine: of this connection",
                    "TE: trailers",
                    "Proxy-Authorization: Basic c2VjcmV0",
                    "X-Forwarded-For: 10.0.0.1",
                    "Forwarded: for=10.0.0.1",
                    "Accept-Encoding: br",
                    "Cookie: c=3",
                ),
            )
        fields = behind.fields()
    assert not fields.keys() & {"x-mine", "te", "proxy-authorization", "forwarded"}
    assert (fields["accept-encoding"], fields["cookie"]) == ("br", "c=3")
    assert fields["x-forwarded-for"] == "127.0.0.1"
    assert (fields["x-forwarded-host"], fields["via"]) == (
        "example.com",
        "1.1 pyrs-proxy",
    )
    assert "user-agent" not in fields  # the client sent none
    assert "X-Secret" not in response
    assert "Keep-Alive" not in response
    assert response.all("Set-Cookie") == ["a=1", "b=2"]
    assert response["X-Kept"] == "as it is"


def test_cookies_of_one_client_are_not_sent_for_another(tmp_path: Path) -> None:
    answer = answering("Set-Cookie: session=secret")
    with upstream(lambda connection: connection.sendall(answer)) as behind:
        with proxied(behind.url, tmp_path) as server:
            ask(server, get("/"))
            ask(server, get("/"))
        assert "cookie" not in behind.fields()


@pytest.mark.parametrize(
    ("method", "status"),
    [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")],
)
def test_answers_without_a_body_have_none(
    tmp_path: Path, method: str, status: str
) -> None:
    head = f'HTTP/1.1 {status}\r\nETag: "a"\r\nConnection: close\r\n\r\n'.encode()
    with (
        upstream(lambda connection: connection.sendall(head)) as behind,
        proxied(behind.url, tmp_path) as server,
    ):
        answer = ask(server, get("/", method=method))
        assert (answer.status, answer.body) == (int(status[:3]), b"")
        assert answer["ETag"] == '"a"'


def test_redirects_and_errors_are_the_clients_to_see(tmp_path: Path) -> None:
    def gone(request: pyrs.Request) -> tuple[str, int]:
        return "the upstream's own page", 500

    routes = {"/old": lambda _: pyrs.Response.redirect("/new"), "/broken": gone}
    with (
        pyrs.testing.serve(routes) as url,
        proxied(url, tmp_path) as server,
    ):
        moved = ask(server, get("/old"))
        assert (moved.status, moved["Location"]) == (302, "/new")
        broken = ask(server, get("/broken"))
        assert (broken.status, broken.body) == (500, b"the upstream's own page")


# ---- bodies ----


def test_large_bodies_pass_both_ways_and_are_never_held_whole(tmp_path: Path) -> None:
    sent, size = hashlib.sha256(), 200 * MB
    received = hashlib.sha256()
    piece = bytes(range(250)) * 4000  # 1 MB

    def echo(connection: socket.socket) -> None:
        """Sends back each piece when it comes, without a length."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        left = size
        while left:
            data = connection.recv(min(left, MB))
            connection.sendall(data)
            left -= len(data)

    def send(client: socket.socket) -> None:
        for _ in range(size // MB):
            sent.update(piece)
            client.sendall(piece)

    with upstream(echo) as behind, proxied(behind.url, tmp_path) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, TIMEOUT)
        connection.putrequest("POST", "/echo")
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        sender = threading.Thread(target=send, args=[connection.sock])
        sender.start()
        response = connection.getresponse()
        while data := response.read(MB):
            received.update(data)
        sender.join()
        connection.close()
        assert resident_bytes(server) < 100 * MB
        assert behind.fields()["content-length"] == str(size)
    assert received.digest() == sent.digest()


def resident_bytes(server: Serving) -> int:
    """The most there ever were."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def test_a_piece_comes_through_before_the_next_is_there(tmp_path: Path) -> None:
    second = threading.Event()

    def slowly(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfirst ")
        second.wait(TIMEOUT)
        connection.sendall(b"second")

    with upstream(slowly) as behind, proxied(behind.url, tmp_path) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, TIMEOUT)
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.read1(100) == b"first "
        second.set()
        assert response.read() == b"second"
        connection.close()


def test_compressed_answers_are_passed_on_as_they_are(tmp_path: Path) -> None:
    answer = answering("Content-Encoding: gzip", body=b"\x1f\x8b not unpacked")
    with (
        upstream(lambda connection: connection.sendall(answer)) as behind,
        proxied(behind.url, tmp_path) as server,
    ):
        response = ask(server, get("/", "Accept-Encoding: gzip"))
        assert response["Content-Encoding"] == "gzip"
        assert response.body == b"\x1f\x8b not unpacked"


# ---- failures ----


def test_an_upstream_that_is_not_there_is_a_502(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with proxied(f"http://127.0.0.1:{port}", tmp_path) as server:
        answer = ask(server, get("/"))
        assert (answer.status, answer.body) == (502, b"the upstream cannot be reached")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 999 Strange\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n",
    ],
)
def test_an_upstream_that_speaks_nonsense_is_a_502(
    tmp_path: Path, answer: bytes
) -> None:
    with (
        upstream(lambda connection: connection.sendall(answer)) as behind,
        proxied(behind.url, tmp_path) as server,
    ):
        assert ask(server, get("/")).status == 502


def test_an_upstream_that_is_silent_is_a_504(tmp_path: Path) -> None:
    over = threading.Event()

    def silent(connection: socket.socket) -> None:
        over.wait(TIMEOUT)

    with (
        upstream(silent) as behind,
        proxied(behind.url, tmp_path, READ_SECONDS="0.2") as server,
    ):
        answer = ask(server, get("/"))
        over.set()
        assert (answer.status, answer.body) == (504, b"the upstream does not answer")


def test_an_answer_that_breaks_off_breaks_off_for_the_client_too(
    tmp_path: Path,
) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    told = ".*502: the upstream broke off\n"
    with (
        upstream(lambda connection: connection.sendall(half)) as behind,
        proxied(behind.url, tmp_path, told) as server,
        connect(server) as client,
    ):
        client.send(get("/"))
        with pytest.raises((AssertionError, ConnectionError), match=r"closed|reset"):
            client.response()


def test_a_client_that_leaves_is_noticed_by_the_upstream(tmp_path: Path) -> None:
    left = threading.Event()

    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                connection.sendall(bytes(10_000))
        except ConnectionError:
            left.set()

    with upstream(endless) as behind, proxied(behind.url, tmp_path) as server:
        with connect(server) as client:
            client.send(get("/"))
            assert client.receive()
        wait_until(left.is_set, "the upstream's connection is closed")


def test_a_client_that_leaves_before_the_answer_is_noticed_too(tmp_path: Path) -> None:
    left = threading.Event()

    def silent(connection: socket.socket) -> None:
        if connection.recv(1) == b"":
            left.set()

    with upstream(silent) as behind, proxied(behind.url, tmp_path) as server:
        with connect(server) as client:
            client.send(get("/"))
            wait_until(lambda: behind.heads, "the request")
        wait_until(left.is_set, "the upstream's connection is closed")


def test_many_wait_at_once_and_on_one_thread(tmp_path: Path) -> None:
    everybody = threading.Barrier(50)

    def together(connection: socket.socket) -> None:
        everybody.wait(TIMEOUT)
        connection.sendall(answering(body=b"all here"))

    with upstream(together) as behind, proxied(behind.url, tmp_path) as server:
        with ExitStack() as stack:
            clients = [stack.enter_context(connect(server)) for _ in range(50)]
            for client in clients:
                client.send(get("/"))
            assert {client.response().body for client in clients} == {b"all here"}
        tasks = list(Path(f"/proc/{server.process.pid}/task").iterdir())
        assert len(tasks) < 20
