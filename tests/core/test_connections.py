"""Connections, turn by turn: the cases of connections.c."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("connections.c")
CASES = re.findall(r"CASE\((\w+)\),", PROGRAM.read_text())

# The scanners that need an instruction set of their own stay out.
SOURCES = [
    path
    for layer in ("http", "net", "serve")
    for path in sorted((ROOT / "csrc" / layer).glob("*.c"))
    if path.name not in ("head_lines_sse42.c", "head_lines_avx2.c")
]


def _environment() -> dict[str, str]:
    """Without the preloaded sanitizer; leaks count here, where no interpreter is."""
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    environment["ASAN_OPTIONS"] = "detect_leaks=1"
    return environment


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("core") / "connections"
    sanitizers = os.environ.get("PYRS_SANITIZE")
    subprocess.run(
        [
            *shlex.split(os.environ.get("CC", "cc")),
            *("-std=c11", "-O1", "-g", "-D_GNU_SOURCE", '-DPYRS_VERSION="0"'),
            *("-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'csrc'}"),
            *([f"-fsanitize={sanitizers}"] if sanitizers else []),
            *(PROGRAM, *SOURCES, "-o", built),
            *("-luv", "-ldl", "-lpthread"),
        ],
        env=_environment(),
        check=True,
    )
    return built


@pytest.mark.parametrize("case", CASES)
def test_connections(program: Path, case: str) -> None:
    done = subprocess.run(
        [program, case],
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
