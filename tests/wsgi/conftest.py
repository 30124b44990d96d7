"""Fixtures for tests of WSGI applications behind the running server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import RunningServer, Serve, servers


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers: serve(code, routes, **settings). Each is checked at the end."""
    with servers(tmp_path) as serve:
        yield serve


@pytest.fixture(scope="module")
def serve_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """The same, for servers that the tests of a module share."""
    with servers(tmp_path_factory.mktemp("servers")) as serve:
        yield serve


@pytest.fixture
def server(servers_by_run: dict[str, RunningServer], run: str) -> RunningServer:
    """For modules whose tests run `everywhere`: their server for that, and its counts
    begin anew."""
    server = servers_by_run[run]
    server.inside("main.counts.clear()")
    return server
