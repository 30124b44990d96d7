"""Programs in C that the tests compile and run, without Python and what it loads."""

import os
import shlex
import subprocess
from pathlib import Path

from tests.kit import plain_environment

ROOT = Path(__file__).parents[2]

# The core, built from its sources. The scanners that need an instruction set of their
# own are empty without its option.
CORE: list[str | Path] = [
    *("-O1", "-D_GNU_SOURCE", '-DPYRS_VERSION="0"', f"-I{ROOT / 'csrc'}"),
    *(
        path
        for layer in ("http", "net", "serve")
        for path in sorted((ROOT / "csrc" / layer).glob("*.c"))
    ),
    *("-luv", "-ldl", "-lpthread"),
]

OPTIONS = ["-std=c11", "-g", "-Wall", "-Wextra", "-Werror"]


def environment() -> dict[str, str]:
    """Without the preloaded sanitizer; leaks count here, where no interpreter is."""
    return {**plain_environment(), "ASAN_OPTIONS": "detect_leaks=1"}


def compile_program(program: Path, *arguments: str | Path) -> None:
    """`arguments` are the compiler's: sources, libraries, options beside OPTIONS."""
    sanitizers = os.environ.get("PYRS_SANITIZE")
    subprocess.run(
        [
            *shlex.split(os.environ.get("CC", "cc")),
            *OPTIONS,
            *([f"-fsanitize={sanitizers}"] if sanitizers else []),
            *("-o", program, *arguments),
        ],
        env=environment(),
        check=True,
    )
