"""From a project file to a server that is ready to listen.

Each entry gets its own instance of its class, made here, once, without arguments.
Modules are found from the project file's own folder, which is put first on sys.path
and stays there, since handlers may import when they are called. Faults are collected
beside those of the file itself; a project with any of them gives no server.
"""

from __future__ import annotations

import inspect
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec import UnsetType

from pyrs.config import CgiOptions, Settings, StaticOptions, changed, part_of
from pyrs.errors import PyrsError
from pyrs.hooks import Handler, HookFault
from pyrs.lifespan import takes_no_argument
from pyrs.project_file import ProjectError, ProjectFile, read_project_file
from pyrs.project_schema import ENDPOINTS, Entry, ErrorHandler, Middleware
from pyrs.server import RouteError, Server
from pyrs.user_code import (
    Missing,
    check_signature,
    find_callable,
    find_owner,
    put_first,
    user_traceback,
)
from pyrs.worker import LinesOfListening, Seat, stopped_by_sigterm
from pyrs.wsgi_app import find_application

__all__ = [
    "LoadedProject",
    "Say",
    "Source",
    "address_of",
    "endpoint_name",
    "keep_quiet",
    "lines_of_listening",
    "load_project",
    "place_to_listen",
    "print_line",
    "serve",
    "serve_as_worker",
    "serve_loaded",
    "settings_of",
]

Say: TypeAlias = Callable[[str], None]
Source: TypeAlias = str | os.PathLike[str] | Mapping[str, Handler]


def print_line(line: str) -> None:
    """To standard output, at once."""
    print(line, flush=True)


def keep_quiet(line: str) -> None:
    """Says nothing."""


def lines_of_listening(host: str, port: int, workers: int) -> list[str]:
    """What is said when a project is served there, with so many worker processes."""
    lines = [f"Address: {host}"]
    if not host.startswith("unix:"):
        lines.append(f"Port: {port}")
    if workers:
        lines.append(f"Workers: {workers}")
    return [*lines, "Listening..."]


class LoadedProject(NamedTuple):
    """A server with all its routes, and where its file says to listen."""

    server: Server
    host: str
    port: int
    entries: list[Entry]
    lines_of_listening: LinesOfListening = lines_of_listening


def load_project(
    project: Source | ProjectFile, say: Say = keep_quiet, **changes: Any
) -> LoadedProject:
    """Reads a project file, makes its handlers, and gives a server with all routes.

    `changes` are settings that stand above the file's (pyrs.config.changed); `say` is
    told what was added. Raises ProjectError with all the faults there are. A file may
    have been read before; a mapping of paths to handlers is a project too, with the
    settings' defaults.
    """
    if isinstance(project, Mapping):
        say("Starting pyrs server...")
        server = Server(changed(Settings(), changes))
        for path, handler in project.items():
            server.add_route(path, handler)
            say(f"Added route {path}")
        return LoadedProject(server, "127.0.0.1", 8080, [])

    file = project if isinstance(project, ProjectFile) else read_project_file(project)
    say("Starting pyrs server...")
    settings = settings_of(file, **changes)
    # With faults it only judges the routes, and is never run.
    server = Server(Settings() if file.faults else settings)
    try:
        if file.entries or file.error_handlers or file.middleware:
            put_first(os.fspath(file.folder))
        _add_hooks(file, server)
        entries = _add_routes(file, server, say)
        if file.faults:
            raise ProjectError(file.faults)
    except BaseException:
        server.close()
        raise
    return LoadedProject(server, *address_of(file), entries)


def serve(
    project: Source,
    host: str | None = None,
    port: int | None = None,
    *,
    say: Say = print_line,
    **changes: Any,
) -> bool:
    """Serves a project file, or a mapping of paths to handlers, until it is stopped.

        pyrs.serve("project.pyrs")
        pyrs.serve({"/hello": lambda request: "world"}, port=8080, thread_count=4)

    Host, port and the other settings stand above the file's; a mapping is served on
    127.0.0.1:8080 unless told otherwise. In the main thread SIGINT and SIGTERM stop it.
    It serves in this process: worker_count is for the command `pyrs`, and a file's is
    not heeded. False if running requests were cut off at the end. Raises PyrsError.
    """
    if changes.setdefault("worker_count", 0):
        raise PyrsError("worker_count: only the command pyrs starts worker processes")
    return serve_loaded(load_project(project, say, **changes), host, port, say)


def serve_loaded(
    loaded: LoadedProject,
    host: str | None = None,
    port: int | None = None,
    say: Say = print_line,
) -> bool:
    """Serves what has been loaded, as `serve` does, and closes it."""
    with loaded.server as server:
        host, port = place_to_listen(loaded.host, loaded.port, host, port)
        server.start_instances()
        port = server.listen(host, port)
        with _signals_held():
            for line in loaded.lines_of_listening(host, port, 0):
                say(line)
            return server.run()


