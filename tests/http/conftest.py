"""Fixtures for tests of the running server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import Serve, servers


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers: serve(code, routes, **settings). Each is checked at the end."""
    with servers(tmp_path) as serve:
        yield serve
