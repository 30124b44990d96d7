"""Fixtures for tests of the running server."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.kit import RunningServer, Serve, running_server


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers: serve(code, routes, **settings). Each is checked at the end."""
    with ExitStack() as stack:
        count = 0

        def start(*arguments: Any, **settings: Any) -> RunningServer:
            nonlocal count
            count += 1
            folder = tmp_path / str(count)
            folder.mkdir()
            return stack.enter_context(running_server(folder, *arguments, **settings))

        yield start
