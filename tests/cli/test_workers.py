"""`--workers`: processes that serve, and the supervisor that replaces them."""

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from tests.kit import is_there, wait_until

from .command_kit import TIMEOUT, Serving, run, serving, start

MAIN = """\
import os, signal, threading, time

print("main was loaded", flush=True)
if os.path.exists("hold"):
    open("loading", "w").write(str(os.getpid()))
    while os.path.exists("hold"):
        time.sleep(0.01)

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
    "timeouts": {{"stop": {stop}}},
    "modules": [{modules}]
}}"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A project with three workers."""
    (tmp_path / "main.py").write_text(MAIN)
    write_project(tmp_path, 3)
    return tmp_path


def main_of(generation: int) -> str:
    """Each of another size: within a second Python tells files of one size apart by
    nothing else, and would take what it has compiled before."""
    return MAIN.replace("ION = 1", f"ION = {generation}") + "#" * generation


def write_project(folder: Path, workers: int, stop: float = 20) -> None:
    modules = ", ".join(
        f'{{"path": "/{name}", "module": "main", "class": "Api", "handler": "{name}"}}'
        for name in HANDLERS
    )
    text = PROJECT.format(workers=workers, stop=stop, modules=modules)
    (folder / "project.pyrs").write_text(text)


def log_of(folder: Path) -> str:
    path = folder / "log"
    return path.read_text() if path.exists() else ""


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
    assert "".join(server.lines).count("main was loaded") == 3
    assert server.lines.count("Starting pyrs server...") == 1
    assert not any(map(is_there, workers))


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
    complaints = r"(pyrs: \d+ faults? in .*)+"
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
    assert not any(map(is_there, workers))


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
    write_project(site, 3, stop=0.1)
    with serving("project.pyrs", cwd=site) as server:
        stopped = await_workers(site, 3)[1]
        os.kill(stopped, signal.SIGSTOP)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(TIMEOUT) == 0
    assert f"ERROR killing worker {stopped}: it did not end" in log_of(site)
    assert not is_there(stopped)


def test_sighup_loads_the_project_anew_in_one_after_the_other(site: Path) -> None:
    with serving("project.pyrs", cwd=site) as server:
        old = await_workers(site, 3)
        (site / "main.py").write_text(main_of(2))
        with connected(server, "/slow") as client:
            await_file(site / "in")
            server.process.send_signal(signal.SIGHUP)
            new = await_workers(site, 6)[3:]
            await_log(site, r"worker \d+ has ended with status 0", 2)
            wait_until(lambda: {serves(server)[1] for _ in range(9)} == {2})
            (site / "go").touch()
            assert client.recv(65536).endswith(b"done")
        await_log(site, r"worker \d+ has ended with status 0", 3)
        assert not any(map(is_there, old))
        assert all(map(is_there, new))


@pytest.mark.parametrize("is_kept", [False, True])
def test_requests_are_answered_while_workers_are_replaced(
    site: Path, is_kept: bool
) -> None:
    """On new connections, and on those that are in use."""
    over = threading.Event()
    answered: set[str] = set()
    faults: list[Exception] = []

    def ask(server: Serving) -> None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
        while not over.is_set():
            begun = time.monotonic()
            try:
                connection.request("GET", "/pid")
                answered.add(connection.getresponse().read().decode())
            except (OSError, HTTPException) as error:
                connection.close()
                if time.monotonic() - begun < 0.1:  # else it was kept waiting
                    faults.append(error)
            if not is_kept:
                connection.close()
        connection.close()

    write_project(site, 2)
    with serving("project.pyrs", cwd=site) as server:
        await_workers(site, 2)
        askers = [threading.Thread(target=ask, args=[server]) for _ in range(3)]
        for asker in askers:
            asker.start()
        for times in (1, 2, 3):
            server.process.send_signal(signal.SIGHUP)
            await_log(site, r"worker \d+ has ended with status 0", 2 * times)
        over.set()
        for asker in askers:
            asker.join(TIMEOUT)
    assert faults == []
    assert len(answered) >= 4


