"""Fixtures for tests of the running server."""

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
    """The same, for servers that the tests of a module share. Who takes one with `lent`
    has the checks at the end of each test."""
    with servers(tmp_path_factory.mktemp("servers")) as serve:
        yield serve


@pytest.fixture
def server(shared_server: RunningServer) -> Iterator[RunningServer]:
    """Of a module that has a `shared_server`."""
    with shared_server.lent() as server:
        yield server
