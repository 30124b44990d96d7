"""A real `pyrs` process that serves a project written for one test.

    with running_server(folder, '''
        def hello(request):
            return "world"
    ''') as server:
        with server.connect() as client:
            assert client.ask(get("/hello")).body == b"world"

Every function of the code answers the path of its name, unless routes are given. When
the `with` ends, the process is stopped as a person would, and it must then have: no
connection and no exchange left, as many descriptors as at the start, nothing in its log
that the test did not expect, exit status 0.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

from .client import PATIENCE, Client, get
from .start import ACCESS_LINE, listening_address, read_start

INSIDE = Path(__file__).with_name("inside.py")
WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
NATIVE = Path(__file__).with_name("native.c")


def wait_until(claim: Callable[[], object], what: str | Callable[[], str] = "") -> Any:
    """The first true value of `claim`. Fails after a long time without one, with `what`
    was waited for, or with what that function says then."""
    deadline = time.monotonic() + PATIENCE
    while not (value := claim()):
        if time.monotonic() >= deadline:
            what = what() if callable(what) else what
            raise AssertionError(f"never came true: {what or claim}")
        time.sleep(0.005)
    return value


def is_there(pid: int) -> bool:
    """A process that runs: not one that is only waited for, as an orphan whose new
    parent is slow."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(") ")[2][0] != "Z"


# Starts a server: the fixture `serve`. Arguments are those of running_server, without
# the folder.
Serve: TypeAlias = "Callable[..., RunningServer]"
Routes: TypeAlias = "Mapping[str, str | Mapping[str, Any]]"


