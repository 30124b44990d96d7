"""Bodies that are not there at once, in both directions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit import RunningServer, get, measures_memory, wait_until

from .cgi_kit import cgi_server

GIGABYTE = 1 << 30
MEGABYTE = 1 << 20

PROGRAMS = {
    "hello": "printf 'Content-Type: a/b\\n\\nhello'",
    "first-and-second": """
        printf 'Content-Type: a/b\\n\\nfirst'
        while [ ! -e go ]; do sleep 0.02; done
        printf second
    """,
    "line-by-line": """
        printf 'Content-Type: a/b\\n\\n'
        while read line; do echo "got $line"; done
    """,
    "gigabyte": f"""
        printf 'Content-Type: a/b\\nContent-Length: {GIGABYTE}\\n\\n'
        head -c {GIGABYTE} /dev/zero
    """,
    "endless": "printf 'Content-Type: a/b\\n\\n'; exec yes",
    "count": "printf 'Content-Type: a/b\\n\\n'; wc -c",
    "slow-to-read": """
        printf 'Content-Type: a/b\\n\\n'
        while [ ! -e read ]; do sleep 0.02; done
        wc -c
    """,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with cgi_server(
        tmp_path_factory.mktemp("streams"),
        PROGRAMS,
        settings={"limits": {"body": 0}},
    ) as server:
        yield server


def test_what_a_program_writes_leaves_at_once(server: RunningServer) -> None:
    with server.connect() as client:
        client.send(get("/cgi-bin/first-and-second"))
        while b"first" not in client.unread:
            client.receive()
        assert b"second" not in client.unread
        (server.folder / "cgi-bin" / "go").touch()
        assert client.response().body == b"firstsecond"


def test_a_program_reads_the_body_while_it_arrives(server: RunningServer) -> None:
    head = get("/cgi-bin/line-by-line", "Content-Length: 8", method="POST")
    with server.connect() as client:
        client.send(head, b"one\n")
        while b"got one\n" not in client.unread:
            client.receive()
        client.send(b"two\n")
        assert client.response().body == b"got one\ngot two\n"


@measures_memory
def test_a_gigabyte_goes_through_without_being_kept(server: RunningServer) -> None:
    server.ask(get("/cgi-bin/hello"))
    before = server.resident_bytes()
    with server.connect() as client:
        client.send(get("/cgi-bin/gigabyte"))
        while b"\r\n\r\n" not in client.unread:
            client.receive()
        left = GIGABYTE - len(client.unread.partition(b"\r\n\r\n")[2])
        client.unread = b""
        buffer = bytearray(MEGABYTE)
        most = reads = 0
        while left > 0:
            left -= client.socket.recv_into(buffer)
            if reads % 64 == 0:
                most = max(most, server.resident_bytes())
            reads += 1
    assert left == 0
    assert most - before < 8 * MEGABYTE


@measures_memory
def test_a_client_that_does_not_read_stops_the_program(server: RunningServer) -> None:
    before = server.resident_bytes()
    with server.connect(small_window=True) as client:
        client.send(get("/cgi-bin/endless"))
        client.receive()

        def has_stopped() -> bool:
            first = server.counter("bytes_sent")
            server.ask(get("/cgi-bin/hello"))
            hello = server.counter("bytes_sent")
            server.ask(get("/cgi-bin/hello"))
            return bool(server.counter("bytes_sent") - hello <= hello - first < 1000)

        wait_until(has_stopped)
        assert server.resident_bytes() - before < 8 * MEGABYTE
        client.unread = b""
    wait_until(lambda: server.counter("programs_running") == 0)


@measures_memory
def test_a_large_body_goes_through_without_being_kept(server: RunningServer) -> None:
    size = 64 * MEGABYTE
    before = server.resident_bytes()
    head = get("/cgi-bin/slow-to-read", f"Content-Length: {size}", method="POST")
    with server.connect() as client:
        client.send(head)
        client.socket.setblocking(False)
        piece, sent = bytes(MEGABYTE), 0

        def is_full() -> bool:
            nonlocal sent
            try:
                sent += client.socket.send(piece)
            except BlockingIOError:
                return True
            return False

        wait_until(is_full)
        assert server.resident_bytes() - before < 8 * MEGABYTE
        client.socket.settimeout(60)
        (server.folder / "cgi-bin" / "read").touch()
        while sent < size:
            sent += client.socket.send(piece[: size - sent])
        assert client.response().body.split() == [b"%d" % size]
