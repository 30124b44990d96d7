"""What `pyrs compress` shows: a bar while it works, and lines when it has."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

import click

from pyrs.compress import (
    CODINGS,
    Coding,
    Folder,
    Made,
    Outcome,
    available_codings,
    look_through,
    make_siblings,
)
from pyrs.errors import PyrsError

__all__ = ["compress_folder"]

NAMES_MAX: Final = 3  # of many, unless all are asked for


def compress_folder(
    folder: str, *, threads: int | None = None, force: bool = False, every: bool = False
) -> None:
    """Makes the siblings of a folder's files and prints what was made and skipped.

    `threads`: one for each processor by default. `force`: siblings that are current are
    made again. `every`: all names are printed, not the first of many. PyrsError if a
    file could not be read or written, when all others are done.
    """
    codings = available_codings()
    _tell_what_is_missing(codings)
    found = look_through(folder, codings, force=force)
    made = _make(found, threads or _processors())
    for line in _lines(found, made, every):
        click.echo(line)
    failed = [one for one in made if one.outcome is Outcome.FAILED]
    if failed:
        raise PyrsError(
            "\n".join(f"{one.sibling.path}: {one.reason}" for one in failed)
        )


def _processors() -> int:
    with suppress(AttributeError):  # not every system tells which it may use
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _tell_what_is_missing(codings: list[Coding]) -> None:
    missing = [coding for coding in CODINGS if coding not in codings]
    if missing:
        suffixes = " nor ".join(coding.suffix for coding in missing)
        packages = " and ".join(coding.package for coding in missing)
        click.echo(
            f"No {suffixes} without {packages}: pip install 'pyrs[compress]'", err=True
        )


def _make(found: Folder, threads: int) -> list[Made]:
    """Behind a bar, if somebody looks."""
    lock = Lock()
    with click.progressbar(
        length=sum(sibling.size for sibling in found.wanted),
        label="Compressing",
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
    ) as bar:

        def advance(count: int) -> None:
            with lock:
                bar.update(count)

        return list(make_siblings(found.wanted, threads, advance))


def _lines(found: Folder, made: list[Made], every: bool) -> Iterable[str]:
    for coding in CODINGS:
        done = [
            one
            for one in made
            if one.outcome is Outcome.MADE and one.sibling.coding is coding
        ]
        if done:
            before, after = (
                sum(one.sibling.size for one in done),
                sum(one.size for one in done),
            )
            yield (
                f"Made {len(done)} {coding.suffix}: {_amount(before)} became "
                f"{_amount(after)} ({after / before:.0%})"
            )
    if found.current:
        yield f"{found.current} were there already"
    for outcome in (Outcome.NO_SMALLER, Outcome.CHANGED):
        paths = [one.sibling.path for one in made if one.outcome is outcome]
        if paths:
            yield f"Not made, {outcome.value}: {_names(found, paths, every)}"
    for reason, paths in sorted(found.skipped.items()):
        yield f"Skipped, {reason}: {_names(found, paths, every)}"
    if not (made or found.current or found.skipped):
        yield "Nothing in here"


def _names(found: Folder, paths: list[Path], every: bool) -> str:
    names = sorted(str(path.relative_to(found.path)) for path in paths)
    shown = names if every or len(names) <= NAMES_MAX + 1 else names[:NAMES_MAX]
    text = ", ".join(_printable(name) for name in shown)
    more = len(names) - len(shown)
    return f"{text} and {more} more" if more else text


def _printable(name: str) -> str:
    """Names may hold anything; a terminal must not be told what to do by one."""
    return name if name.isprintable() else ascii(name)


def _amount(size: int) -> str:
    """Two or three digits: "955 kB", "1.2 MB"."""
    value, unit = float(size), 0
    while value >= 999.5:
        value, unit = value / 1000, unit + 1
    digits = 1 if unit and value < 9.95 else 0
    return f"{value:.{digits}f} {('B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB')[unit]}"