def serve_as_worker(loaded: LoadedProject, seat: Seat) -> bool:
    """Serves in one process of several; the supervisor says where."""
    with loaded.server as server:
        server.start_instances()
        server.listen_on(seat.sockets, seat.host, seat.port)
        with _signals_held():
            stopped_by_sigterm(server.stop)
            seat.tell_seconds(server.settings.timeouts.stop)
            server.tell_when_running(seat.ready)
            return server.run(supervised=True)


def place_to_listen(
    host: str, port: int, other_host: str | None, other_port: int | None
) -> tuple[str, int]:
    """Where a project says to listen, or what was said above it. Raises PyrsError."""
    host = host if other_host is None else other_host
    if host.startswith("unix:") and other_port:
        raise PyrsError(f"port: found {other_port}, but {host} is a unix socket")
    return host, port if other_port is None else other_port


@contextmanager
def _signals_held() -> Iterator[None]:
    """Keeps a signal waiting, which may come as soon as it is said that pyrs listens,
    until the core takes it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handled = {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, handled)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def settings_of(file: ProjectFile, **changes: Any) -> Settings:
    """The file's settings, its log found from its own folder; changes stand above."""
    settings = part_of(file.project, Settings)
    if settings.log:
        log = os.fspath(file.folder / settings.log)
        settings = msgspec.structs.replace(settings, log=log)
    return changed(settings, changes)


def address_of(file: ProjectFile) -> tuple[str, int]:
    """The file's address and port, a unix socket found from its own folder."""
    host = file.project.http_listen_address
    if host.startswith("unix:"):
        host = "unix:" + os.fspath(file.folder / host.removeprefix("unix:"))
    return host, file.project.http_listen_port


# ---- hooks ----


def _add_hooks(file: ProjectFile, server: Server) -> None:
    for index, middleware in file.middleware.items():
        key = f"middleware[{index}]"
        with _faults_told(file, key):
            if middleware.module and middleware.class_:
                _add_middleware(file, server, key, middleware)
    for status, handler in file.error_handlers.items():
        key = f"errors.{status}"
        with _faults_told(file, key):
            if handler.module and handler.handler:
                _add_error_handler(file, server, key, handler)


@contextmanager
def _faults_told(file: ProjectFile, key: str) -> Iterator[None]:
    try:
        yield
    except Missing as missing:
        file.fault(f"{key}.{missing.key}", missing.message, missing.trace)


def _add_middleware(
    file: ProjectFile, server: Server, key: str, middleware: Middleware
) -> None:
    owner, title = find_owner(file.folder, middleware.module, middleware.class_)
    expected = {
        "before": "one argument: the request",
        "after": "two arguments: the request and the response",
    }
    there = [name for name in expected if hasattr(owner, name)]
    if not there:
        raise Missing("class", f'{title} has neither "before" nor "after"')
    for name in there:
        method = find_callable(owner, title, "class", name)
        count = 1 if name == "before" else 2
        check_signature(method, "class", name, expected[name], count)
    _add_instance(file, server, key, owner, title)
    server.add_middleware(owner)


def _add_error_handler(
    file: ProjectFile, server: Server, key: str, entry: ErrorHandler
) -> None:
    owner, title = find_owner(file.folder, entry.module, entry.class_)
    handler = find_callable(owner, title, "handler", entry.handler)
    expected = "two arguments: the request and the error"
    check_signature(handler, "handler", entry.handler, expected, 2)
    if isinstance(entry.class_, str):
        _add_instance(file, server, key, owner, title)
    server.add_error_handler(int(key.rpartition(".")[2]), handler)


def _add_instance(
    file: ProjectFile, server: Server, key: str, instance: object, title: str
) -> None:
    """Lets it be started and stopped, if it has methods for that."""

    def told(error: BaseException) -> PyrsError:
        message = f"starting an instance of {title} failed"
        trace = user_traceback(error)
        return ProjectError([file.make_fault(f"{key}.class", message, trace)])

    for name in ("start", "stop"):
        method = getattr(instance, name, None)
        is_handler = (type(instance).__name__, name) in _handlers_of_classes(file)
        if callable(method) and not takes_no_argument(method) and not is_handler:
            signature = inspect.signature(method)
            message = f"found {name}{signature}, expected no argument, or another name"
            raise Missing("class", f"{message}: it is called when the server {name}s")
    server.add_instance(instance, told)


def _handlers_of_classes(file: ProjectFile) -> set[tuple[object, object]]:
    return {(entry.class_, entry.handler) for entry in file.entries.values()}


# ---- routes ----


def _add_routes(file: ProjectFile, server: Server, say: Say) -> list[Entry]:
    added: dict[int, Entry] = {}
    for index, entry in file.entries.items():
        key = f"modules[{index}]"
        try:
            _add_route(file, server, key, entry)
        except Missing as missing:
            file.fault(f"{key}.{missing.key}", missing.message, missing.trace)
        except RouteError as error:
            other = _other_line(file, added, entry)
            file.fault(f"{key}.path", str(error) + other)
        except HookFault as error:
            file.fault(f"{key}.handler", str(error))
        except PyrsError as error:
            file.fault(f"{key}.{endpoint_key(entry)}", str(error))
        else:
            added[index] = entry
            say(f"Added route {entry.path}")
    return list(added.values())


