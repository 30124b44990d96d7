"""PEP 3333, "Optional Platform-Specific File Handling": wsgi.file_wrapper."""

import gzip
import re

import pytest

from tests.kit import Client, RunningServer, Serve, get, measures_memory, wait_until

from .applications import PATIENT, everywhere, routes
from .test_bodies import raw

CODE = """
import gzip
import io
import os
import tempfile
from collections import Counter
from pathlib import Path

counts = Counter()
folder = Path(__file__).parent
NAMES = {}

class Counted:
    '''What has a read and a close, and nothing else.'''

    def __init__(self, file):
        self.file = file

    def read(self, size):
        counts["read"] += 1
        return self.file.read(size)

    def close(self):
        counts["closed"] += 1
        self.file.close()

class OnlyRead:
    def __init__(self, file):
        self.read = file.read

def temporary():
    file = tempfile.NamedTemporaryFile()
    file.write(b"temporary")
    file.seek(3)
    return file

def moved():
    file = open(folder / "data", "rb")
    file.read(3)
    return file

def grown():
    file = open(folder / "grown", "w+b")
    file.write(b"not flushed")
    file.seek(0)
    file.read(4)
    return file

def closed():
    file = open(folder / "data", "rb")
    file.close()
    return file

FILES = {
    "file": lambda: open(folder / "data", "rb"),
    "unbuffered": lambda: open(folder / "data", "rb", buffering=0),
    "moved": moved,
    "grown": grown,
    "temporary": temporary,
    "empty": lambda: open(os.devnull, "rb"),
    "past_its_end": lambda: (lambda file: (file.seek(100), file)[1])(FILES["file"]()),
    "gzip": lambda: gzip.open(folder / "data.gz"),
    "bytes": lambda: io.BytesIO(b"0123456789"),
    "counted": lambda: Counted(open(folder / "data", "rb")),
    "only_read": lambda: OnlyRead(open(folder / "data", "rb")),
    "text": lambda: open(folder / "data"),
    "closed": closed,
    "nothing": lambda: None,
    "large": lambda: open(folder / "large", "rb"),
}

def file(environ, start_response):
    name, _, length = environ["QUERY_STRING"].partition("&")
    headers = [("Content-Type", "text/plain"), ("X-A", "b")]
    if length:
        headers.append(("Content-Length", length))
    start_response("200 OK", headers)
    return environ["wsgi.file_wrapper"](FILES[name](), 4)

def status(environ, start_response):
    start_response(environ["QUERY_STRING"].replace("_", " "), [])
    return environ["wsgi.file_wrapper"](FILES["file"]())

def written(environ, start_response):
    start_response("200 OK", [])(b"before ")
    return environ["wsgi.file_wrapper"](FILES["file"]())

def wrapped(environ, start_response):
    start_response("200 OK", [])
    return iter(environ["wsgi.file_wrapper"](FILES["counted"]()))

def made_badly(environ, start_response):
    start_response("200 OK", [])
    wrapper = environ["wsgi.file_wrapper"]
    for call in [wrapper, lambda: wrapper(1, 0), lambda: wrapper(1, 2, 3),
                 lambda: wrapper(1, block_size=2)]:
        try:
            call()
        except (TypeError, ValueError):
            counts["refused"] += 1
    return [b"%d" % counts["refused"]]
"""
DATA = b"0123456789"
MIB = 1 << 20


@pytest.fixture(scope="module")
def servers_by_run(serve_module: Serve) -> dict[str, RunningServer]:
    servers = {}
    for run in ["auto", "thread"]:
        server = serve_module(CODE, routes(CODE, run=run), timeouts=PATIENT)
        (server.folder / "data").write_bytes(DATA)
        (server.folder / "data.gz").write_bytes(gzip.compress(b"unpacked"))
        with (server.folder / "large").open("wb") as large:
            large.truncate(50 * MIB)
        servers[run] = server
    return servers


