"""The servers that are measured, and how each is started: one process, one loop."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
HERE = ROOT / "benchmarks"
BUILD = ROOT / "build" / "benchmarks"
PEERS = HERE / "peers"
HELLO = HERE / "hello"

STOP_SECONDS = 5  # for a server that was asked to stop; then it is killed


class Unavailable(Exception):
    """A server cannot be run here; the text says why."""


@dataclass(frozen=True)
class Server:
    """`{port}` in the command is replaced, and the yardstick's `{body_bytes}`."""

    name: str
    label: str
    command: tuple[str, ...]
    module: str = ""  # what the command's interpreter has to be able to import

    def command_line(self, port: int, body_bytes: int) -> list[str]:
        return [part.format(port=port, body_bytes=body_bytes) for part in self.command]

    def check(self) -> None:
        if not Path(self.command[0]).exists():
            raise Unavailable(f"{self.command[0]} is not there")
        if not self.module:
            return
        done = subprocess.run(
            [self.command[0], "-c", f"import {self.module}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            reason = (done.stderr.strip() or f"exit {done.returncode}").splitlines()
            raise Unavailable(f"import {self.module}: {reason[-1]}")


def all_servers(python: str, peers_python: str) -> list[Server]:
    """The yardstick is first: the ratios are to it."""
    pyrs = (python, "-m", "pyrs")
    options = ("--port", "{port}", "--threads", "1", "--no-access-log")
    on = ("--host", "127.0.0.1", "--port", "{port}")

    def peer(name: str, label: str, *arguments: str) -> Server:
        return Server(name, label, (peers_python, *arguments), name)

    def granian(name: str, label: str, interface: str, application: str) -> Server:
        arguments = (
            *("-m", "granian", *on, "--interface", interface, "--http", "1"),
            *("--workers", "1", "--runtime-threads", "1", "--runtime-mode", "st"),
            *("--no-log", application),
        )
        return Server(name, label, (peers_python, *arguments), "granian")

    return [
        Server(
            "yardstick",
            "yardstick: a bare epoll loop",
            (str(BUILD / "yardstick"), "{port}", "{body_bytes}"),
        ),
        Server(
            "pyrs-native",
            "pyrs, C function",
            (*pyrs, str(HELLO / "native.pyrs"), *options),
            "pyrs",
        ),
        Server(
            "pyrs",
            "pyrs, Python method",
            (*pyrs, str(HELLO / "project.pyrs"), *options),
            "pyrs",
        ),
        Server(
            "pyrs-async",
            "pyrs, async def",
            (*pyrs, str(HELLO / "async.pyrs"), *options),
            "pyrs",
        ),
        Server(
            "pyrs-wsgi",
            "pyrs, WSGI",
            (*pyrs, str(PEERS / "wsgi.pyrs"), *options),
            "pyrs",
        ),
        peer("fastpysgi", "FastPySGI, WSGI", "serve_fastpysgi.py", "{port}"),
        peer("bjoern", "bjoern, WSGI", "serve_bjoern.py", "{port}"),
        peer("socketify", "socketify", "serve_socketify.py", "{port}"),
        granian("granian", "granian, RSGI", "rsgi", "rsgi_app:app"),
        granian("granian-wsgi", "granian, WSGI", "wsgi", "wsgi_app:app"),
        peer(
            "gunicorn",
            "gunicorn, gthread, WSGI",
            *("-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "1"),
            *("--worker-class", "gthread", "--threads", "8", "wsgi_app:app"),
        ),
        peer("waitress", "waitress, WSGI", "serve_waitress.py", "{port}"),
        peer(
            "uvicorn",
            "uvicorn, uvloop and httptools",
            *("-m", "uvicorn", *on, "--loop", "uvloop", "--http", "httptools"),
            *("--no-access-log", "--log-level", "warning", "--lifespan", "off"),
            "asgi_app:app",
        ),
    ]


@contextmanager
def running(
    server: Server, port: int, body_bytes: int, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Starts the server; ends it and whatever is left of its process group."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            server.command_line(port, body_bytes),
            cwd=PEERS,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C first, since every server knows it."""
    for how in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # workers that outlived it


def build() -> None:
    """The yardstick, also as a library, and the native functions."""
    BUILD.mkdir(parents=True, exist_ok=True)
    _compile(BUILD / "yardstick", HERE / "yardstick.c")
    _compile(BUILD / "libyardstick.so", HERE / "yardstick.c", "-shared", "-fPIC")
    _compile(
        HELLO / "libhello.so",
        HELLO / "hello.c",
        *("-shared", "-fPIC", "-I", str(ROOT / "csrc")),
    )


def _compile(output: Path, source: Path, *options: str) -> None:
    compiler = os.environ.get("CC", "cc")
    flags = ["-std=c11", "-O3", "-Wall", "-Wextra", *options]
    subprocess.run([compiler, *flags, "-o", str(output), str(source)], check=True)
