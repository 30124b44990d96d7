"""With "sendfile" off, whatever answers with a file: what a client gets are the bytes
of one state of it, or a connection that is cut."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit import Client, RunningServer, Serve, get, wait_until

CODE = """
import pyrs

def page(request):
    return pyrs.Response.file(request.query_string)

def application(environ, start_response):
    file = open(environ["QUERY_STRING"], "rb")
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](file)
"""
MIB = 1 << 20
# What is read into the head's memory, what is copied at once, and more than one turn.
SIZES = [16 * 1024, 16 * 1024 + 1, 64 * 1024, 64 * 1024 + 1, 200_000, 3 * MIB + 1]
# The second waits in the socket as a whole, before its client reads anything.
CHANGED_SIZES = [MIB, 50_000]


@pytest.fixture
def server(serve: Serve, tmp_path: Path) -> RunningServer:
    routes = {
        "/static": {"static": str(tmp_path)},
        "/page": "page",
        "/wrapped": {"wsgi": "main:application"},
    }
    return serve(CODE, routes, sendfile=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def paths(file: Path) -> dict[str, str]:
    """Of the file, by what answers with it."""
    return {
        "static": f"/static/{file.name}",
        "page": f"/page?{file}",
        "wrapped": f"/wrapped?{file}",
    }


def content(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\xff" * path.stat().st_size)


def cut_within_a_page(path: Path) -> None:
    os.truncate(path, 5_000)


def rest_of(client: Client) -> bytes:
    """Of the body, until it ends or the connection does."""
    received = client.unread
    head, _, body = received.partition(b"\r\n\r\n")
    (length,) = (
        int(line.split()[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    try:
        while len(body) < length and (data := client.socket.recv(MIB)):
            body += data
    except ConnectionError:
        pass
    client.unread = b""
    return body


@pytest.mark.parametrize("change", [overwrite, cut_within_a_page])
@pytest.mark.parametrize("size", CHANGED_SIZES)
@pytest.mark.parametrize("by", ["static", "page", "wrapped"])
def test_a_file_that_is_changed_in_place_is_the_old_one_or_cut(
    server: RunningServer,
    file: Path,
    by: str,
    size: int,
    change: Callable[[Path], None],
) -> None:
    server.allow_log("a file changed or could not be read while it was being sent")
    file.write_bytes(content(size))
    os.utime(file, (1_700_000_000, 1_700_000_000))
    before = server.counter("bytes_sent")
    with server.connect(small_window=True) as client:
        client.send(get(paths(file)[by]))
        while b"\r\n\r\n" not in client.unread:
            client.receive()
        wait_until(lambda: server.counter("bytes_sent") - before > 50_000)
        change(file)
        body = rest_of(client)
        assert body == content(size) or len(body) < size
        assert size > 50_000 or body == content(size)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_copied_is_the_file(
    server: RunningServer, file: Path, size: int
) -> None:
    expected = content(size)
    file.write_bytes(expected)
    static, page, wrapped = paths(file).values()
    with server.connect() as client:
        assert client.ask(get(wrapped)).body == expected
        for path in (static, static, page):
            answer = client.ask(get(path))
            assert (answer.status, answer.body) == (200, expected)
            head = client.ask(get(path, method="HEAD"))
            assert (head["Content-Length"], head.body) == (str(size), b"")
            fields = [f"If-Range: {answer['ETag']}", "Range: bytes=5-"]
            part = client.ask(get(path, *fields))
            assert (part.status, part.body) == (206, expected[5:])
            part = client.ask(get(path, f"Range: bytes=3-{size - 2}"))
            assert (part.status, part.body) == (206, expected[3:-1])
            assert part["Content-Range"] == f"bytes 3-{size - 2}/{size}"
            several = client.ask(get(path, f"Range: bytes=0-9,20-{size - 3}"))
            assert several.status == 206
            for some in (expected[:10], expected[20:-2]):
                assert b"\r\n\r\n" + some + b"\r\n--" in several.body
            again = get(path, f"If-None-Match: {answer['ETag']}")
            assert client.ask(again).status == 304
