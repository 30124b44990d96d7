"""Real applications, served as their documentation says: `pyrs MODULE:APP` in a copy of
their folder.

    with application("flask_app.py", "flask_app:app", folder) as site:
        assert curl(site.url + "/") == "Blazingly Fast!"

All checks of tests.kit are made when the `with` ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit import RunningServer, plain_environment, running_application

__all__ = ["APPLICATIONS", "TIMEOUT", "application", "copy_application", "curl", "run"]

APPLICATIONS = Path(__file__).with_name("sites")
TIMEOUT = 150  # seconds; awaited, never slept


def copy_application(name: str, folder: Path) -> Path:
    """Copies a file, or what is in a folder, of the applications."""
    source = APPLICATIONS / name
    if source.is_file():
        shutil.copy(source, folder)
    else:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, folder, ignore=ignored, dirs_exist_ok=True)
    return folder


@contextmanager
def application(
    name: str, word: str, folder: Path, *options: str
) -> Iterator[RunningServer]:
    copy_application(name, folder)
    with running_application(folder, word, *options) as site:
        yield site


def run(*words: str, cwd: Path, status: int = 0) -> str:
    """What a program prints on either output; it must end with that status."""
    is_python = words[0] == sys.executable  # which may load pyrs
    environment = os.environ if is_python else plain_environment()
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**environment, "GIT_CONFIG_GLOBAL": "/dev/null"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def curl(url: str, *options: str) -> str:
    """What an answer with any status holds."""
    return run("curl", "--silent", "--show-error", *options, url, cwd=Path.cwd())
