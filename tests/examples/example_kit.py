"""Examples as their users run them: in a copy of the folder, `pyrs project.pyrs`.

    with example("echo", tmp_path) as server:
        assert server.get("/echo") == ...

What a README shows is checked by `follow_readme`: each line of a `console` block that
begins with "$ " is run by a shell, and must print what stands below it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.command_kit import TIMEOUT, Serving, serving

__all__ = [
    "EXAMPLES",
    "TIMEOUT",
    "Serving",
    "copy_example",
    "example",
    "follow",
    "follow_readme",
    "shell",
]

EXAMPLES = Path(__file__).parents[2] / "examples"
README_ADDRESS = "localhost:8094"
HURRIED_ATTEMPTS = 4  # at what has to be ready in time, which the machine may prevent


@contextmanager
def example(
    name: str,
    folder: Path,
    port: int = 0,
    told: str = "",
    word: str = "project.pyrs",
) -> Iterator[Serving]:
    """Serves a copy of the example, made in the folder unless it is there; on a free
    port by default. `told` as in `serving`."""
    copy = copy_example(name, folder)
    with serving(word, "--port", str(port), cwd=copy, told=told) as server:
        yield server


def copy_example(name: str, folder: Path) -> Path:
    copy = folder / name
    if not copy.exists():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(EXAMPLES / name, copy, ignore=ignored)
    return copy


def follow_readme(name: str, server: Serving, cwd: Path) -> None:
    """Does what the README's console blocks show, in their order."""
    text = (EXAMPLES / name / "README.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.M | re.S)
    assert blocks, f"the README of {name} shows no command"
    follow("".join(blocks), server, cwd)


def follow(console: str, server: Serving, cwd: Path) -> None:
    """Runs the commands, each of which must print what stands below it."""
    steps = re.findall(r"^\$ (.+\n)((?:(?!\$ ).*\n)*)", console, re.M)
    assert steps
    address = f"127.0.0.1:{server.port}"
    for command, expected in steps:
        here = command.replace(README_ADDRESS, address)
        for _ in range(HURRIED_ATTEMPTS if "--max-time" in command else 1):
            status, printed = shell_status(here, cwd)
            printed = printed.replace(address, README_ADDRESS).replace("\r\n", "\n")
            if status == 0 and printed.strip() == expected.strip():
                break
        else:
            raise AssertionError(f"{command}ends with {status} and prints\n{printed}")


def shell(command: str, cwd: Path) -> str:
    """What a command prints; it must end with status 0."""
    status, printed = shell_status(command, cwd)
    assert status == 0, f"{command}\n{printed}"
    return printed


def shell_status(command: str, cwd: Path) -> tuple[int, str]:
    """How it ends, and what it prints; nothing that is wrong with it."""
    done = subprocess.run(
        ["sh", "-c", command], cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT
    )
    assert done.stderr == "", command
    return done.returncode, done.stdout
