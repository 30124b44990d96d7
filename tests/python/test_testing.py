"""pyrs.testing.serve: a server for the tests of users' own projects."""

import socket
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

import pyrs
import pyrs.testing
from pyrs.config import Timeouts

MAIN = """\
answer_text = "{0}"
def answer(request):
    import lazily
    return answer_text + lazily.more
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path, "one")


def make_project(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "main_of_test.py").write_text(MAIN.format(text))
    (folder / "lazily.py").write_text("more = ' more'")
    path = folder / "project.pyrs"
    path.write_text(
        '{"modules": [{"path": "/", "module": "main_of_test", "handler": "answer"}]}'
    )
    return path


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:
        text: str = answer.read().decode()
        return text


def test_a_project_is_served_on_a_free_port(project: Path) -> None:
    with pyrs.testing.serve(project) as first, pyrs.testing.serve(project) as second:
        assert first != second
        assert read(first) == read(second) == "one more"


def test_a_mapping_is_served_too() -> None:
    with pyrs.testing.serve({"/": lambda request: "lambda"}) as url:
        assert read(url) == "lambda"


def test_what_handlers_use_can_be_replaced(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pyrs.testing.serve(project) as url:
        monkeypatch.setattr(sys.modules["main_of_test"], "answer_text", "another")
        assert read(url) == "another more"


def test_imports_are_taken_back(project: Path, tmp_path: Path) -> None:
    path = list(sys.path)
    with pyrs.testing.serve(project) as url:
        assert read(url) == "one more"
        assert sys.path == [str(tmp_path), *path]
    assert sys.path == path
    assert not {"main_of_test", "lazily"} & set(sys.modules)
    with pyrs.testing.serve(make_project(tmp_path / "two", "two")) as url:
        assert read(url) == "two more"


def test_two_projects_at_once_need_modules_of_different_names(
    project: Path, tmp_path: Path
) -> None:
    other = make_project(tmp_path / "two", "two")
    with (
        pyrs.testing.serve(project),
        pytest.raises(pyrs.PyrsError, match="already imported"),
        pyrs.testing.serve(other),
    ):
        pass


def test_a_faulty_project_raises(tmp_path: Path) -> None:
    (tmp_path / "project.pyrs").write_text("{}")
    with (
        pytest.raises(pyrs.PyrsError, match="modules"),
        pyrs.testing.serve(tmp_path / "project.pyrs"),
    ):
        pass


def test_the_tests_own_exception_comes_through(project: Path) -> None:
    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError), pyrs.testing.serve(project):
        _ = 1 / 0
    assert threading.active_count() == threads


def test_a_request_that_had_to_be_cut_off_is_told() -> None:
    timeouts = Timeouts(stop=0.01)
    with (
        socket.socket() as client,
        pytest.raises(pyrs.PyrsError, match="before every request was answered"),
    ):
        serve_half_a_request(client, timeouts)


def serve_half_a_request(client: socket.socket, timeouts: Timeouts) -> None:
    handlers = {"/": lambda request: "never"}
    with pyrs.testing.serve(handlers, timeouts=timeouts, log="/dev/null") as url:
        client.settimeout(20)
        client.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        client.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"half")
