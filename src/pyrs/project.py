"""From a project file to a server that is ready to listen.

Each entry gets its own instance of its class, made here, once, without arguments.
Modules are found from the project file's own folder, which is put first on sys.path
and stays there, since handlers may import when they are called. Faults are collected
beside those of the file itself; a project with any of them gives no server.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import UnsetType

from pyrs.config import Entry, Settings
from pyrs.errors import PyrsError
from pyrs.project_file import (
    ProjectError,
    ProjectFile,
    nearest,
    read_project_file,
)
from pyrs.server import RouteError, Server

__all__ = [
    "LoadedProject",
    "Source",
    "endpoint_name",
    "load_project",
    "serve",
]

OWN_FOLDER: Final = str(Path(__file__).parent) + os.sep
Say: TypeAlias = Callable[[str], None]
Handler: TypeAlias = Callable[[Any], object]
Source: TypeAlias = str | os.PathLike[str] | Mapping[str, Handler]


class LoadedProject(NamedTuple):
    """A server with all its routes, and where its file says to listen."""

    server: Server
    host: str
    port: int
    entries: list[Entry]


class _Missing(Exception):
    """Something that an entry names is not there, or not fit; `key` tells which."""

    def __init__(self, key: str, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.message = message
        self.trace = trace


def _print(line: str) -> None:
    print(line, flush=True)


def _keep_quiet(line: str) -> None:
    pass


def load_project(
    project: Source, say: Say = _keep_quiet, **changes: Any
) -> LoadedProject:
    """Reads a project file, makes its handlers, and gives a server with all routes.

    `changes` are settings that stand above the file's; `say` is told what was added.
    Raises ProjectError with all the faults there are. A mapping of paths to handlers
    is a project too, with the settings' defaults.
    """
    if isinstance(project, Mapping):
        say("Starting pyrs server...")
        server = Server(Settings(**changes))
        for path, handler in project.items():
            server.add_route(path, handler)
            say(f"Added route {path}")
        return LoadedProject(server, "127.0.0.1", 8080, [])

    file = read_project_file(project)
    say("Starting pyrs server...")
    settings = msgspec.structs.replace(_settings(file), **changes)
    # With faults it only judges the routes, and is never run.
    server = Server(Settings() if file.faults else settings)
    try:
        entries = _add_routes(file, server, say)
        if file.faults:
            raise ProjectError(file.faults)
    except BaseException:
        server.close()
        raise
    return LoadedProject(server, *_address(file), entries)


def serve(
    project: Source,
    host: str | None = None,
    port: int | None = None,
    *,
    say: Say = _print,
    **changes: Any,
) -> bool:
    """Serves a project file, or a mapping of paths to handlers, until it is stopped.

        pyrs.serve("project.pyrs")
        pyrs.serve({"/hello": lambda request: "world"}, port=8080, thread_count=4)

    Host, port and the other settings stand above the file's; a mapping is served on
    127.0.0.1:8080 unless told otherwise. In the main thread SIGINT and SIGTERM stop it.
    False if running requests were cut off at the end. Raises PyrsError.
    """
    loaded = load_project(project, say, **changes)
    with loaded.server as server:
        host = loaded.host if host is None else host
        if host.startswith("unix:") and port:
            raise PyrsError(f"port: found {port}, but {host} is a unix socket")
        port = server.listen(host, loaded.port if port is None else port)
        with _signals_held():
            say(f"Address: {host}")
            if not host.startswith("unix:"):
                say(f"Port: {port}")
            say("Listening...")
            return server.run()


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


def _settings(file: ProjectFile) -> Settings:
    """The file's settings, its log found from its own folder."""
    names = Settings.__struct_fields__
    settings = Settings(**{name: getattr(file.project, name) for name in names})
    if settings.log:
        log = os.fspath(file.folder / settings.log)
        settings = msgspec.structs.replace(settings, log=log)
    return settings


def _address(file: ProjectFile) -> tuple[str, int]:
    """The file's address and port, a unix socket found from its own folder."""
    host = file.project.http_listen_address
    if host.startswith("unix:"):
        host = "unix:" + os.fspath(file.folder / host.removeprefix("unix:"))
    return host, file.project.http_listen_port


def _add_routes(file: ProjectFile, server: Server, say: Say) -> list[Entry]:
    if file.entries:
        _put_first(os.fspath(file.folder))
    added: dict[int, Entry] = {}
    for index, entry in file.entries.items():
        key = f"modules[{index}]"
        try:
            _add_route(file, server, entry)
        except _Missing as missing:
            place = f"{key}.{missing.key}" if missing.key else key
            file.fault(place, missing.message, missing.trace)
        except RouteError as error:
            other = _other_line(file, added, entry)
            file.fault(f"{key}.path", str(error) + other)
        except PyrsError as error:
            file.fault(f"{key}.native", str(error))
        else:
            added[index] = entry
            say(f"Added route {entry.path}")
    return list(added.values())


def _put_first(folder: str) -> None:
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    importlib.invalidate_caches()


