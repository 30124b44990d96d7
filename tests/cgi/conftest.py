"""Fixtures for tests of CGI programs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cgi.script_kit import Run, Template, run_fresh, template
from tests.http.conftest import serve

__all__ = ["run", "script", "serve", "warm_template"]


@pytest.fixture(scope="session")
def warm_template() -> Iterator[Template]:
    with template() as made:
        yield made


@pytest.fixture(params=["fresh", "warm"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a script in a fresh process, and by a template: the outcome is the same."""
    if request.param == "fresh":
        return run_fresh
    made: Template = request.getfixturevalue("warm_template")
    return made.run


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a script."""

    def write(code: str, name: str = "script.py") -> Path:
        path = tmp_path / name
        path.write_text(dedent(code), encoding="utf-8")
        return path

    return write
