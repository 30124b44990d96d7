"""Fixtures for tests of WSGI applications behind the running server."""

import pytest

from tests.http.conftest import serve, serve_module
from tests.kit import RunningServer

__all__ = ["serve", "serve_module", "server"]


@pytest.fixture
def server(servers_by_run: dict[str, RunningServer], run: str) -> RunningServer:
    """For modules whose tests run `everywhere`: their server for that, and its counts
    begin anew."""
    server = servers_by_run[run]
    server.inside("main.counts.clear()")
    return server