class RunningServer:
    """One process. `stop` may be called early; nothing is checked twice."""

    def __init__(
        self,
        folder: Path,
        arguments: list[str],
        open_files: int,
        server_name: str,
        before: Iterable[str] = (),
    ) -> None:
        self.folder = folder
        self.log_file = folder / "stderr.log"
        self._server_name = server_name
        self._expected_log: list[str] = []
        self._log_begin = 0  # of what is looked at, in bytes
        self._clients: list[Client] = []
        self._checked = False
        self.temporary = folder / "temporary"
        self.temporary.mkdir(exist_ok=True)
        here, there = socket.socketpair()
        with self.log_file.open("wb") as log, there:
            self.process = subprocess.Popen(
                [
                    *before,
                    sys.executable,
                    str(INSIDE),
                    str(there.fileno()),
                    str(open_files),
                    *arguments,
                ],
                cwd=folder,
                env={**os.environ, "TMPDIR": str(self.temporary)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                pass_fds=[there.fileno()],
            )
        self._door = here
        self._answers = here.makefile("r", encoding="utf-8")
        try:
            assert self.process.stdout
            self.printed = read_start(self.process.stdout)
            self.address = listening_address(self.printed)
            self._settle()
        except BaseException as error:
            self.kill()
            raise AssertionError(f"no start: {error}\n{self.log_text()}") from error

    def _settle(self) -> None:
        """One request, so that what is opened once is open, then the descriptors."""
        with self.connect() as client:
            assert client.ask(get("*", "Connection: close", method="OPTIONS"))
        self.wait_until_quiet()
        self.descriptors_at_start = self.descriptors()

    # ---- speaking with it ----

    @property
    def url(self) -> str:
        address = self.address
        assert isinstance(address, tuple), f"{address} is a unix socket"
        host, port = address
        return f"http://{host}:{port}"

    def connect(self, *, small_window: bool = False) -> Client:
        client = Client(
            self.address, server_name=self._server_name, small_window=small_window
        )
        self._clients.append(client)
        return client

    def listens(self) -> bool:
        """Whether its port takes connections; one may be reset while it is closed."""
        try:
            Client(self.address).close()
        except ConnectionRefusedError:
            return False
        except ConnectionResetError:
            return True
        return True

    def ask(self, request: bytes) -> Any:
        """The response to a request on a connection of its own."""
        with self.connect() as client:
            return client.ask(request)

    # ---- looking at it ----

    def inside(self, expression: str) -> Any:
        """The value of a Python expression in the process, as JSON brings it here."""
        self._door.sendall(json.dumps(expression).encode() + b"\n")
        line = self._answers.readline()
        assert line, f"the process is gone\n{self.log_text()}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def counters(self) -> dict[str, Any]:
        return dict(self.inside("msgspec.to_builtins(server.counters())"))

    def counter(self, name: str) -> Any:
        return self.counters()[name]

    def wait_until_quiet(self) -> None:
        """No connection, no exchange."""

        def is_quiet() -> bool:
            now = self.counters()
            return now["connections_open"] == now["exchanges_open"] == 0

        wait_until(is_quiet, "no connection and no exchange")

    def wait_until_as_at_start(self) -> None:
        """Quiet, with the descriptors of the start. What clients gave up may still wait
        to be accepted when the server looks quiet."""
        self.wait_until_quiet()
        wait_until(
            lambda: self.descriptors() == self.descriptors_at_start,
            lambda: f"{self.descriptors()} == {self.descriptors_at_start}",
        )

    def descriptors(self) -> list[str]:
        """What each open descriptor is, as the kernel tells. Not what is read in /proc
        for moments, of its own threads."""
        kinds = []
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                kinds.append(re.sub(r"\d+", "N", str(link.readlink())))
        return sorted(kind for kind in kinds if not kind.startswith("/proc/N/task/"))

    def resident_bytes(self) -> int:
        smaps = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        (kilobytes,) = re.findall(r"^Rss: +(\d+) kB", smaps, re.M)
        return int(kilobytes) * 1024

    def cpu_seconds(self) -> float:
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        user, system = stat.rsplit(") ", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    # ---- its log ----

    def log_text(self) -> str:
        log = self.log_file.read_bytes()[self._log_begin :]
        return log.decode("utf-8", "replace")

    def expect_log(self, *patterns: str) -> None:
        """Each pattern must match a whole record (with its indented lines), and may
        match several; waits until it does."""
        for pattern in patterns:
            wait_until(partial(self._matching, pattern), pattern)
            self._expected_log.append(pattern)

    def _matching(self, pattern: str) -> list[str]:
        return [record for record in self.records() if re.search(pattern, record, re.S)]

    def allow_log(self, *patterns: str) -> None:
        """Records that may be there."""
        self._expected_log += patterns

    def records(self) -> list[str]:
        lines = self.log_text().splitlines()
        records: list[str] = []
        for line in lines:
            if line.startswith("    ") and records:
                records[-1] += "\n" + line
            else:
                records.append(line)
        return records

    def unexpected_records(self) -> list[str]:
        return [
            record
            for record in self.records()
            if not any(re.search(known, record, re.S) for known in self._expected_log)
        ]

    # ---- ending it ----

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Waits for the end of the process, and gives its exit status."""
        assert self.process.stdout
        self.printed += self.process.stdout.read().splitlines()
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        self._checked = True
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self) -> None:
        for client in self._clients:
            client.close()
        self._answers.close()
        self._door.close()
        assert self.process.stdout
        self.process.stdout.close()

    @contextmanager
    def lent(self) -> Iterator[RunningServer]:
        """For one of several tests, which sees nothing of the others: when the `with`
        ends, there must be what there must be at the end of the process. If the test
        fails, the next ones may."""
        yield self
        if self._checked:
            return
        self.check_nothing_is_left()
        assert self.unexpected_records() == []
        self._log_begin = self.log_file.stat().st_size
        self._expected_log.clear()
        self._clients.clear()

    def check_nothing_is_left(self) -> None:
        for client in self._clients:
            client.close()
        self.wait_until_as_at_start()
        assert not list(self.temporary.iterdir())

    def stop(self) -> None:
        """All the checks of the module's first lines."""
        if self._checked:
            return
        if self.process.poll() is None:
            self.check_nothing_is_left()
            self.signal(signal.SIGTERM)
        self.check_end()

    def check_end(self, status: int = 0) -> None:
        """The process has ended, or is about to: how, and with what in its log."""
        self._checked = True
        assert self.wait() == status, self.log_text()
        self._close()
        assert self.unexpected_records() == []


@contextmanager
def running_server(
    folder: Path,
    code: str,
    routes: Routes | None = None,
    *,
    arguments: list[str] | None = None,
    open_files: int = 0,
    heeds_permissions: bool = False,
    **settings: Any,
) -> Iterator[RunningServer]:
    """`routes` maps "/path" or "GET,POST /path" to a function of the code, to
    "wsgi:NAME", an application of it, to "native:NAME", a function of kit/native.c, or
    to keys of its entry. Root may read everything, unless the process
    `heeds_permissions`."""
    write_project(folder, code, routes, **settings)
    name = settings.get("server_name", "pyrs")
    given = ["project.pyrs", *(arguments or [])]
    before = WITHOUT_RIGHTS if heeds_permissions and os.geteuid() == 0 else ()
    server = RunningServer(folder, given, open_files, name, before)
    with _stopped_at_the_end(server):
        yield server


@contextmanager
def running_application(folder: Path, *words: str) -> Iterator[RunningServer]:
    """`pyrs MODULE:APP` in the folder, on a free port, with the same checks at the
    end."""
    server = RunningServer(folder, [*words, "--port", "0"], 0, "pyrs")
    server.allow_log(ACCESS_LINE)
    with _stopped_at_the_end(server):
        yield server


@contextmanager
def _stopped_at_the_end(server: RunningServer) -> Iterator[RunningServer]:
    try:
        yield server
    except BaseException:
        if not server._checked:
            server.kill()
        raise
    try:
        server.stop()
    finally:
        if server.process.poll() is None:
            server.kill()


@contextmanager
def servers(folder: Path) -> Iterator[Serve]:
    """What starts servers, each in a folder of its own below that one, and checked at
    the end."""
    with ExitStack() as stack:
        count = 0

        def start(*arguments: Any, **settings: Any) -> RunningServer:
            nonlocal count
            count += 1
            own = folder / str(count)
            own.mkdir()
            return stack.enter_context(running_server(own, *arguments, **settings))

        yield start


def write_project(
    folder: Path, code: str, routes: Routes | None = None, **settings: Any
) -> None:
    code = textwrap.dedent(code)
    (folder / "main.py").write_text(code)
    if routes is None:
        names = re.findall(r"^(?:async )?def (\w+)\(request", code, re.M)
        routes = {f"/{name}": name for name in names}
    project = {
        "http_listen_address": "127.0.0.1",
        "http_listen_port": 0,
        "thread_count": 1,
        **settings,
        "modules": [_entry(route, target) for route, target in routes.items()],
    }
    (folder / "project.pyrs").write_text(json.dumps(project, indent=4))


def _entry(route: str, target: str | Mapping[str, Any]) -> dict[str, Any]:
    methods, _, path = route.rpartition(" ")
    entry: dict[str, Any] = {"path": path}
    if methods:
        entry["methods"] = methods.split(",")
    if not isinstance(target, str):
        module = {"module": "main"} if "handler" in target else {}
        return {**entry, **module, **target}
    if target.startswith("wsgi:"):
        return {**entry, "wsgi": f"main:{target.removeprefix('wsgi:')}"}
    if target.startswith("native:"):
        symbol = target.removeprefix("native:")
        return {**entry, "native": str(native_library()), "symbol": symbol}
    return {**entry, "module": "main", "handler": target}


def plain_environment() -> dict[str, str]:
    """For programs that are not under test: without the sanitizers' runtime."""
    return {name: os.environ[name] for name in os.environ if name != "LD_PRELOAD"}


@cache
def native_library() -> Path:
    """kit/native.c, compiled once."""
    from pyrs.include import include_folder

    folder = tempfile.TemporaryDirectory(prefix="pyrs-native-")
    atexit.register(folder.cleanup)
    library = Path(folder.name) / "native.so"
    compiler = os.environ.get("CC", "cc")
    options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(
        [
            *[compiler, *options, f"-I{include_folder()}"],
            *[str(NATIVE), "-o", str(library)],
        ],
        check=True,
        env=plain_environment(),
    )
    return library