def endpoint_name(entry: Entry) -> str:
    """What logs and `pyrs check` call the endpoint: "main.Api.hello_request"."""
    if isinstance(entry.native, str):
        return f"{entry.symbol} in {entry.native}"
    parts = (entry.module, entry.class_, entry.handler)
    return ".".join(part for part in parts if isinstance(part, str))


def _add_route(file: ProjectFile, server: Server, entry: Entry) -> None:
    methods = None if isinstance(entry.methods, UnsetType) else entry.methods
    is_faulty = not entry.path or methods == []
    if isinstance(entry.native, str) and isinstance(entry.symbol, str):
        library = file.folder / entry.native
        if not library.is_file():
            raise _Missing("native", f"there is no file {library}")
        if not is_faulty:
            server.add_native(entry.path, library, entry.symbol, methods)
        return
    handler = _handler(file, entry)
    if not is_faulty:
        server.add_route(entry.path, handler, methods, endpoint_name(entry))


def _handler(file: ProjectFile, entry: Entry) -> Handler:
    assert isinstance(entry.module, str)
    assert isinstance(entry.handler, str)
    owner: object = _module(file, entry.module)
    title = f"module {entry.module}"
    if isinstance(entry.class_, str):
        title = f"class {entry.class_}"
        owner = _instance(entry.module, owner, entry.class_)
    handler = _attribute(owner, "handler", entry.handler, title)
    if not callable(handler):
        found = type(handler).__name__
        raise _Missing("handler", f"found a {found}, expected a method or function")
    _check_signature(handler, entry.handler)
    return handler


def _module(file: ProjectFile, name: str) -> ModuleType:
    here = _own_file(file.folder, name)
    loaded = sys.modules.get(name.partition(".")[0])
    if here and loaded and not _is_same_file(loaded, here):
        where = getattr(loaded, "__file__", None) or "the interpreter itself"
        message = f"{here.name} has the name of a module that is already imported"
        raise _Missing("module", f"{message} ({where}); rename it")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            names = [module.name for module in pkgutil.iter_modules([str(file.folder)])]
            message = f'there is no module "{name}" in {file.folder}'
            raise _Missing("module", message + nearest(name, names)) from None
        raise _Missing(
            "module", "importing it failed", _user_traceback(error)
        ) from None
    except (Exception, SystemExit) as error:
        raise _Missing(
            "module", "importing it failed", _user_traceback(error)
        ) from None


def _own_file(folder: Path, name: str) -> Path | None:
    """The file in the project's folder that a module's first name stands for."""
    top = name.partition(".")[0]
    for path in (folder / top / "__init__.py", folder / f"{top}.py"):
        if path.is_file():
            return path
    return None


def _is_same_file(module: ModuleType, path: Path) -> bool:
    origin = getattr(module, "__file__", None)
    return origin is not None and Path(origin).resolve() == path.resolve()


def _instance(module_name: str, module: object, name: str) -> object:
    kind = _attribute(module, "class", name, f"module {module_name}")
    if not isinstance(kind, type):
        found = type(kind).__name__
        raise _Missing("class", f"found a {found}, expected a class")
    try:
        return kind()
    except (Exception, SystemExit) as error:
        trace = _user_traceback(error)
        raise _Missing("class", f"making a {name} failed", trace) from None


def _attribute(owner: object, key: str, name: str, title: str) -> object:
    try:
        return getattr(owner, name)
    except AttributeError:
        names = [known for known in dir(owner) if not known.startswith("__")]
        message = f'{title} has no "{name}"{nearest(name, names)}'
        raise _Missing(key, message) from None
    except Exception as error:
        trace = _user_traceback(error)
        raise _Missing(key, f'reading "{name}" failed', trace) from None


def _check_signature(handler: Callable[..., object], name: str) -> None:
    if inspect.iscoroutinefunction(handler):
        raise _Missing("handler", f"{name} is an async function, expected a plain one")
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):
        return  # what is written in C need not have one
    try:
        signature.bind(object())
    except TypeError:
        message = f"found {name}{signature}, expected one argument: the request"
        raise _Missing("handler", message) from None


def _other_line(file: ProjectFile, added: dict[int, Entry], entry: Entry) -> str:
    """Where the entry stands that has taken a path, if it has the very same one."""
    for index, other in added.items():
        if other.path.strip("/") == entry.path.strip("/"):
            spot = file.spots[f"modules[{index}].path"]
            return f" (line {spot.line} has this path too)"
    return ""


def _user_traceback(error: BaseException) -> str:
    """The traceback of user code, without the frames of pyrs and importlib."""
    frame = error.__traceback__
    while frame is not None and _is_foreign(frame):
        frame = frame.tb_next
    lines = traceback.TracebackException(type(error), error, frame).format()
    return "".join(lines)


def _is_foreign(frame: TracebackType) -> bool:
    filename = frame.tb_frame.f_code.co_filename
    is_import = filename.startswith("<frozen importlib") or (
        filename == importlib.__file__
    )
    return is_import or filename.startswith(OWN_FOLDER)
