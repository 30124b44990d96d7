"""docs/wsgi.md and docs/wsgi-conformance.md: what they name is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pyrs.project_file import read_project_file
from tests.kit import post, running_application

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "wsgi.md").read_text()
CONFORMANCE = (DOCS / "wsgi-conformance.md").read_text()
TESTS = Path(__file__).parent

CODE = """
import json

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(sorted(environ)).encode()]
"""


def rows(text: str, title: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    section = text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def test_the_environment_has_the_keys_of_the_guide_and_no_others(
    tmp_path: Path,
) -> None:
    (tmp_path / "main.py").write_text(CODE)
    with running_application(tmp_path, "main:app") as site:
        answer = site.ask(post("/a", b"body", "Content-Type: text/plain", "X-A: b"))
    keys = set(json.loads(answer.body))
    assert {key for key in keys if key.startswith("HTTP_")} == {"HTTP_HOST", "HTTP_X_A"}
    told = rows(GUIDE, "The environment of a request")
    named = {name for row in told for name in re.findall("`([^`]+)`", row[0])}
    assert keys - {"HTTP_HOST", "HTTP_X_A"} == named - {"HTTP_…"}


@pytest.mark.parametrize(
    "text", re.findall(r"^```jsonc\n(.*?)^```", GUIDE, re.M | re.S)
)
def test_the_project_files_of_the_guide_have_no_fault(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "project.pyrs").write_text(text)
    assert read_project_file(tmp_path / "project.pyrs").faults == []


def test_every_test_that_the_conformance_table_names_is_there() -> None:
    sources = {path.stem: path.read_text() for path in TESTS.glob("test_*.py")}
    named = re.findall(r"`(test_\w+)`", CONFORMANCE)
    files = re.findall(r"`tests/wsgi/(test_\w+)\.py`", CONFORMANCE)
    assert files
    assert {name for name in files if name not in sources} == set()
    everything = "".join(sources.values())
    assert {name for name in named if f"def {name}(" not in everything} == set()


def test_every_row_of_the_conformance_table_names_a_test() -> None:
    lines = [line for line in CONFORMANCE.splitlines() if line.startswith("| ")]
    bare = [line for line in lines if not re.search(r"`test_\w+`", line)]
    heads = [line for line in bare if line.endswith("| test |")]
    assert bare == heads
