"""A server without a project file: one endpoint answers every path.

    load_application("main:app")     as `pyrs main:app`
    load_folder("public")            as `pyrs public`

It listens on 127.0.0.1:8080 unless told otherwise, and tells what it does as servers of
applications do: a line for where it listens, one for its threads, one for each request.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from pyrs.config import BodyMode, RunMode, Settings, StaticOptions, changed
from pyrs.errors import PyrsError
from pyrs.project import LoadedProject
from pyrs.project_schema import Entry
from pyrs.server import Server
from pyrs.user_code import Missing, put_first
from pyrs.worker import LinesOfListening
from pyrs.wsgi_app import find_application

__all__ = [
    "HOST",
    "PORT",
    "lines_of_one",
    "load_application",
    "load_folder",
    "settings_of_one",
]

HOST: Final = "127.0.0.1"
PORT: Final = 8080


def load_application(
    name: str, threads: int | None = None, **changes: Any
) -> LoadedProject:
    """A server for a WSGI application, modules of the working directory before others.

    `threads` is how many requests may be inside the application at once, each then on
    a thread beside the loops; without it they run where `run: auto` has them run.
    Raises PyrsError, with the user's part of the traceback.
    """
    run: RunMode = "auto"
    body: BodyMode | None = None
    if threads is not None:
        run, body = "thread", "whole"  # so that no slow client holds one of them
    settings = settings_of_one(threads=threads, **changes)
    server = Server(settings)
    try:
        server.add_wsgi("/", _application(name), name=name, run=run, body=body)
    except BaseException:
        server.close()
        raise
    entry = Entry(path="/*", wsgi=name)
    lines = lines_of_one(settings.handler_threads)
    return LoadedProject(server, HOST, PORT, [entry], lines)


def load_folder(root: str, listing: bool = False, **changes: Any) -> LoadedProject:
    """A server for the files of a folder. Raises PyrsError if there is none."""
    settings = settings_of_one(**changes)
    server = Server(settings)
    try:
        server.add_static("/", root, StaticOptions(listing=listing))
    except BaseException:
        server.close()
        raise
    entry = Entry(path="/*", methods=["GET"], static=root)
    return LoadedProject(
        server, HOST, PORT, [entry], lines_of_one(settings.thread_count)
    )


def settings_of_one(threads: int | None = None, **changes: Any) -> Settings:
    """The settings of such a server, by the arguments of the two functions above.

    Short lines, for each request too, on a terminal; a file has the time as well.
    """
    if threads is not None:
        changes["handler_threads"] = threads
    changes.setdefault("access_log", True)
    changes.setdefault("log_style", "dated" if changes.get("log") else "short")
    return changed(Settings(), changes)


def _application(name: str) -> Any:
    folder = Path.cwd()
    put_first(os.fspath(folder))
    try:
        return find_application(folder, name)
    except Missing as missing:
        trace = "".join(f"\n  {line}" for line in missing.trace.splitlines())
        raise PyrsError(f"{name}: {missing.message}{trace}") from None


def lines_of_one(threads: int) -> LinesOfListening:
    """What is said when such a server listens."""

    def lines_of_listening(host: str, port: int, workers: int) -> list[str]:
        place = host if host.startswith("unix:") else f"{host}:{port}"
        workers_line = [f"INFO: Workers: {workers}"] if workers else []
        return [
            f'INFO: Listen at "{place}"',
            *workers_line,
            f"INFO: Threads: {threads}",
        ]

    return lines_of_listening