def test_what_cannot_be_loaded_replaces_nothing(site: Path) -> None:
    complaint = r"pyrs: 5 faults in .*NameError: name 'nothing' is not defined\n"
    with serving("project.pyrs", cwd=site, told=complaint) as server:
        old = await_workers(site, 3)
        (site / "main.py").write_text("nothing\n")
        server.process.send_signal(signal.SIGHUP)
        await_log(site, r"with status 1, before it served; those that serve go on")
        assert {serves(server)[0] for _ in range(9)} <= set(old)
        assert all(map(is_there, old))
        (site / "main.py").write_text(main_of(3))
        server.process.send_signal(signal.SIGHUP)
        await_log(site, r"worker \d+ has ended with status 0", 3)
        assert serves(server)[1] == 3


def test_a_project_that_cannot_be_loaded_serves_nothing(site: Path) -> None:
    (site / "main.py").write_text("raise RuntimeError('not today')\n")
    done = run("project.pyrs", cwd=site)
    assert done.returncode == 1
    assert "RuntimeError: not today" in done.stderr
    assert done.stderr.count("pyrs: ") == 1


# ---- while others load, end or wait ----


def hold(site: Path) -> None:
    """What is loaded from now on waits until it is released."""
    (site / "hold").touch()


def release(site: Path) -> None:
    (site / "hold").unlink()


def await_loading(site: Path) -> int:
    """The process that waits."""
    path = site / "loading"
    return int(wait_until(lambda: path.exists() and path.read_text()))


def test_a_successor_that_ends_while_the_one_before_drains_is_replaced(
    site: Path,
) -> None:
    write_project(site, 1)
    with serving("project.pyrs", cwd=site) as server:
        await_workers(site, 1)
        with connected(server, "/slow") as client:
            await_file(site / "in")
            server.process.send_signal(signal.SIGHUP)
            os.kill(await_workers(site, 2)[1], signal.SIGKILL)
            third = await_workers(site, 3)[2]
            wait_until(lambda: serves(server)[0] == third)
            (site / "go").touch()
            assert client.recv(65536).endswith(b"done")


def test_one_that_ends_while_its_successor_loads_holds_nobody_up(site: Path) -> None:
    with serving("project.pyrs", cwd=site) as server:
        first = await_workers(site, 3)[0]
        (site / "main.py").write_text(main_of(2))
        hold(site)
        server.process.send_signal(signal.SIGHUP)
        await_loading(site)
        os.kill(first, signal.SIGKILL)
        await_log(site, f"worker {first} has ended .*; another one is about to serve")
        release(site)
        await_workers(site, 6)
        wait_until(lambda: {serves(server)[1] for _ in range(9)} == {2})


def test_who_drains_after_a_sighup_is_not_cut_by_one_sigterm(site: Path) -> None:
    write_project(site, 1)
    with serving("project.pyrs", cwd=site) as server:
        old = await_workers(site, 1)[0]
        with connected(server, "/slow") as client:
            await_file(site / "in")
            server.process.send_signal(signal.SIGHUP)
            new = await_workers(site, 2)[1]
            server.process.send_signal(signal.SIGTERM)
            await_log(site, f"worker {new} has ended with status 0")
            os.kill(old, signal.SIGTERM)  # as systemd, which tells everybody
            os.kill(old, signal.SIGTERM)
            (site / "go").touch()
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.endswith(b"\r\n\r\ndone")
        assert server.process.wait(TIMEOUT) == 0


def test_nobody_connects_any_more_once_it_stops(site: Path) -> None:
    with serving("project.pyrs", cwd=site) as server:
        await_workers(site, 3)
        with connected(server, "/slow") as client:
            await_file(site / "in")
            server.process.send_signal(signal.SIGTERM)
            await_log(site, r"worker \d+ has ended with status 0", 2)

            def is_refused() -> bool:
                try:
                    socket.create_connection(("127.0.0.1", server.port), 1).close()
                except ConnectionRefusedError:
                    return True
                return False

            wait_until(is_refused)
            (site / "go").touch()
            assert client.recv(65536).endswith(b"done")
        assert server.process.wait(TIMEOUT) == 0


