"""A running server for the tests of users' own projects.

    def test_hello():
        with pyrs.testing.serve("project.pyrs") as url:
            assert urllib.request.urlopen(url + "/hello").read() == b"world"

The server runs in a thread of the test's own process, so that tests may replace what
handlers use, and see it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyrs.errors import PyrsError
from pyrs.project import Source, load_project
from pyrs.server import Server

__all__ = ["serve"]


@contextmanager
def serve(project: Source, **changes: Any) -> Iterator[str]:
    """Serves on a free port of 127.0.0.1 and gives "http://127.0.0.1:PORT".

    A project is a file or a mapping of paths to handlers, as in pyrs.serve; `changes`
    are settings that stand above the file's. At the end the server is stopped
    gracefully; modules of the project that it imported and its place on sys.path are
    taken back, so that another project may use the same names. Raises PyrsError if the
    project has faults, or the server failed or had to cut requests off.
    """
    folder = None if isinstance(project, Mapping) else Path(project).resolve().parent
    with _imports_taken_back(folder):
        loaded = load_project(project, **{"worker_count": 0, **changes})
        with loaded.server as server:
            server.start_instances()
            port = server.listen("127.0.0.1", 0)
            with _running(server):
                yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(server: Server) -> Iterator[None]:
    outcome: list[BaseException | bool] = []

    def run() -> None:
        try:
            outcome.append(server.run(handle_signals=False))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, name="pyrs.testing.serve")
    thread.start()
    try:
        yield
    finally:
        server.stop()
        thread.join()
    (result,) = outcome
    if isinstance(result, BaseException):
        raise result
    if not result:
        raise PyrsError("the server was stopped before every request was answered")


@contextmanager
def _imports_taken_back(folder: Path | None) -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            origin = getattr(sys.modules[name], "__file__", None)
            if origin and folder and folder in Path(origin).resolve().parents:
                del sys.modules[name]
