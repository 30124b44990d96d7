"""Programs in a folder, and a server that runs them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.kit import RunningServer, running_server, wait_until

__all__ = ["cgi_server", "templates_stay", "write_programs"]


def write_programs(folder: Path, programs: Mapping[str, str]) -> None:
    """By path below the folder; what has no first line of its own is a shell script."""
    for name, text in programs.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = textwrap.dedent(text).lstrip("\n")
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}")
        path.chmod(0o755)


@contextmanager
def cgi_server(
    folder: Path,
    programs: Mapping[str, str],
    *,
    code: str = "",
    routes: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    **options: Any,
) -> Iterator[RunningServer]:
    """Serves the programs below /cgi-bin; `options` are those of the entry."""
    write_programs(folder / "cgi-bin", programs)
    entry = {"cgi": "cgi-bin", **options}
    with running_server(
        folder, code, {"/cgi-bin": entry, **(routes or {})}, **(settings or {})
    ) as server:
        yield server


def templates_stay(server: RunningServer, count: int) -> None:
    """What templates need is open from now on: for each a socket, a pipe for what it
    says, and its process."""
    kinds = ["anon_inode:[pidfd]", "pipe:[N]", "socket:[N]"]
    expected = sorted([*server.descriptors_at_start, *kinds * count])
    wait_until(lambda: server.descriptors() == expected, f"{expected}")
    server.descriptors_at_start = expected
