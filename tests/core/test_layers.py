"""A folder is a layer: a file includes headers of its own layer and of those below."""

import re
from pathlib import Path

import pytest

CSRC = Path(__file__).parents[2] / "csrc"
FILES = sorted(path.relative_to(CSRC) for path in CSRC.rglob("*.[ch]"))

# What each layer may include, besides itself: folders and single headers.
BELOW = {
    "http": set(),
    "net": {"http"},
    "serve": {"net", "http", "pyrs.h"},
    "bridge": {"pyrs.h", "serve/endpoint.h"},
    "pyrs.h": set(),
}

# The headers of the system are free, but for these.
SYSTEM_HEADERS = {
    "Python.h": {"bridge"},
    "structmember.h": {"bridge"},
    "uv.h": {"net", "serve"},
}

# All that pure functions over bytes need: no sockets, no clock, no files, no heap.
HTTP_SYSTEM_HEADERS = re.compile(
    r"(assert|limits|stdalign|stdatomic|stdbool|stddef|stdint|string|\w+mmintrin)\.h"
)


def _layer(file: Path) -> str:
    return file.parts[0]


def _includes(file: Path) -> list[tuple[str, str]]:
    text = (CSRC / file).read_text()
    return re.findall(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', text, re.MULTILINE)


def _own_includes(file: Path) -> list[Path]:
    """The included headers of csrc, relative to it."""
    found = []
    for quote, name in _includes(file):
        if quote == '"':
            beside = (CSRC / file.parent / name).resolve()
            header = beside if beside.exists() else (CSRC / name).resolve()
            found.append(header.relative_to(CSRC.resolve()))
        elif (CSRC / name).exists():
            found.append(Path(name))
    return found


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_file_includes_its_own_layer_and_those_below(file: Path) -> None:
    allowed = {_layer(file), *BELOW[_layer(file)]}
    wrong = [
        str(header)
        for header in _own_includes(file)
        if _layer(header) not in allowed and header.as_posix() not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_file_includes_what_its_layer_may_know_of_the_system(file: Path) -> None:
    system = [name for quote, name in _includes(file) if quote == "<"]
    wrong = [
        name
        for name in system
        if _layer(file) not in SYSTEM_HEADERS.get(name, {_layer(file)})
        or (_layer(file) == "http" and not HTTP_SYSTEM_HEADERS.fullmatch(name))
    ]
    assert wrong == []
