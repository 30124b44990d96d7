"""A git repository over smart HTTP: git clones it, pushes to it and fetches from it."""

from __future__ import annotations

import os
from pathlib import Path

from .application_kit import application, run

GIT = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com")


def test_a_repository_is_cloned_pushed_to_and_fetched_from(tmp_path: Path) -> None:
    run("git", "init", "--quiet", "--bare", "project.git", cwd=tmp_path)
    with application("git_app.py", "git_app:app", tmp_path) as site:
        url = f"{site.url}/project.git"
        run("git", "clone", "--quiet", url, "first", cwd=tmp_path)
        first, second = tmp_path / "first", tmp_path / "second"
        _commit(first, "large", os.urandom(3 << 20))  # git sends it in chunks
        run("git", "push", "--quiet", "origin", "HEAD:main", cwd=first)
        run("git", "clone", "--quiet", "-b", "main", url, "second", cwd=tmp_path)
        assert (second / "large").read_bytes() == (first / "large").read_bytes()
        _commit(second, "small", b"small")
        run("git", "push", "--quiet", "origin", "HEAD:main", cwd=second)
        run("git", "pull", "--quiet", "--rebase", "origin", "main", cwd=first)
        assert (first / "small").read_bytes() == b"small"
        run("git", "fsck", "--strict", cwd=first)
        site.inside("gc.collect()")  # repositories that Dulwich leaves open


def _commit(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    run("git", "add", name, cwd=folder)
    run(*GIT, "commit", "--quiet", "--message", name, cwd=folder)
