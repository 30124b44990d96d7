"""Programs in C that the tests compile and run, without Python and what it loads."""

import os
import shlex
import subprocess
from pathlib import Path

from tests.kit import plain_environment

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