def test_a_drained_one_that_hangs_is_killed(site: Path) -> None:
    write_project(site, 1, stop=0.1)
    with serving("project.pyrs", cwd=site) as server:
        old = await_workers(site, 1)[0]
        os.kill(old, signal.SIGSTOP)
        server.process.send_signal(signal.SIGHUP)
        await_log(site, f"worker {old} has ended by signal 9")
        assert serves(server)[0] == await_workers(site, 2)[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_it_serves_does_what_it_did_before(
    site: Path, number: signal.Signals
) -> None:
    hold(site)
    with start("project.pyrs", cwd=site) as process:
        loading = await_loading(site)
        process.send_signal(number)
        expected = 130 if number == signal.SIGINT else -number
        assert process.wait(TIMEOUT) == expected
    assert not is_there(loading)


def test_one_that_loads_while_logs_are_reopened_writes_to_the_new_one(
    site: Path,
) -> None:
    write_project(site, 1)
    with serving("project.pyrs", "--access-log", cwd=site) as server:
        old = await_workers(site, 1)[0]
        hold(site)
        server.process.send_signal(signal.SIGHUP)
        await_loading(site)
        (site / "log").rename(site / "log.1")
        server.process.send_signal(signal.SIGUSR1)
        await_file(site / "log")
        release(site)
        await_log(site, f"worker {old} has ended")
        wait_until(lambda: server.get("/pid") and "GET /pid" in log_of(site))


def test_what_the_supervisor_holds_stays_as_it_was(site: Path) -> None:
    with serving("project.pyrs", cwd=site) as server:
        await_workers(site, 3)
        text = (site / "project.pyrs").read_text()
        for old, new in {
            '"worker_count": 3': '"worker_count": 2',
            '"thread_count": 1': '"thread_count": 2',
            '"http_listen_address": "127.0.0.1"': '"http_listen_address": "::1"',
            '"log": "log"': '"log": "other"',
        }.items():
            assert old in text
            text = text.replace(old, new)
        (site / "project.pyrs").write_text(text)
        server.process.send_signal(signal.SIGHUP)
        new_ones = await_workers(site, 6)[3:]
        await_log(site, r"worker \d+ has ended with status 0", 3)
        assert serves(server)[0] in new_ones
    assert not (site / "other").exists()


def test_a_newer_sighup_does_not_wait_for_who_hangs_while_it_loads(site: Path) -> None:
    with serving("project.pyrs", cwd=site) as server:
        await_workers(site, 3)
        hold(site)
        server.process.send_signal(signal.SIGHUP)
        hangs = await_loading(site)
        (site / "main.py").write_text(main_of(4).replace("hold", "none"))
        server.process.send_signal(signal.SIGHUP)
        await_workers(site, 6)
        await_log(site, f"worker {hangs} has ended by signal 15")
        wait_until(lambda: {serves(server)[1] for _ in range(9)} == {4})


def test_a_worker_gives_its_requests_as_long_as_its_own_project_says(
    site: Path,
) -> None:
    write_project(site, 1, stop=0.1)
    with serving("project.pyrs", cwd=site) as server:
        await_workers(site, 1)
        write_project(site, 1)
        server.process.send_signal(signal.SIGHUP)
        await_workers(site, 2)
        await_log(site, "has ended with status 0")
        with connected(server, "/slow") as client:
            await_file(site / "in")
            server.process.send_signal(signal.SIGTERM)
            time.sleep(6)  # longer than it had before
            (site / "go").touch()
            assert client.recv(65536).endswith(b"done")
        assert server.process.wait(TIMEOUT) == 0


ENDS_SLOWLY = """
import atexit, threading

class Slow(Api):
    def stop(self):
        open("stopping", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
        open("stopped", "w").close()

atexit.register(lambda: open("at exit", "w").close())
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
"""


def test_sigterm_does_not_end_one_that_ends_already(site: Path) -> None:
    (site / "main.py").write_text(MAIN + ENDS_SLOWLY)
    write_project(site, 1)
    path = site / "project.pyrs"
    path.write_text(path.read_text().replace('"Api"', '"Slow"'))
    with serving("project.pyrs", cwd=site) as server:
        worker = await_workers(site, 1)[0]
        server.process.send_signal(signal.SIGTERM)
        await_file(site / "stopping")
        os.kill(worker, signal.SIGTERM)
        os.kill(worker, signal.SIGTERM)
        (site / "go").touch()
        assert server.process.wait(TIMEOUT) == 0
    assert f"worker {worker} has ended with status 0" in log_of(site)
    assert (site / "stopped").exists()
    assert (site / "at exit").exists()


def test_a_second_signal_kills_who_does_not_even_hear_it(site: Path) -> None:
    write_project(site, 1, stop=0)
    with serving("project.pyrs", cwd=site) as server:
        worker = await_workers(site, 1)[0]
        os.kill(worker, signal.SIGSTOP)
        server.process.send_signal(signal.SIGTERM)
        await_log(site, "")
        wait_until(lambda: no_listener(server), "the first one was heard")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(TIMEOUT) == 0
    assert f"killing worker {worker}: it did not end" in log_of(site)


def no_listener(server: Serving) -> bool:
    """The supervisor's own sockets are closed; a stopped worker's are still open."""
    folder = Path(f"/proc/{server.process.pid}/fd")
    for link in folder.iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if "socket:" in str(link.readlink()):
                return False
    return True


# ---- at the edges ----


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_standard_descriptors_may_be_closed(site: Path, closed: str) -> None:
    text = (site / "project.pyrs").read_text()
    (site / "project.pyrs").write_text(text.replace('"log": "log",', ""))
    shell = ("sh", "-c", f'exec "$@" {closed}', "sh")
    words = ("project.pyrs", "-b", "unix:a.sock")
    with start(*words, cwd=site, before=shell) as process:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(TIMEOUT)
            # There is a moment between its name and its listening.
            wait_until(lambda: client.connect_ex(str(site / "a.sock")) == 0)
            client.sendall(b"GET /pid HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.endswith(b" 1")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_until(lambda: len(children.read_text().split()) == 3)
        process.terminate()
        assert process.wait(TIMEOUT) == 0


def test_who_reads_what_is_said_at_the_start_may_leave(site: Path) -> None:
    shell = ("sh", "-c", '"$@" | head -n 6', "sh")
    (site / "main.py").write_text(
        MAIN.replace('print("main was loaded", flush=True)', "")
    )
    with start("project.pyrs", cwd=site, before=shell):
        first = await_workers(site, 3)[0]
        supervisor = parent_of(first)
        assert is_there(supervisor)
        os.kill(supervisor, signal.SIGTERM)
        wait_until(lambda: not is_there(supervisor))
    assert log_of(site).count("has ended with status 0") == 3


def parent_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"PPid:\s+(\d+)", status)
    assert found
    return int(found[1])


def test_an_ignored_signal_stops_it_with_its_status(site: Path) -> None:
    hold(site)
    shell = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
    with start("project.pyrs", cwd=site, before=shell) as process:
        await_loading(site)
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT) == 130


