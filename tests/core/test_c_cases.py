"""What takes the core's insides to see: the cases of the C programs in this folder."""

import atexit
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from .c_program import CORE, ROOT, compile_program, environment

NAMES = (
    "beside.c",
    "connections.c",
    "files.c",
    "interpreter.c",
    "later.c",
    "pieces.c",
    "starts.c",
    "streams.c",
)
PROGRAMS = [Path(__file__).with_name(name) for name in NAMES]
KIT = Path(__file__).with_name("kit.c")
CASES = [
    (program, case)
    for program in PROGRAMS
    for case in re.findall(r"CASE\((\w+)\),", program.read_text())
]


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pyrs-core-"))
    atexit.register(shutil.rmtree, folder)
    return folder


@cache
def _core() -> Path:
    core = _folder() / "core.so"
    compile_program(core, "-shared", "-fPIC", *CORE)
    return core


@cache
def _built(program: Path) -> Path:
    built = _folder() / program.stem
    compile_program(
        built,
        *("-O1", "-D_GNU_SOURCE", f"-I{ROOT / 'csrc'}"),
        *(program, KIT, _core()),
        *("-luv", "-lpthread", f"-Wl,-rpath,{_folder()}"),
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
