"""Hooks and instances of a pyrs.Server that serves."""

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

import pyrs
from pyrs.config import Settings

from .test_server import get, hello, running


class Stamp:
    """Middleware that shows in every answer."""

    def after(self, request: pyrs.Request, response: pyrs.Response) -> None:
        response.headers["X-Stamp"] = request.path


def divide(request: pyrs.Request) -> object:
    return 1 / 0


def page(request: pyrs.Request, error: pyrs.HTTPError) -> str:
    return f"{error.status} at {request.path}"


def test_middleware_and_error_handlers_run_around_handlers(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with pyrs.Server(Settings(log=str(log))) as server:
        server.add_middleware(Stamp())
        server.add_error_handler(404, page)
        server.add_error_handler(500, page)
        server.add_route("/hello", hello, ["GET"])
        server.add_route("/divide", divide, name="main.divide")
        port = server.listen()
        with running(server):
            answer = get(port, "/hello")
            assert (answer.status, answer.body) == (200, b"world")
            assert answer.headers["X-Stamp"] == "/hello"
            answer = get(port, "/divide?a=b")
            assert (answer.status, answer.body) == (500, b"500 at /divide")
            assert answer.headers["X-Stamp"] == "/divide"
            answer = get(port, "/nothing")
            assert (answer.status, answer.body) == (404, b"404 at /nothing")
            assert answer.headers["X-Stamp"] == "/nothing"
    text = log.read_text()
    assert '"GET /divide?a=b HTTP/1.1" main.divide raised:' in text
    assert "in divide" in text
    assert "ZeroDivisionError" in text


def test_a_page_for_405_keeps_allow() -> None:
    with pyrs.Server() as server:
        server.add_error_handler(405, page)
        server.add_route("/hello", hello, ["POST", "PUT"])
        port = server.listen()
        with running(server):
            answer = get(port, "/hello")
    assert (answer.status, answer.body) == (405, b"405 at /hello")
    assert answer.headers["Allow"] == "POST, PUT, OPTIONS"


def test_hooks_are_added_before_the_routes() -> None:
    with pyrs.Server() as server:
        server.add_route("/", hello)
        with pytest.raises(pyrs.PyrsError, match="before the routes"):
            server.add_middleware(Stamp())
        with pytest.raises(pyrs.PyrsError, match="before the routes"):
            server.add_error_handler(404, page)


def test_an_unknown_way_to_run_is_refused() -> None:
    modes: list[dict[str, Any]] = [{"run": "process"}, {"body": "half"}]
    with pyrs.Server() as server:
        for mode in modes:
            with pytest.raises(ValueError, match="expected"):
                server.add_route("/", hello, **mode)
        server.add_route("/", hello, run="thread", body="stream")


class Part:
    def __init__(self) -> None:
        self.events: list[str] = []

    def before(self, request: pyrs.Request) -> None:
        self.events.append("before")

    def start(self) -> None:
        self.events.append("start")

    def stop(self) -> None:
        self.events.append("stop")


def test_instances_are_started_before_and_stopped_after_all_requests() -> None:
    part = Part()
    with pyrs.Server() as server:
        server.add_instance(part)
        server.add_middleware(part)
        server.add_route("/", hello)
        port = server.listen()
        with running(server):
            assert get(port, "/").status == 200
        assert part.events == ["start", "before", "stop"]
    assert part.events == ["start", "before", "stop"]


def test_a_server_that_never_ran_stops_what_it_started() -> None:
    part = Part()
    with pyrs.Server() as server:
        server.add_instance(part)
        server.start_instances()
    assert part.events == ["start", "stop"]


def test_a_start_that_fails_ends_run() -> None:
    class Broken(Part):
        def start(self) -> None:
            raise OSError("no database")

    part = Part()
    with pyrs.Server() as server:
        server.add_instance(part)
        server.add_instance(Broken())
        server.listen()
        with pytest.raises(pyrs.PyrsError, match=r"Broken\.start raised .*no database"):
            server.run()
    assert part.events == ["start", "stop"]


def test_a_stop_that_fails_is_logged(tmp_path: Path) -> None:
    class Broken(Part):
        def stop(self) -> None:
            raise OSError("no database")

    log = tmp_path / "a.log"
    with pyrs.Server(Settings(log=str(log))) as server:
        server.add_instance(Broken())
        server.listen()
        with running(server):
            pass
    assert "Broken.stop raised:" in log.read_text()
    assert "no database" in log.read_text()


def test_a_server_with_hooks_that_is_forgotten_is_freed() -> None:
    server = pyrs.Server()
    server.add_middleware(Stamp())
    server.add_route("/", hello)
    gone = weakref.ref(server)
    del server
    gc.collect()
    assert gone() is None
