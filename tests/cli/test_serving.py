"""`pyrs project.pyrs` and its options, as processes."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from .command_kit import TIMEOUT, run, serving

# pyrs without the capabilities that root has, whoever runs the test.
POWERLESS = """\
import ctypes, sys, pyrs.cli
version_3 = (ctypes.c_uint32 * 2)(0x20080522, 0)
assert ctypes.CDLL(None).capset(version_3, (ctypes.c_uint32 * 6)()) == 0
sys.exit(pyrs.cli.main(sys.argv[1:]))
"""


def test_a_start_prints_what_was_loaded_and_where_it_listens(project: Path) -> None:
    with serving("project.pyrs", cwd=project) as server:
        assert server.lines == [
            "Starting pyrs server...",
            "Api module is initialized",
            "Added route /hello",
            "Added route /where",
            "Added route /fail",
            "Address: 127.0.0.1",
            f"Port: {server.port}",
            "Listening...",
        ]
        assert server.get("/hello") == "world"


def test_without_a_word_the_project_of_the_working_directory_is_served(
    project: Path,
) -> None:
    with serving(cwd=project) as server:
        assert server.get("/hello") == "world"


def test_modules_are_found_whatever_the_working_directory(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with serving(str(project / "project.pyrs"), cwd=elsewhere) as server:
        assert server.get("/hello") == "world"
        assert server.get("/where") == str(elsewhere)


def test_chdir_comes_before_everything_else(project: Path) -> None:
    (project / "deep").mkdir()
    with serving("--chdir", "..", "project.pyrs", cwd=project / "deep") as server:
        assert server.get("/where") == str(project)


@pytest.mark.parametrize("name", ["new", "check"])
def test_a_file_that_is_called_as_a_command_is_still_served(
    project: Path, name: str
) -> None:
    (project / "project.pyrs").rename(project / name)
    with serving(f"./{name}", cwd=project) as server:
        assert server.get("/hello") == "world"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_with_status_0(project: Path, number: signal.Signals) -> None:
    with serving("project.pyrs", cwd=project) as server:
        assert server.get("/hello") == "world"
        server.process.send_signal(number)
        assert server.process.wait(TIMEOUT) == 0


def test_a_signal_lets_a_running_request_finish(project: Path) -> None:
    (project / "main.py").write_text(
        "import sys\ndef slow(request):\n"
        "    print('in', flush=True)\n    sys.stdin.readline()\n    return 'done'\n"
    )
    (project / "project.pyrs").write_text(
        '{"http_listen_address": "127.0.0.1", "http_listen_port": 0, "modules": '
        '[{"path": "/", "module": "main", "handler": "slow"}]}'
    )
    with serving("project.pyrs", cwd=project, stdin=subprocess.PIPE) as server:
        assert server.process.stdin
        assert server.process.stdout
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert server.process.stdout.readline() == "in\n"
            server.process.send_signal(signal.SIGTERM)
            server.process.stdin.write("go on\n")
            server.process.stdin.flush()
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.endswith(b"\r\n\r\ndone")
        assert server.process.wait(TIMEOUT) == 0


def test_options_stand_above_the_file(project: Path) -> None:
    with serving("--host", "127.0.0.1", "--threads", "1", cwd=project) as server:
        assert "Address: 127.0.0.1" in server.lines
    with serving("--bind", "localhost:0", "--backlog", "7", cwd=project) as server:
        assert "Address: localhost" in server.lines
        assert server.get("/hello") == "world"
    with serving("-b", "[::1]", "-p", "0", cwd=project) as server:
        assert server.get("/hello", host="::1") == "world"


@pytest.mark.parametrize("option", ["--host", "--bind", "-b"])
def test_a_unix_socket_has_no_port(project: Path, option: str) -> None:
    with serving(option, "unix:a.sock", cwd=project) as server:
        assert server.lines[-2:] == ["Address: unix:a.sock", "Listening..."]
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(TIMEOUT)
            client.connect(str(project / "a.sock"))
            client.sendall(b"GET /hello HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.endswith(b"world")
    assert not (project / "a.sock").exists()


def test_a_unix_socket_in_the_file_lies_beside_it(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = project / "project.pyrs"
    file.write_text(file.read_text().replace("127.0.0.1", "unix:b.sock"))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with serving(str(file), cwd=elsewhere) as server:
        assert f"Address: unix:{project}/b.sock" in server.lines
        assert (project / "b.sock").is_socket()


@pytest.mark.parametrize("option", ["-l", "--log", "--file-log"])
def test_the_log_goes_to_a_file(project: Path, option: str) -> None:
    with serving(option, "a.log", cwd=project) as server:
        assert server.ask("GET", "/fail")[0] == 500
    log = (project / "a.log").read_text()
    assert "RuntimeError: no database" in log
    assert "GET /fail" in log


def test_the_log_of_the_file_lies_beside_it(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = project / "project.pyrs"
    file.write_text(file.read_text().replace("{", '{"log": "b.log",', 1))
    with serving(str(file), cwd=tmp_path_factory.mktemp("elsewhere")) as server:
        server.get("/fail")
    assert "no database" in (project / "b.log").read_text()


def test_an_access_log_has_a_line_for_each_request(project: Path) -> None:
    file = project / "project.pyrs"
    with serving("--access-log", "--log", "a.log", cwd=project) as server:
        server.get("/hello")
        server.get("/nothing")
    log = (project / "a.log").read_text()  # each loop has lines of its own
    hello, nothing = sorted(log.splitlines(), key=lambda line: line.split('"')[1])
    assert '"GET /hello HTTP/1.1" 200 OK' in hello
    assert '"GET /nothing HTTP/1.1" 404 Not Found' in nothing
    file.write_text(file.read_text().replace("{", '{"access_log": true,', 1))
    with serving("--no-access-log", cwd=project) as server:
        server.get("/hello")


def test_sigusr1_reopens_the_log(project: Path) -> None:
    with serving("--log", "a.log", cwd=project) as server:
        server.get("/fail")
        (project / "a.log").rename(project / "a.log.1")
        server.process.send_signal(signal.SIGUSR1)
        while not (project / "a.log").exists():
            assert server.process.poll() is None
            server.get("/hello")
        server.get("/fail")
    assert "no database" in (project / "a.log").read_text()


def test_two_servers_cannot_have_the_same_port(project: Path) -> None:
    with serving("project.pyrs", cwd=project) as server:
        second = run("project.pyrs", "-p", str(server.port), cwd=project)
        assert server.get("/hello") == "world"
    assert second.returncode == 1
    assert second.stderr == (
        f"pyrs: cannot listen on 127.0.0.1:{server.port}: address already in use "
        "(another program listens there; choose another port)\n"
    )
    assert "Listening..." not in second.stdout


def test_an_address_of_another_machine_is_refused(project: Path) -> None:
    done = run("--host", "192.0.2.1", cwd=project)
    assert done.returncode == 1
    assert done.stderr.startswith("pyrs: cannot listen on 192.0.2.1:0: ")
    assert "this machine has no such address" in done.stderr


def test_a_port_below_1024_without_rights_is_refused(project: Path) -> None:
    allowed = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    assert int(allowed.read_text()) > 1, "this system lets everybody bind every port"
    done = run("project.pyrs", "-p", "1", cwd=project, program=("-c", POWERLESS))
    assert done.returncode == 1
    assert done.stderr == (
        "pyrs: cannot listen on 127.0.0.1:1: permission denied (ports below 1024 need "
        "rights that this user lacks; choose another port)\n"
    )
