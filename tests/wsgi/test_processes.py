"""An application in worker processes."""

import re
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.command_kit import TIMEOUT, serving
from tests.kit import wait_until

APPLICATION = """\
import os

def app(environ, start_response):
    if environ["PATH_INFO"] == "/exit":
        os._exit(7)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d %d" % (os.getpid(), environ["wsgi.multiprocess"])]
"""


@pytest.mark.parametrize("count", [1, 2])
def test_whether_several_processes_may_call_it_is_told(
    tmp_path: Path, count: int
) -> None:
    (tmp_path / "main.py").write_text(APPLICATION)
    words = ("main:app", "-p", "0", "-w", str(count))
    with serving(*words, "--no-access-log", cwd=tmp_path) as server:
        assert server.lines[1] == f"INFO: Workers: {count}"
        assert server.get("/").split()[1] == str(int(count > 1))


def test_an_application_that_ends_its_process_is_named_and_replaced(
    tmp_path: Path,
) -> None:
    (tmp_path / "main.py").write_text(APPLICATION)
    words = ("main:app", "-p", "0", "-w", "1", "-l", "log")
    with serving(*words, cwd=tmp_path) as server:
        pid = server.get("/").split()[0]
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
            client.sendall(b"GET /exit HTTP/1.1\r\nHost: a\r\n\r\n")
            with suppress(ConnectionResetError):
                assert client.recv(1) == b""
        told = rf"ERROR worker {pid} has ended with status 7; another one is started"
        wait_until(lambda: re.search(told, (tmp_path / "log").read_text()))
        assert server.get("/").split()[0] != pid
