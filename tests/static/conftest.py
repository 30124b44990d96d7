"""Fixtures for tests of static files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.conftest import browser as browser
from tests.http.conftest import serve as serve
from tests.kit import RunningServer, running_server
from tests.kit.server import Routes

# Loaded before the folder is: its paths are then walked name by name.
WALKING = """
import pyrs.server

pyrs.server.WALK = True

def hello(request):
    return "world"
"""


@pytest.fixture(scope="module", params=["at once", "name by name"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningServer, Path]]:
    """A server of an empty folder, which the tests of a module fill: its paths are
    opened by openat2 and, again for every test, walked."""
    folder = tmp_path_factory.mktemp("site")
    root = folder / "root"
    root.mkdir()
    walks = request.param == "name by name"
    code = WALKING if walks else "def hello(request):\n    return 'world'\n"
    routes: Routes = {"/hello": "hello", "/": {"static": "root"}}
    with running_server(folder, code, routes) as server:
        assert server.inside("sys.modules['pyrs.server'].WALK") == walks
        yield server, root
