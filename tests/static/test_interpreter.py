"""Files go out without the interpreter: while a handler holds it, and lets nobody else
have it, a server of one loop serves them all the same."""

import mmap
import os
from pathlib import Path

import pytest

from tests.kit import RunningServer, Serve, get, wait_until

# Not even for a moment is the interpreter let go of: `spin` computes, and has said that
# others wait for an hour; `hold` reads from a pipe, in a call that ctypes makes without
# letting go. Both say that they have begun in the second byte of what they share with
# the test.
CODE = """
import ctypes
import mmap
import os
import sys
from pathlib import Path

folder = Path(__file__).parent
system = ctypes.PyDLL(None)

def shared():
    file = open(folder / "shared", "r+b")
    return mmap.mmap(file.fileno(), 2)

def spin(request):
    memory, interval = shared(), sys.getswitchinterval()
    sys.setswitchinterval(3600)
    try:
        memory[1] = 1
        while not memory[0]:
            pass
    finally:
        sys.setswitchinterval(interval)
    return "spun"

def hold(request):
    byte, pipe = ctypes.create_string_buffer(1), os.open(folder / "pipe", os.O_RDWR)
    shared()[1] = 1
    system.read(pipe, byte, 1)
    os.close(pipe)
    return "held"

def hello(request):
    return "world"
"""
LARGE = b"large" * 20_000


@pytest.fixture
def server(serve: Serve, tmp_path: Path) -> RunningServer:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "small").write_bytes(b"small")
    (root / "large").write_bytes(LARGE)
    (root / "coded").write_bytes(b"coded")
    (root / "coded.gz").write_bytes(b"in gzip")
    routes = {
        "/spin": "spin",
        "/hold": "hold",
        "/hello": "hello",
        "/": {"static": str(root), "listing": True},
    }
    running = serve(CODE, routes, thread_count=1)
    (running.folder / "shared").write_bytes(b"\0\0")
    os.mkfifo(running.folder / "pipe")
    return running


def ask_for_everything(server: RunningServer) -> None:
    with server.connect() as client:
        for _ in range(2):  # from the disk, and from the loop's memory
            small, large = client.ask(get("/small")), client.ask(get("/large"))
            assert (small.body, large.body) == (b"small", LARGE)
            assert client.ask(get("/large", "Range: bytes=5-9")).body == b"large"
            known = get("/small", f"If-None-Match: {small['ETag']}")
            assert client.ask(known).status == 304
            coded = client.ask(get("/coded", "Accept-Encoding: gzip"))
            assert coded.body == b"in gzip"
        assert client.ask(get("/small", method="HEAD"))["Content-Length"] == "5"
        assert client.ask(get("/none")).status == 404
        assert client.ask(get("/folder")).status == 301
        assert b"small" in client.ask(get("/")).body


@pytest.mark.parametrize(("path", "answer"), [("/spin", b"spun"), ("/hold", b"held")])
def test_files_are_served_while_a_handler_holds_the_interpreter(
    server: RunningServer, path: str, answer: bytes
) -> None:
    with (
        (server.folder / "shared").open("r+b") as file,
        (server.folder / "pipe").open("r+b", buffering=0) as pipe,
        mmap.mmap(file.fileno(), 2) as shared,
        server.connect() as holding,
        server.connect() as waiting,
    ):
        holding.send(get(path))
        wait_until(lambda: shared[1] == 1)
        try:
            ask_for_everything(server)
            waiting.send(get("/hello"))  # waits for the interpreter, others do not
            ask_for_everything(server)
        finally:
            shared[0] = 1
            pipe.write(b"x")
        assert holding.response().body == answer
        assert waiting.response().body == b"world"
