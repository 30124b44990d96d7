"""The command `pyrs` as a process: run to its end, or serving while a test looks on."""

import http.client
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.start import listening_address, read_start

TIMEOUT = 20  # seconds; awaited, never slept


@dataclass
class Serving:
    """A pyrs that listens: its process, and what it printed until then."""

    process: subprocess.Popen[str]
    lines: list[str]
    errors: str = ""  # on standard error, when it has ended

    @property
    def port(self) -> int:
        address = listening_address(self.lines)
        assert isinstance(address, tuple), f"{address} is a unix socket"
        return address[1]

    def get(self, path: str, host: str = "127.0.0.1") -> str:
        return self.ask("GET", path, host=host)[1]

    def ask(
        self, method: str, path: str, body: str = "", host: str = "127.0.0.1"
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection(host, self.port, timeout=TIMEOUT)
        connection.request(method, path, body)
        response = connection.getresponse()
        answer = response.status, response.read().decode()
        connection.close()
        return answer


def run(
    *words: str, cwd: Path, program: tuple[str, ...] = ("-m", "pyrs")
) -> subprocess.CompletedProcess[str]:
    """Runs a command line to its end."""
    return subprocess.run(
        [sys.executable, *program, *words],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )


@contextmanager
def start(
    *words: str, cwd: Path, before: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A pyrs that nobody listens to; at the end SIGTERM stops what still runs."""
    process = subprocess.Popen(
        [*before, sys.executable, "-m", "pyrs", *words],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
        process.terminate()
        process.wait(TIMEOUT)
    finally:
        process.kill()
        process.wait()


@contextmanager
def serving(
    *words: str,
    cwd: Path,
    stdin: int = subprocess.DEVNULL,
    told: str = "",
    status: int = 0,
    program: tuple[str, ...] = (sys.executable, "-m", "pyrs"),
) -> Iterator[Serving]:
    """Serves; at the end SIGTERM stops it, with that status, and on standard error
    nothing but what the pattern `told` matches."""
    process = subprocess.Popen(
        [*program, *words],
        cwd=cwd,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert process.stderr
        try:
            server = Serving(process, read_start(process.stdout))
        except AssertionError as error:
            raise AssertionError(f"{error} {process.stderr.read()}") from None
        yield server
        process.send_signal(signal.SIGTERM)
        printed, server.errors = process.communicate(timeout=TIMEOUT)
        server.lines += printed.splitlines()
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode == status, server.errors
    assert re.fullmatch(told, server.errors, re.S), server.errors
