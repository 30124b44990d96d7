"""Middleware, error pages, start and stop in a project: served, and faulty."""

import sys
from collections.abc import Callable
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals
from subprocess import PIPE, Popen

import pytest

from .command_kit import TIMEOUT, run, serving

MAIN = """\
import asyncio
import threading

class Api:
    def __init__(self): print("made Api")
    def start(self): print("start Api", flush=True)
    def stop(self): print("stop Api", flush=True)
    def hello(self, request): return "world"
    def divide(self, request): 1 / 0

class Database:
    def start(self):
        connect()
    def get(self, request): return "data"

def connect():
    raise OSError("no database")

class Later:
    async def start(self): print("start Later", flush=True)
    async def stop(self): print("stop Later", flush=True)
    async def hello(self, request): return "later"

class Unlucky:
    async def start(self): raise OSError("no database later")
    def hello(self, request): return "later"

class Stuck:
    def stop(self):
        print("stop Stuck", flush=True)
        threading.Event().wait()
    def hello(self, request): return "never stops"

class StuckLater(Stuck):
    async def stop(self):
        print("stop Stuck", flush=True)
        await asyncio.Event().wait()

class Jobs:
    def start(self, request): return "started"
    def show(self, request): return "jobs"

class Stamp:
    def before(self, request): print("before", request.path, flush=True)
    def after(self, request, response): response.body = f"<{response.body}>"

class Hasty:
    async def before(self, request): pass

class Odd:
    def before(self): pass

class Attribute:
    after = 5

class Needy:
    def start(self, database): pass
    def before(self, request): pass

class Pages:
    def lost(self, request, error): return f"{error.status} at {request.path}"
    def alone(self, request): return ""

async def lost(request, error): return ""
"""

HELLO = '{"path": "/hello", "module": "main", "class": "Api", "handler": "hello"}'
Told = Callable[[str], list[str]]


def write(folder: Path, text: str) -> None:
    (folder / "main.py").write_text(MAIN)
    (folder / "project.pyrs").write_text(text)


PROJECT = """{
  "http_listen_address": "127.0.0.1", "http_listen_port": 0, "log": "a.log",
  "middleware": [{"module": "main", "class": "Stamp"}],
  "errors": {"404": {"module": "main", "class": "Pages", "handler": "lost"},
             "500": {"module": "main", "class": "Pages", "handler": "lost"}},
  "modules": [
    {"path": "/hello", "module": "main", "class": "Api", "handler": "hello"},
    {"path": "/divide", "module": "main", "class": "Api", "handler": "divide"},
    {"path": "/jobs", "module": "main", "class": "Jobs", "handler": "show"},
    {"path": "/start", "module": "main", "class": "Jobs", "handler": "start"}]
}"""


def test_a_project_with_hooks_is_served(tmp_path: Path) -> None:
    write(tmp_path, PROJECT)
    with serving("project.pyrs", cwd=tmp_path) as server:
        assert server.lines.index("start Api") < server.lines.index("Listening...")
        assert server.lines.count("start Api") == server.lines.count("made Api") == 2
        assert server.get("/hello") == "<world>"
        assert server.ask("GET", "/divide") == (500, "<500 at /divide>")
        assert server.ask("GET", "/nothing") == (404, "<404 at /nothing>")
        assert server.get("/jobs") == "<jobs>"
        assert server.get("/start") == "<started>"
    assert "main.Api.divide raised:" in (tmp_path / "a.log").read_text()


def faults(folder: Path, command: str, text: str) -> list[str]:
    write(folder, text)
    done = run(command, "project.pyrs", cwd=folder)
    assert done.returncode == 1
    head, *told = done.stderr.splitlines()
    assert head == "pyrs: 1 fault in project.pyrs"
    return told


