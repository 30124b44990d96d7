"""`pyrs MODULE:APP` and `pyrs --echo`, as processes."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path

import pytest

from pyrs.one_endpoint import load_application

from .command_kit import TIMEOUT, run, serving

MAIN = """\
import os
from types import SimpleNamespace

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"app in ", os.getcwd().encode()]

def create_app(word, times=1):
    def made(environ, start_response):
        start_response("404 Nowhere To Be Found", [("Content-Length", "3")])
        return [word.encode() * times]
    return made

site = SimpleNamespace(web=SimpleNamespace(app=app))
number = 5

def broken():
    open_database()

def open_database():
    raise LookupError("no database")
"""
ACCESS = r"INFO: 127\.0\.0\.1:\d+ - \"%s\" %s\n"
GOT_ROOT = ACCESS % ("GET / HTTP/1.1", "200 OK")
# As installed: without the working directory on its path.
COMMAND = (str(Path(sys.executable).with_name("pyrs")),)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(MAIN)
    return tmp_path


def test_an_application_of_the_working_directory_is_served(folder: Path) -> None:
    with serving(
        "main:app", "-p", "0", cwd=folder, told=GOT_ROOT, program=COMMAND
    ) as server:
        assert server.get("/") == f"app in {folder}"
        assert server.lines == [
            f'INFO: Listen at "127.0.0.1:{server.port}"',
            "INFO: Threads: 64",
        ]


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("main:site.web.app", "app in {folder}"),
        ("package.inner:app", "app in {folder}"),
        ("main:create_app('abc')", "abc"),
        ('main:create_app("a", times=3)', "aaa"),
    ],
)
def test_an_application_is_named_by_attributes_or_by_a_call_that_makes_it(
    folder: Path, word: str, answer: str
) -> None:
    (folder / "package").mkdir()
    (folder / "package" / "inner.py").write_text(MAIN)
    with serving(word, "-p", "0", cwd=folder, told="INFO: .*\n") as server:
        assert server.get("/any/path") == answer.format(folder=folder)


def test_the_line_of_a_request_has_the_status_that_was_sent(folder: Path) -> None:
    line = ACCESS % ("POST /a[?]b=c HTTP/1.1", "404 Not Found")
    words = ("main:create_app('abc')", "-p", "0")
    with serving(*words, cwd=folder, told=line) as server:
        assert server.ask("POST", "/a?b=c", "body") == (404, "abc")


def test_chdir_comes_before_the_import(folder: Path) -> None:
    (folder / "deep").mkdir()
    words = ("--chdir", "..", "main:app", "-p", "0")
    with serving(*words, cwd=folder / "deep", told=GOT_ROOT) as server:
        assert server.get("/") == f"app in {folder}"


def test_without_options_it_listens_on_this_machine_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    loaded = load_application(":")
    loaded.server.close()
    assert (loaded.host, loaded.port) == ("127.0.0.1", 8080)


def test_options_say_where_it_listens(folder: Path) -> None:
    with serving("main:app", "-b", "[::1]:0", cwd=folder, told="INFO: .*\n") as server:
        assert server.lines[0] == f'INFO: Listen at "[::1]:{server.port}"'
        server.get("/", host="::1")
    words = ("--host", "localhost", "--port", "0", "--backlog", "7")
    with serving("main:app", *words, cwd=folder) as server:
        assert server.lines[0] == f'INFO: Listen at "localhost:{server.port}"'


def test_the_largest_body_is_said_by_an_option(folder: Path) -> None:
    options = ("main:app", "-p", "0", "--no-access-log", "--body-limit")
    with serving(*options, "3", cwd=folder) as server:
        assert server.ask("POST", "/", "1234")[0] == 413
        assert server.ask("POST", "/", "123")[0] == 200
    with serving(*options, "0", cwd=folder) as server:
        assert server.ask("POST", "/", "x" * 17 * 1024 * 1024)[0] == 200


def test_it_listens_on_a_unix_socket(folder: Path) -> None:
    told = r'INFO: unix:0 - "GET / HTTP/1\.0" 200 OK\n'
    with serving("main:app", "-b", "unix:a.sock", cwd=folder, told=told) as server:
        assert server.lines[0] == 'INFO: Listen at "unix:a.sock"'
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(TIMEOUT)
            client.connect(str(folder / "a.sock"))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.endswith(b"app in " + bytes(folder))


def test_lines_for_requests_can_be_left_out(folder: Path) -> None:
    with serving("main:app", "-p", "0", "--no-access-log", cwd=folder) as server:
        assert server.ask("GET", "/")[0] == 200


def test_in_a_file_each_record_has_its_time(folder: Path) -> None:
    with serving("main:app", "-p", "0", "--log", "a.log", cwd=folder) as server:
        server.get("/")
    (line,) = (folder / "a.log").read_text().splitlines()
    length = len(f"app in {folder}")
    line_end = rf'INFO 127\.0\.0\.1:\d+ - "GET / HTTP/1\.1" 200 OK {length}'
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d " + line_end, line)


@pytest.mark.parametrize("word", ["--echo", "main:", "nowhere:"])
def test_without_an_application_the_echo_is_served(folder: Path, word: str) -> None:
    posted = ACCESS % ("POST / HTTP/1.1", "200 OK")
    told = f"{GOT_ROOT}{posted}|{posted}{GOT_ROOT}"  # each loop has lines of its own
    with serving(word, "-p", "0", cwd=folder, told=told) as server:
        assert server.ask("GET", "/") == (200, "")
        assert server.ask("POST", "/", '{"bar": 69}') == (200, '{"bar": 69}')


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("mian:app", 'there is no module "mian" in {folder}; did you mean "main"?'),
        ("main:ap", 'module main has no "ap"; did you mean "app"?'),
        ("main:site.wab", 'site has no "wab"; did you mean "web"?'),
        ("main:number", "found a int, expected a WSGI application"),
        ("main:app(", 'found "main:app(", expected "module:attribute"'),
        ("main:app if x else y", 'expected "module:attribute" or "module:factory()"'),
    ],
)
def test_a_name_of_nothing_gives_one_message_and_status_1(
    folder: Path, word: str, message: str
) -> None:
    done = run(word, cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"pyrs: {word}: ")
    assert message.format(folder=folder) in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_fails_while_it_is_imported_is_told_with_the_users_frames_only(
    folder: Path,
) -> None:
    (folder / "kaput.py").write_text("from main import broken\nbroken()\n")
    done = run("kaput:app", cwd=folder)
    assert done.returncode == 1
    first, *trace = done.stderr.splitlines()
    assert first == "pyrs: kaput:app: importing it failed"
    frames = [line.strip() for line in trace if "File" in line]
    assert frames == [
        f'File "{folder}/kaput.py", line 2, in <module>',
        f'File "{folder}/main.py", line 18, in broken',
        f'File "{folder}/main.py", line 21, in open_database',
    ]
    assert trace[-1].strip() == "LookupError: no database"


def test_a_factory_that_fails_is_told_with_the_users_frames_only(folder: Path) -> None:
    done = run("main:broken()", cwd=folder)
    assert done.returncode == 1
    first, *trace = done.stderr.splitlines()
    assert first == "pyrs: main:broken(): broken() failed"
    assert sum("File" in line for line in trace) == 2
    assert trace[-1].strip() == "LookupError: no database"


def test_check_loads_an_application_and_serves_nothing(folder: Path) -> None:
    done = run("check", "main:app", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "/*  all methods  main:app\nmain:app: 1 route, no fault\n"
    assert run("check", "main:ap", cwd=folder).returncode == 1


def test_a_port_in_use_is_told(folder: Path) -> None:
    with serving("main:app", "-p", "0", cwd=folder) as server:
        done = run("main:app", "-p", str(server.port), cwd=folder)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{server.port}: address already" in done.stderr
    assert done.stdout == ""
