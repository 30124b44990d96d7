"""docs/handlers.md: every example in it is run as it stands.

A section is what lies between two headings. Its `python` block is main.py, its `jsonc`
block project.pyrs (without one, each function answers the path of its name), its
`console` block what a user types and sees; the lines of a `log` block are what the
server must have said. Without one, it must have said nothing.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.command_kit import serving

from .example_kit import follow

DOCUMENT = Path(__file__).parents[2] / "docs" / "handlers.md"


@dataclass(frozen=True)
class Section:
    title: str
    text: str

    def block(self, kind: str) -> str:
        """ "" if there is none; there is one at most."""
        blocks = re.findall(rf"^```{kind}\n(.*?)^```$", self.text, re.M | re.S)
        assert len(blocks) <= 1, f"{self.title}: {kind}"
        return "".join(blocks)


def sections() -> list[Section]:
    parts = re.split(r"^##+ (.+)\n", DOCUMENT.read_text(), flags=re.M)
    return [Section(*pair) for pair in zip(parts[1::2], parts[2::2], strict=True)]


EXAMPLES = [section for section in sections() if section.block("python")]


@pytest.mark.parametrize("section", EXAMPLES, ids=lambda section: section.title)
def test_an_example_does_what_stands_below_it(section: Section, tmp_path: Path) -> None:
    code, log = section.block("python"), section.block("log")
    (tmp_path / "main.py").write_text(code)
    project = section.block("jsonc") or routes(code)
    (tmp_path / "project.pyrs").write_text(project)
    words = ("project.pyrs", "--host", "127.0.0.1", "--port", "0")
    with serving(*words, cwd=tmp_path, told=".*" if log else "") as server:
        follow(section.block("console"), server, tmp_path)
    said = "\n".join([*server.lines, server.errors])
    for line in log.splitlines():
        assert line in said


def routes(code: str) -> str:
    names = re.findall(r"^(?:async )?def (\w+)\(request\)", code, re.M)
    return json.dumps(
        {
            "modules": [
                {"path": f"/{name}", "module": "main", "handler": name}
                for name in names
            ]
        }
    )


def test_no_example_is_left_out() -> None:
    text = DOCUMENT.read_text()
    assert len(EXAMPLES) == text.count("```python\n") > 20
    assert all(section.block("console") for section in EXAMPLES)


def test_links_inside_the_page_lead_somewhere() -> None:
    text = DOCUMENT.read_text()
    titles = {re.sub(r"[^\w -]", "", part.title).lower() for part in sections()}
    targets = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert targets <= {title.replace(" ", "-") for title in titles}
