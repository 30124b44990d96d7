"""git http-backend, the CGI program that git brings, with git as the client."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import RunningServer, plain_environment

from .cgi_kit import cgi_server

# Larger than what git sends with a length: it sends it in chunks.
LARGE = 3 << 20


class Repository:
    """A working copy, and what git does with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            [
                "git",
                *("-c", "user.name=A", "-c", "user.email=a@b", "-c", "gc.auto=0"),
                *arguments,
            ],
            cwd=self.folder,
            env={
                **plain_environment(),
                "GIT_CONFIG_GLOBAL": "/dev/null",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_TERMINAL_PROMPT": "0",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)
        self.git("add", name)
        self.git("commit", "--quiet", "-m", name)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("git")
    here = Repository(folder)
    here.git("init", "--quiet", "--bare", "-b", "main", "repositories/one.git")
    here.git("-C", "repositories/one.git", "config", "http.receivepack", "true")
    backend = Path(here.git("--exec-path")) / "git-http-backend"
    (folder / "cgi-bin").mkdir()
    (folder / "cgi-bin" / "git").symlink_to(backend)
    with cgi_server(
        folder,
        {},
        follow_symlinks=True,
        env=[f"GIT_PROJECT_ROOT={folder}/repositories", "GIT_HTTP_EXPORT_ALL="],
    ) as server:
        yield server


def test_git_pushes_and_clones(server: RunningServer, tmp_path: Path) -> None:
    url = f"{server.url}/cgi-bin/git/one.git"
    here = Repository(tmp_path)
    here.git("init", "--quiet", "-b", "main", "first")
    first = Repository(tmp_path / "first")
    first.commit("small", b"one\n")
    first.git("push", "--quiet", url, "main")
    large = os.urandom(LARGE)
    first.commit("large", large)
    first.git("push", "--quiet", url, "main")

    here.git("clone", "--quiet", url, "second")
    second = Repository(tmp_path / "second")
    assert (second.folder / "large").read_bytes() == large
    assert second.git("log", "--format=%s") == "large\nsmall"

    here.git("clone", "--quiet", "--depth=1", url, "shallow")
    shallow = Repository(tmp_path / "shallow")
    assert shallow.git("log", "--format=%s") == "large"

    first.commit("third", b"three\n")
    first.git("push", "--quiet", url, "main")
    second.git("pull", "--quiet", "origin", "main")
    assert second.git("rev-parse", "HEAD") == first.git("rev-parse", "HEAD")
