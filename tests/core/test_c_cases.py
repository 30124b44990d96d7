"""What takes the core's insides to see: the cases of connections.c and starts.c."""

import atexit
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = [Path(__file__).with_name(name) for name in ("connections.c", "starts.c")]
CASES = [
    (program, case)
    for program in PROGRAMS
    for case in re.findall(r"CASE\((\w+)\),", program.read_text())
]

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


@cache
def _built(program: Path) -> Path:
    built = Path(tempfile.mkdtemp(prefix="pyrs-core-"), program.stem)
    atexit.register(shutil.rmtree, built.parent)
    sanitizers = os.environ.get("PYRS_SANITIZE")
    subprocess.run(
        [
            *shlex.split(os.environ.get("CC", "cc")),
            *("-std=c11", "-O1", "-g", "-D_GNU_SOURCE", '-DPYRS_VERSION="0"'),
            *("-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'csrc'}"),
            *([f"-fsanitize={sanitizers}"] if sanitizers else []),
            *map(str, (program, *SOURCES)),
            *("-o", str(built), "-luv", "-ldl", "-lpthread"),
        ],
        env=_environment(),
        check=True,
    )
    return built


@pytest.mark.parametrize(("program", "case"), CASES, ids=[case for _, case in CASES])
def test_case(program: Path, case: str) -> None:
    done = subprocess.run(
        [_built(program), case],
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