@everywhere
@pytest.mark.parametrize(
    ("name", "body", "is_sent_by_the_system"),
    [
        ("file", DATA, True),
        ("unbuffered", DATA, True),
        ("moved", DATA[3:], True),
        ("grown", b"flushed", True),
        ("temporary", b"porary", True),
        ("past_its_end", b"", True),
        ("empty", b"", True),
        ("gzip", b"unpacked", False),
        ("bytes", DATA, False),
        ("counted", DATA, False),
        ("only_read", DATA, False),
    ],
)
def test_a_file_is_sent_from_where_it_stands(
    server: RunningServer, name: str, body: bytes, is_sent_by_the_system: bool
) -> None:
    with server.connect() as client:
        for _ in range(3):
            answer = client.ask(get(f"/file?{name}"))
            assert (answer.status, answer.body) == (200, body)
            assert (answer["Content-Type"], answer["X-A"]) == ("text/plain", "b")
            assert ("Content-Length" in answer) is is_sent_by_the_system


@everywhere
def test_what_the_application_decides_is_not_decided_again(
    server: RunningServer,
) -> None:
    answer = server.ask(get("/file?file", "Range: bytes=2-3", "If-Match: x"))
    assert (answer.status, answer.body) == (200, DATA)
    assert not {"ETag", "Last-Modified", "Accept-Ranges"} & {
        name for name, _ in answer.fields
    }
    assert server.ask(get("/status?404_Not_There")).body == DATA


@everywhere
def test_head_204_and_304_send_nothing_of_it(server: RunningServer) -> None:
    text = raw(server.connect(), get("/file?file", "Connection: close", method="HEAD"))
    assert b"Content-Length: 10\r\n" in text
    assert text.endswith(b"\r\n\r\n")
    with server.connect() as client:
        for status in ("204_No_Content", "304_Not_Modified"):
            assert client.ask(get(f"/status?{status}")).body == b""


@everywhere
@pytest.mark.parametrize("name", ["file", "counted"])
def test_content_length_says_how_much_of_it(server: RunningServer, name: str) -> None:
    with server.connect() as client:
        for length in (10, 4, 0):
            answer = client.ask(get(f"/file?{name}&{length}"))
            assert answer.body == DATA[:length]
    text = raw(server.connect(), get(f"/file?{name}&11"))
    assert text.endswith(DATA)
    server.expect_log("the body is shorter than announced: the connection is cut")
    server.allow_log("the body is longer than its Content-Length: cut there")


@everywhere
def test_the_file_is_closed(server: RunningServer) -> None:
    for _ in range(3):
        assert server.ask(get("/file?counted")).body == DATA
    wait_until(lambda: counted(server, "closed") == 3)
    assert server.ask(get("/wrapped")).body == DATA


@everywhere
def test_what_was_written_comes_before_it(server: RunningServer) -> None:
    assert server.ask(get("/written")).body == b"before " + DATA


@everywhere
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text", "an item of type str: the body has to be bytes"),
        ("closed", "ValueError: read of closed file"),
        ("nothing", "AttributeError: 'NoneType' object has no attribute 'read'"),
    ],
)
def test_what_is_no_file_of_bytes_is_an_error(
    server: RunningServer, name: str, message: str
) -> None:
    assert server.ask(get(f"/file?{name}")).status == 500
    server.expect_log(f"main:file .*{re.escape(message)}")


@everywhere
def test_it_takes_a_file_and_a_block_size(server: RunningServer) -> None:
    assert server.ask(get("/made_badly")).body == b"4"


@measures_memory
@everywhere
def test_a_large_file_to_a_slow_reader_needs_little_memory(
    server: RunningServer,
) -> None:
    before = server.resident_bytes()
    slow, gone = (server.connect(small_window=True) for _ in range(2))
    for client in (slow, gone):
        client.send(get("/file?large"))
        assert client.receive()
    Client.abort(gone)
    assert server.ask(get("/file?file")).body == DATA
    assert len(slow.response().body) == 50 * MIB
    assert server.resident_bytes() - before < 4 * MIB


def counted(server: RunningServer, name: str) -> int:
    return int(server.inside(f"main.counts[{name!r}]"))
