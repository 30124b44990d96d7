"""What the word of a command line stands for: a project file, an application, a folder.

    project.pyrs    a file that is there, or has that suffix
    main:app        a WSGI application
    public          a folder that is there: its files

Nothing is imported or read here; that is done by whoever serves it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from pyrs.errors import PyrsError

__all__ = [
    "PROJECT_FILE",
    "Application",
    "Folder",
    "ProjectAt",
    "Target",
    "find_target",
]

PROJECT_FILE: Final = "project.pyrs"
ECHO: Final = ":"  # an application without a name


class ProjectAt(NamedTuple):
    """A project file."""

    path: str

    def __str__(self) -> str:
        return self.path


class Application(NamedTuple):
    """A WSGI application by its name, as pyrs.wsgi_app reads it."""

    name: str

    def __str__(self) -> str:
        return self.name


class Folder(NamedTuple):
    """A folder whose files are served."""

    root: str

    def __str__(self) -> str:
        return self.root


Target: TypeAlias = ProjectAt | Application | Folder


class TargetError(PyrsError):
    """A word that is none of them, or that --root and --echo contradict."""


def find_target(
    word: str | None, root: str | None = None, echo: bool = False
) -> Target | None:
    """What is to be served; None if nothing is named, and no project is here.

    `root` and `echo` are the options that name something without a word. Raises
    TargetError for words that contradict, PyrsError for what is not there.
    """
    named = [
        *([word] if word is not None else []),
        *([f"--root {root}"] if root is not None else []),
        *(["--echo"] if echo else []),
    ]
    if len(named) > 1:
        raise TargetError(f"found {' and '.join(named)}, expected one of them")
    if echo:
        return Application(ECHO)
    if root is not None:
        return Folder(root)
    if word is not None:
        return _named(word)
    return ProjectAt(PROJECT_FILE) if Path(PROJECT_FILE).is_file() else None


def _named(word: str) -> Target:
    path = Path(word)
    if path.is_dir():
        return _folder(path, word)
    if path.suffix == ".py":
        module = ".".join(path.with_suffix("").parts)
        if path.is_absolute() or ".." in path.parts:
            module = path.stem  # found with --chdir
        raise TargetError(
            f"{word}: found a Python file, expected a project file; "
            f"an application in it is {module}:APP"
        )
    if path.exists() or path.suffix == ".pyrs":
        return ProjectAt(word)
    if ":" in word:
        return Application(word)
    hint = f"; an application in a module of that name is {word}:APP"
    is_module = all(part.isidentifier() for part in word.split("."))
    raise PyrsError(
        f"{word}: there is no such file or folder{hint if is_module else ''}"
    )


def _folder(path: Path, word: str) -> Folder:
    """Not one with a project in it: that its sources are to be read by everybody is
    said with --root, not by leaving a name out."""
    inside = path / PROJECT_FILE
    if inside.is_file():
        raise TargetError(
            f"{word}: found the folder of a project, expected its file: {inside} "
            f"(--root {word} serves the folder's files, the project's too)"
        )
    return Folder(word)
