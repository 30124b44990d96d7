"""What is generated from the schema's types is what the repository holds."""

import json
from pathlib import Path

import msgspec
import pytest

from pyrs.config import Limits, Timeouts
from pyrs.configuration_doc import configuration_page, json_schema, main
from pyrs.project_schema import ENDPOINTS, Entry, ErrorHandler, Middleware, Project

REPOSITORY = Path(__file__).parents[2]


def test_the_committed_page_is_current() -> None:
    page = REPOSITORY / "docs" / "configuration.md"
    assert page.read_text(encoding="utf-8") == configuration_page(), (
        "run: python -m pyrs.configuration_doc ."
    )


def test_the_committed_schema_is_current() -> None:
    schema = REPOSITORY / "src" / "pyrs" / "project.schema.json"
    assert schema.read_text(encoding="utf-8") == json_schema(), (
        "run: python -m pyrs.configuration_doc ."
    )


@pytest.mark.parametrize(
    "kind", [Project, Entry, ErrorHandler, Middleware, Limits, Timeouts]
)
def test_every_key_is_explained(kind: type[msgspec.Struct]) -> None:
    definition = json.loads(json_schema())["$defs"][kind.__name__]
    for name in kind.__struct_encode_fields__:
        assert definition["properties"][name]["description"].endswith(".")
        assert f"| `{name}` |" in configuration_page()


def test_every_key_of_an_endpoint_is_a_key_of_an_entry() -> None:
    for kind in ENDPOINTS:
        keys = {*kind.required, *kind.optional}
        assert keys <= set(Entry.__struct_encode_fields__)


def test_the_generator_writes_both_files(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "src" / "pyrs").mkdir(parents=True)
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "docs" / "configuration.md").is_file()
    assert (tmp_path / "src" / "pyrs" / "project.schema.json").is_file()
    assert main([]) == 2
