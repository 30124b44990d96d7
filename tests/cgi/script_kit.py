"""CGI scripts in Python, run without a server: in a fresh process, as any CGI server
does, or by a template, as pyrs does where a project says "warm".

    outcome = run(script, QUERY_STRING="name=Meir")
    assert outcome.response().body == b"..."

Both give an Outcome, and what a script can notice must be the same.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyrs

TIMEOUT = 60  # seconds, of a machine that does much else
TEMPLATE = Path(pyrs.__file__).with_name("cgi_template") / "cgi_template.py"

# The messages between server and template: kind, value, id.
MESSAGE = struct.Struct("=iiQ")
READY, STARTED, ENDED, RUN, RELEASE = range(1, 6)


@dataclass(frozen=True)
class Response:
    """What a server makes of what a script has written."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        (value,) = (value for key, value in self.headers if key.lower() == name.lower())
        return value


@dataclass(frozen=True)
class Outcome:
    output: bytes
    errors: str
    status: int  # the negative number of a signal

    def response(self) -> Response:
        head, end, body = self.output.partition(b"\r\n\r\n")
        assert end, (self.output[:200], self.errors)
        lines = [line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")]
        (name, status), *headers = [(name, value) for name, value in lines]
        assert name == "Status"
        return Response(status, headers, body)


class Run(Protocol):
    """Runs a script; further arguments are its environment."""

    def __call__(
        self, script: Path, body: bytes = b"", **environment: str
    ) -> Outcome: ...


def environment_of(body: bytes, given: Mapping[str, str]) -> dict[str, str]:
    """Of a request with the method GET, or POST if it has a body."""
    environment = {
        "PATH": os.environ["PATH"],
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": "POST" if body else "GET",
        "QUERY_STRING": "",
    }
    if body:
        environment["CONTENT_LENGTH"] = str(len(body))
    return {**environment, **given}


def run_fresh(script: Path, body: bytes = b"", **environment: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, script],
        input=body,
        capture_output=True,
        cwd=script.parent,
        env=environment_of(body, environment),
        timeout=TIMEOUT,
        start_new_session=True,
    )
    return Outcome(done.stdout, done.stderr.decode(), done.returncode)


class _Pipes:
    """Standard input, output and error of a script."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        stdin, self._input = os.pipe()
        self._output, stdout = os.pipe()
        self._errors, stderr = os.pipe()
        self.descriptors = [stdin, stdout, stderr]

    def close_those_of_the_script(self) -> None:
        while self.descriptors:
            os.close(self.descriptors.pop())

    def read(self) -> tuple[bytes, bytes]:
        """What the script writes until it closes both."""
        with ThreadPoolExecutor() as threads:
            threads.submit(self._write)
            output = threads.submit(_read, self._output)
            return output.result(), _read(self._errors)

    def _write(self) -> None:
        with os.fdopen(self._input, "wb") as file, suppress(BrokenPipeError):
            file.write(self._body)

    def __enter__(self) -> _Pipes:
        return self

    def __exit__(self, *error: object) -> None:
        self.close_those_of_the_script()


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


class Template:
    """A template, and this process in the place of the server."""

    def __init__(self, *modules: str, **environment: str) -> None:
        self._control, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(TIMEOUT)
        self._ids = 0
        with there:
            self.process = subprocess.Popen(
                [sys.executable, str(TEMPLATE), *modules],
                stdin=there.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"], **environment},
                text=True,
                start_new_session=True,
            )

    def expect(self, kind: int, id: int = 0) -> int:
        """The value of the next message."""
        message = self._control.recv(MESSAGE.size)
        assert message, self.process.communicate(timeout=TIMEOUT)
        got, value, got_id = MESSAGE.unpack(message)
        assert (got, got_id) == (kind, id)
        return int(value)

    def begin(
        self,
        script: Path,
        descriptors: list[int],
        environment: Mapping[str, str],
        limits: tuple[int, int] = (0, 0),
    ) -> int:
        """Has a script run; gives its id."""
        self._ids += 1
        texts = [str(script.parent), *map(str, limits)]
        texts += [f"{name}={value}" for name, value in environment.items()]
        with tempfile.TemporaryFile() as details:
            details.write(b"".join(os.fsencode(text) + b"\0" for text in texts))
            details.flush()
            message = MESSAGE.pack(RUN, 0, self._ids)
            socket.send_fds(
                self._control,
                [message + os.fsencode(script)],
                [*descriptors, details.fileno()],
            )
        return self._ids

    def release(self, id: int) -> None:
        self._control.send(MESSAGE.pack(RELEASE, 0, id))

    def run(self, script: Path, body: bytes = b"", **environment: str) -> Outcome:
        return self.run_with(script, body, environment)

    def run_with(
        self,
        script: Path,
        body: bytes,
        environment: Mapping[str, str],
        limits: tuple[int, int] = (0, 0),
    ) -> Outcome:
        with _Pipes(body) as pipes:
            told = environment_of(body, environment)
            id = self.begin(script, pipes.descriptors, told, limits)
            pipes.close_those_of_the_script()
            self.expect(STARTED, id)
            output, errors = pipes.read()
            status = self.expect(ENDED, id)
            self.release(id)
        return Outcome(output, errors.decode(), status)

    def close(self) -> str:
        """Ends it as the end of the server does; gives what it has printed."""
        self._control.close()
        printed, _ = self.process.communicate(timeout=TIMEOUT)
        return printed


@contextmanager
def template(*modules: str) -> Iterator[Template]:
    """A template that is ready, and has nothing to say."""
    made = Template(*modules)
    try:
        made.expect(READY)
        yield made
    finally:
        printed = made.close()
    assert (printed, made.process.returncode) == ("", 0)