def test_a_log_that_is_full_ends_nothing(site: Path) -> None:
    with serving("project.pyrs", "-l", "/dev/full", cwd=site) as server:
        first, _ = serves(server)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: {serves(server)[0] for _ in range(9)} - {first})


def test_files_and_programs_have_workers_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    words = ("--root", ".", "-p", "0", "-w", "2", "-l", "log", "-v")
    with serving(*words, cwd=tmp_path) as server:
        assert server.lines[1] == "INFO: Workers: 2"
        assert server.get("/a.txt") == "hello"
    program = tmp_path / "cgi-bin" / "who"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s' $PPID\n")
    program.chmod(0o755)
    (tmp_path / "project.pyrs").write_text(
        '{"http_listen_address": "127.0.0.1", "http_listen_port": 0, "log": "new", '
        '"log_level": "info", "modules": [{"path": "/", "cgi": "cgi-bin"}]}'
    )
    with serving("project.pyrs", "-w", "2", cwd=tmp_path) as server:
        assert re.fullmatch(r"\d+", server.get("/who"))


@pytest.mark.parametrize("value", ["300", "abc", "-1"])
def test_the_environment_may_not_say_anything(
    site: Path, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", value)
    done = run("project.pyrs", cwd=site)
    assert done.returncode == 2
    assert "--workers" in done.stderr


def test_workers_end_with_their_supervisor(site: Path) -> None:
    with serving("project.pyrs", cwd=site, status=-signal.SIGKILL) as server:
        workers = await_workers(site, 3)
        server.process.kill()
        wait_until(lambda: not any(map(is_there, workers)), "the end of all workers")


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