@pytest.mark.parametrize(
    ("hooks", "fault"),
    [
        (
            '"middleware": [{"module": "mian", "class": "Stamp"}]',
            'middleware[0].module: there is no module "mian"',
        ),
        (
            '"middleware": [{"module": "main", "class": "Stmp"}]',
            'middleware[0].class: module main has no "Stmp"; did you mean "Stamp"?',
        ),
        (
            '"middleware": [{"module": "main", "class": "Api"}]',
            'middleware[0].class: class Api has neither "before" nor "after"',
        ),
        (
            '"middleware": [{"module": "main", "class": "Odd"}]',
            "middleware[0].class: found before(), expected one argument: the request",
        ),
        (
            '"middleware": [{"module": "main", "class": "Attribute"}]',
            "middleware[0].class: found a int, expected a method or function",
        ),
        (
            '"middleware": [{"module": "main", "class": "Needy"}]',
            "middleware[0].class: found start(database), expected no argument, or "
            "another name: it is called when the server starts",
        ),
        (
            '"middleware": [{"module": "main", "class": "Hasty"}]',
            "modules[0].handler: main.Api.hello is a plain function, but "
            "main.Hasty.before around it is async",
        ),
        (
            '"errors": {"404": {"module": "main", "handler": "lots"}}',
            'errors.404.handler: module main has no "lots"; did you mean "lost"?',
        ),
        (
            '"errors": {"404": {"module": "main", "class": "Pages", '
            '"handler": "alone"}}',
            "errors.404.handler: found alone(request), expected two arguments: the "
            "request and the error",
        ),
        (
            '"errors": {"404": {"module": "main", "handler": "lost"}}',
            "modules[0].handler: main.Api.hello is a plain function, but the handler "
            "of status 404 around it is async",
        ),
    ],
)
def test_a_faulty_hook_stops_the_start(tmp_path: Path, hooks: str, fault: str) -> None:
    (told,) = faults(tmp_path, "check", f'{{{hooks},\n"modules": [{HELLO}]}}')
    line = 1 if fault.startswith(("middleware", "errors")) else 2
    assert told.startswith(f"project.pyrs:{line}:")
    assert fault in told


def test_a_start_that_fails_stops_the_start_with_its_traceback(tmp_path: Path) -> None:
    database = '{"path": "/", "module": "main", "class": "Database", "handler": "get"}'
    write(tmp_path, f'{{"modules": [\n{HELLO},\n{database}]}}')
    assert run("check", "project.pyrs", cwd=tmp_path).returncode == 0
    done = run("project.pyrs", cwd=tmp_path)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "pyrs: 1 fault in project.pyrs"
    assert lines[1].startswith("project.pyrs:3:")
    assert lines[1].endswith(
        "modules[1].class: starting an instance of class Database failed"
    )
    assert lines[2] == "  Traceback (most recent call last):"
    assert "main.py" in lines[3]
    assert lines[-1] == "  OSError: no database"
    assert done.stdout.splitlines()[-2:] == ["start Api", "stop Api"]


def test_async_start_and_stop_are_run_around_the_server(tmp_path: Path) -> None:
    later = '{"path": "/", "module": "main", "class": "Later", "handler": "hello"}'
    address = '"http_listen_address": "127.0.0.1", "http_listen_port": 0'
    write(tmp_path, f'{{{address}, "modules": [{later}]}}')
    with serving("project.pyrs", cwd=tmp_path) as server:
        assert server.lines.index("start Later") < server.lines.index("Listening...")
        assert server.get("/") == "later"
    assert server.lines[-1] == "stop Later"


def test_an_async_start_that_fails_stops_the_start(tmp_path: Path) -> None:
    unlucky = '{"path": "/", "module": "main", "class": "Unlucky", "handler": "hello"}'
    write(tmp_path, f'{{"modules": [{unlucky}]}}')
    done = run("project.pyrs", "--port", "0", cwd=tmp_path)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[1].endswith("starting an instance of class Unlucky failed")
    assert lines[2] == "  Traceback (most recent call last):"
    assert "main.py" in lines[3]
    assert lines[-1] == "  OSError: no database later"


@pytest.mark.parametrize("name", ["Stuck", "StuckLater"])
@pytest.mark.parametrize("ending", [SIGINT, SIGTERM])
def test_a_signal_ends_a_stop_that_hangs(
    tmp_path: Path, name: str, ending: Signals
) -> None:
    stuck = f'{{"path": "/", "module": "main", "class": "{name}", "handler": "hello"}}'
    write(tmp_path, f'{{"modules": [\n{HELLO},\n{stuck}]}}')
    process = Popen(
        [sys.executable, "-m", "pyrs", "project.pyrs", "--port", "0"],
        cwd=tmp_path,
        stdout=PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        assert "Listening...\n" in process.stdout
        process.send_signal(SIGTERM)
        assert "stop Stuck\n" in process.stdout
        process.send_signal(ending)
        assert process.wait(TIMEOUT) == {SIGINT: 130, SIGTERM: -SIGTERM}[ending]
        rest = process.stdout.read()
    assert ("stop Api" in rest) == (ending == SIGINT)