def endpoint_key(entry: Entry) -> str:
    """The key of an entry that tells which kind of endpoint it is."""
    names = (kind.required[0] for kind in ENDPOINTS)
    return next(name for name in names if isinstance(getattr(entry, name), str))


def endpoint_name(entry: Entry) -> str:
    """What logs and `pyrs check` call the endpoint: "main.Api.hello_request"."""
    if isinstance(entry.native, str):
        return f"{entry.symbol} in {entry.native}"
    if isinstance(entry.wsgi, str):
        return entry.wsgi
    if isinstance(entry.static, str):
        return f"the files in {entry.static}"
    if isinstance(entry.cgi, str):
        return f"the programs in {entry.cgi}"
    parts = (entry.module, entry.class_, entry.handler)
    return ".".join(part for part in parts if isinstance(part, str))


def _add_route(file: ProjectFile, server: Server, key: str, entry: Entry) -> None:
    """What the entry names is looked for even if its path or methods are faulty."""
    if isinstance(entry.native, str):
        _add_native(file, server, entry)
    elif isinstance(entry.static, str):
        _add_static(file, server, entry)
    elif isinstance(entry.wsgi, str):
        _add_wsgi(file, server, entry)
    elif isinstance(entry.cgi, str):
        _add_cgi(file, server, entry)
    else:
        _add_method(file, server, key, entry)


def _is_whole(entry: Entry) -> bool:
    return bool(entry.path) and entry.methods != []


def _methods(entry: Entry) -> list[Any] | None:
    return None if isinstance(entry.methods, UnsetType) else list(entry.methods)


def _add_native(file: ProjectFile, server: Server, entry: Entry) -> None:
    assert isinstance(entry.native, str)
    assert isinstance(entry.symbol, str)
    library = file.folder / entry.native
    if not library.is_file():
        raise Missing("native", f"there is no file {library}")
    if _is_whole(entry):
        server.add_native(entry.path, library, entry.symbol, _methods(entry))


def _add_static(file: ProjectFile, server: Server, entry: Entry) -> None:
    assert isinstance(entry.static, str)
    folder = file.folder / entry.static
    if not folder.is_dir():
        raise Missing("static", f"there is no folder {folder}")
    if _methods(entry):
        raise Missing("methods", "static files answer GET and HEAD: leave it out")
    if _is_whole(entry):
        server.add_static(entry.path, folder, part_of(entry, StaticOptions))


def _add_wsgi(file: ProjectFile, server: Server, entry: Entry) -> None:
    assert isinstance(entry.wsgi, str)
    application = find_application(file.folder, entry.wsgi)
    body = None if isinstance(entry.body, UnsetType) else entry.body
    if _is_whole(entry):
        server.add_wsgi(
            entry.path,
            application,
            _methods(entry),
            endpoint_name(entry),
            run=entry.run,
            body=body,
        )


def _add_cgi(file: ProjectFile, server: Server, entry: Entry) -> None:
    assert isinstance(entry.cgi, str)
    folder = file.folder / entry.cgi
    if not folder.is_dir():
        raise Missing("cgi", f"there is no folder {folder}")
    if entry.preload and not entry.warm:
        raise Missing("preload", 'this needs "warm": true beside it')
    if _is_whole(entry):
        options = part_of(entry, CgiOptions)
        server.add_cgi(entry.path, folder, _methods(entry), options)


def _add_method(file: ProjectFile, server: Server, key: str, entry: Entry) -> None:
    handler = _handler(file, server, key, entry)
    body = "whole" if isinstance(entry.body, UnsetType) else entry.body
    if _is_whole(entry):
        server.add_route(
            entry.path,
            handler,
            _methods(entry),
            endpoint_name(entry),
            run=entry.run,
            body=body,
        )


def _handler(file: ProjectFile, server: Server, key: str, entry: Entry) -> Handler:
    assert isinstance(entry.module, str)
    assert isinstance(entry.handler, str)
    name = entry.handler
    owner, title = find_owner(file.folder, entry.module, entry.class_)
    handler = find_callable(owner, title, "handler", name)
    check_signature(handler, "handler", name, "one argument: the request", 1)
    if isinstance(entry.class_, str):
        _add_instance(file, server, key, owner, title)
    return handler


def _other_line(file: ProjectFile, added: dict[int, Entry], entry: Entry) -> str:
    """Where the entry stands that has taken a path, if it has the very same one."""
    for index, other in added.items():
        if other.path.strip("/") == entry.path.strip("/"):
            spot = file.spots[f"modules[{index}].path"]
            return f" (line {spot.line} has this path too)"
    return ""
