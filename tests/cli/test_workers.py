"""`--workers`: processes that serve, and the supervisor that replaces them."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.kit.server import wait_until

from .command_kit import TIMEOUT, Serving, run, serving

MAIN = """\
import os, signal, threading, time

print("main was loaded", flush=True)

class Api:
    def pid(self, request):
        return f"{os.getpid()} {GENERATION}"

    def leave(self, request):
        os._exit(7)

    def crash(self, request):
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(30)

    def slow(self, request):
        open("in", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
        return "done"

    def stuck(self, request):
        open("in", "w").close()
        while True:
            time.sleep(60)

GENERATION = 1
"""
HANDLERS = ("pid", "leave", "crash", "slow", "stuck")
PROJECT = """{{
    "http_listen_address": "127.0.0.1",
    "http_listen_port": 0,
    "thread_count": 1,
    "worker_count": {workers},
    "log": "log",
    "log_level": "info",
    "timeouts": {{"stop": 20}},
    "modules": [{modules}]
}}"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A project with three workers."""
    (tmp_path / "main.py").write_text(MAIN)
    write_project(tmp_path, 3)
    return tmp_path


def write_project(folder: Path, workers: int) -> None:
    modules = ", ".join(
        f'{{"path": "/{name}", "module": "main", "class": "Api", "handler": "{name}"}}'
        for name in HANDLERS
    )
    text = PROJECT.format(workers=workers, modules=modules)
    (folder / "project.pyrs").write_text(text)


def log_of(folder: Path) -> str:
    return (folder / "log").read_text()


def await_log(folder: Path, pattern: str, times: int = 1) -> list[str]:
    """What is found when the log has it so often."""

    def found() -> list[str] | None:
        lines = re.findall(pattern, log_of(folder))
        return lines if len(lines) >= times else None

    lines: list[str] = wait_until(found, lambda: f"{pattern} in {log_of(folder)}")
    return lines


def await_workers(folder: Path, count: int) -> list[int]:
    """Their process ids, once so many have said that they serve."""
    return [int(pid) for pid in await_log(folder, r"worker (\d+) serves", count)]


def serves(server: Serving) -> tuple[int, int]:
    """The process that answered, and which code it had loaded."""
    pid, generation = server.get("/pid").split()
    return int(pid), int(generation)


def is_alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


@contextmanager
def connected(server: Serving, path: str) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        yield client


def await_file(path: Path) -> None:
    wait_until(path.exists, str(path))


def test_each_serves_and_the_first_one_says_what_was_loaded(site: Path) -> None:
    with serving("project.pyrs", cwd=site) as server:
        assert server.lines[:3] == [
            "Starting pyrs server...",
            "main was loaded",
            "Added route /pid",
        ]
        assert server.lines[-4:] == [
            "Address: 127.0.0.1",
            f"Port: {server.port}",
            "Workers: 3",
            "Listening...",
        ]
        workers = await_workers(site, 3)
        assert server.process.pid not in workers
        unheard = set(workers)

        def all_were_heard() -> bool:
            unheard.discard(serves(server)[0])
            return not unheard

        wait_until(all_were_heard)
    assert server.lines.count("main was loaded") == 3
    assert server.lines.count("Starting pyrs server...") == 1
    assert not any(map(is_alive, workers))


@pytest.mark.parametrize(
    ("path", "how"),
    [("/leave", "with status 7"), ("/crash", r"by signal 11 \(SIGSEGV\)")],
)
def test_the_end_of_one_is_said_and_another_one_takes_its_place(
    site: Path, path: str, how: str
) -> None:
    write_project(site, 1)
    with serving("project.pyrs", cwd=site) as server:
        (first,) = await_workers(site, 1)
        assert serves(server)[0] == first
        with connected(server, path) as client, suppress(ConnectionResetError):
            assert client.recv(1) == b""
        (pid,) = await_log(site, rf"ERROR worker (\d+) has ended {how}; another one")
        assert int(pid) == first
        # It waits in the socket until there is a worker again.
        second, _ = serves(server)
        assert second == await_workers(site, 2)[1] != first


def test_one_that_ends_at_once_is_started_after_a_growing_pause(site: Path) -> None:
    write_project(site, 1)
    complaints = r"(pyrs: 5 faults in .*)+"
    with serving("project.pyrs", cwd=site, told=complaints) as server:
        await_workers(site, 1)
        (site / "main.py").write_text("nothing\n")
        with connected(server, "/leave"):
            ends = r"worker \d+ has ended with status 1, before it served; another "
            pauses = await_log(site, ends + r"one is started in ([\d.]+) s", 2)
        (site / "main.py").write_text(MAIN)
        assert float(pauses[1]) == 2 * float(pauses[0])
        await_workers(site, 2)
        assert serves(server)[1] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_running_requests_finish(
    site: Path, number: signal.Signals
) -> None:
    with serving("project.pyrs", cwd=site) as server:
        workers = await_workers(site, 3)
        with connected(server, "/slow") as client:
            await_file(site / "in")
            server.process.send_signal(number)
            await_log(site, r"worker \d+ has ended with status 0", 2)
            (site / "go").touch()
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.endswith(b"\r\n\r\ndone")
        assert server.process.wait(TIMEOUT) == 0
    assert not any(map(is_alive, workers))


def test_a_second_signal_does_not_wait_for_them(site: Path) -> None:
    write_project(site, 2)
    complaint = "pyrs: stopped; requests that were still running have been cut off\n"
    with serving("project.pyrs", cwd=site, told=complaint) as server:
        await_workers(site, 2)
        with connected(server, "/stuck"):
            await_file(site / "in")
            server.process.send_signal(signal.SIGTERM)
            await_log(site, r"worker \d+ has ended with status 0")
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(TIMEOUT) == 0
    assert "its thread is left behind" in log_of(site)


def test_one_that_does_not_end_is_killed(site: Path) -> None:
    text = (site / "project.pyrs").read_text()
    (site / "project.pyrs").write_text(text.replace('"stop": 20', '"stop": 0.1'))
    with serving("project.pyrs", cwd=site) as server:
        stopped = await_workers(site, 3)[1]
        os.kill(stopped, signal.SIGSTOP)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(TIMEOUT) == 0
    assert "ERROR killing workers that have not ended" in log_of(site)
    assert not is_alive(stopped)


def test_sighup_loads_the_project_anew_in_one_after_the_other(site: Path) -> None:
    with serving("project.pyrs", cwd=site) as server:
        old = await_workers(site, 3)
        (site / "main.py").write_text(MAIN.replace("ION = 1", "ION = 2"))
        with connected(server, "/slow") as client:
            await_file(site / "in")
            server.process.send_signal(signal.SIGHUP)
            new = await_workers(site, 6)[3:]
            await_log(site, r"worker \d+ has ended with status 0", 2)
            wait_until(lambda: {serves(server)[1] for _ in range(9)} == {2})
            (site / "go").touch()
            assert client.recv(65536).endswith(b"done")
        await_log(site, r"worker \d+ has ended with status 0", 3)
        assert not any(map(is_alive, old))
        assert all(map(is_alive, new))


def test_what_cannot_be_loaded_replaces_nothing(site: Path) -> None:
    complaint = r"pyrs: 5 faults in .*NameError: name 'nothing' is not defined\n"
    with serving("project.pyrs", cwd=site, told=complaint) as server:
        old = await_workers(site, 3)
        (site / "main.py").write_text("nothing\n")
        server.process.send_signal(signal.SIGHUP)
        await_log(site, r"with status 1, before it served; those there are go on")
        assert {serves(server)[0] for _ in range(9)} <= set(old)
        assert all(map(is_alive, old))
        (site / "main.py").write_text(MAIN.replace("ION = 1", "ION = 3"))
        server.process.send_signal(signal.SIGHUP)
        await_log(site, r"worker \d+ has ended with status 0", 3)
        assert serves(server)[1] == 3


def test_a_project_that_cannot_be_loaded_serves_nothing(site: Path) -> None:
    (site / "main.py").write_text("raise RuntimeError('not today')\n")
    done = run("project.pyrs", cwd=site)
    assert done.returncode == 1
    assert "RuntimeError: not today" in done.stderr
    last = done.stderr.splitlines()[-1]
    expected = r"pyrs: the first worker \d+ has ended with status 1, before it served"
    assert re.fullmatch(expected, last)


def test_workers_end_with_their_supervisor(site: Path) -> None:
    with serving("project.pyrs", cwd=site, status=-signal.SIGKILL) as server:
        workers = await_workers(site, 3)
        server.process.kill()
        wait_until(lambda: not any(map(is_alive, workers)), "the end of all workers")


def test_sigusr1_has_all_logs_reopened(site: Path) -> None:
    with serving("project.pyrs", "--access-log", cwd=site) as server:
        await_workers(site, 3)
        (site / "log").rename(site / "log.1")
        server.process.send_signal(signal.SIGUSR1)
        await_file(site / "log")
        wait_until(
            lambda: server.get("/pid") and log_of(site).count("GET /pid") >= 9,
            lambda: log_of(site),
        )
        server.process.send_signal(signal.SIGHUP)
        await_log(site, "replacing all workers")


def test_a_unix_socket_is_removed_at_the_end_only(site: Path) -> None:
    path = site / "a.sock"

    def ask() -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(TIMEOUT)
            client.connect(str(path))
            client.sendall(b"GET /pid HTTP/1.0\r\n\r\n")
            return b"".join(iter(lambda: client.recv(65536), b""))

    with serving("-b", "unix:a.sock", cwd=site) as server:
        first = await_workers(site, 3)[0]
        os.kill(first, signal.SIGTERM)
        await_log(site, rf"worker {first} has ended with status 0; another one")
        await_workers(site, 4)
        assert ask().endswith(b" 1")
        assert server.lines[-2:] == ["Workers: 3", "Listening..."]
    assert not path.exists()


def test_a_port_in_use_is_said_once(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = run("-p", str(other.getsockname()[1]), cwd=site)
    assert done.returncode == 1
    assert re.fullmatch(
        r"pyrs: cannot listen on .*address already in use.*\n", done.stderr
    )
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "variable", "count"),
    [
        ([], "", 3),
        (["-w", "2"], "", 2),
        ([], "1", 1),
        (["--workers", "2"], "1", 2),
        (["--workers", "0"], "1", 0),
    ],
)
def test_how_many_is_said_by_the_option_the_environment_or_the_file(
    site: Path,
    words: list[str],
    variable: str,
    count: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if variable:
        monkeypatch.setenv("WEB_CONCURRENCY", variable)
    with serving(*words, cwd=site) as server:
        told = [line for line in server.lines if line.startswith("Workers")]
        assert told == ([f"Workers: {count}"] if count else [])
        if count:
            await_workers(site, count)
        else:
            assert serves(server)[0] == server.process.pid


APPLICATION = """\
import os

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d %d" % (os.getpid(), environ["wsgi.multiprocess"])]
"""


@pytest.mark.parametrize("count", [1, 2])
def test_an_application_is_told_that_there_are_others(
    tmp_path: Path, count: int
) -> None:
    (tmp_path / "main.py").write_text(APPLICATION)
    words = ("main:app", "-p", "0", "-w", str(count), "-l", "log", "-v")
    with serving(*words, cwd=tmp_path) as server:
        assert server.lines[1] == f"INFO: Workers: {count}"
        workers = await_workers(tmp_path, count)
        pid, multiprocess = server.get("/").split()
        assert int(pid) in workers
        assert multiprocess == str(int(count > 1))
