"""What takes the core's insides to see: the cases of C programs beside this."""

import atexit
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from .c_program import compile_program, environment

ROOT = Path(__file__).parents[2]
NAMES = ("connections.c", "files.c", "starts.c")
PROGRAMS = [Path(__file__).with_name(name) for name in NAMES]
CASES = [
    (program, case)
    for program in PROGRAMS
    for case in re.findall(r"CASE\((\w+)\),", program.read_text())
]

# The scanners that need an instruction set of their own are empty without its option.
SOURCES = [
    path
    for layer in ("http", "net", "serve")
    for path in sorted((ROOT / "csrc" / layer).glob("*.c"))
]


@cache
def _built(program: Path) -> Path:
    built = Path(tempfile.mkdtemp(prefix="pyrs-core-"), program.stem)
    atexit.register(shutil.rmtree, built.parent)
    compile_program(
        built,
        *("-O1", "-D_GNU_SOURCE", '-DPYRS_VERSION="0"', f"-I{ROOT / 'csrc'}"),
        program,
        *SOURCES,
        *("-luv", "-ldl", "-lpthread"),
    )
    return built


@pytest.mark.parametrize(("program", "case"), CASES, ids=[case for _, case in CASES])
def test_case(program: Path, case: str) -> None:
    done = subprocess.run(
        [_built(program), case],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
