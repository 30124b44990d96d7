"""What a project file names in the user's own code: modules, instances, methods.

Each function gives what is named, or raises Missing, which tells the key of the entry
that is at fault, why, and the user's own part of the traceback.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Final

from pyrs.project_file import nearest

__all__ = [
    "Missing",
    "check_signature",
    "find_attribute",
    "find_callable",
    "find_module",
    "find_owner",
    "put_first",
    "takes",
    "user_traceback",
]

OWN_FOLDER: Final = str(Path(__file__).parent) + os.sep
# asyncio, and what it needs that is not imported before user code is.
OF_ASYNCIO: Final = (
    *("asyncio", "base64", "concurrent", "contextvars", "locale", "logging"),
    *("selectors", "socket", "ssl", "string", "struct", "subprocess"),
)


class Missing(Exception):
    """Something that an entry names is not there, or not fit; `key` tells which."""

    def __init__(self, key: str, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.message = message
        self.trace = trace


def put_first(folder: str) -> None:
    """Lets the modules of a folder be found before all others."""
    if any(_own_file(Path(folder), name) for name in OF_ASYNCIO):
        # Imported later it would be with those of the folder; so find_module tells.
        importlib.import_module("asyncio")
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    importlib.invalidate_caches()


def find_module(folder: Path, key: str, name: str) -> ModuleType:
    """A module, that of the folder if there is one, imported."""
    here = _own_file(folder, name)
    loaded = sys.modules.get(name.partition(".")[0])
    if here and loaded and not _is_same_file(loaded, here):
        where = getattr(loaded, "__file__", None) or "the interpreter itself"
        message = f"{here.name} has the name of a module that is already imported"
        raise Missing(key, f"{message} ({where}); rename it")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            names = [module.name for module in pkgutil.iter_modules([str(folder)])]
            message = f'there is no module "{name}" in {folder}'
            raise Missing(key, message + nearest(name, names)) from None
        raise Missing(key, "importing it failed", user_traceback(error)) from None
    except (Exception, SystemExit) as error:
        raise Missing(key, "importing it failed", user_traceback(error)) from None


def find_owner(folder: Path, module: str, class_: object) -> tuple[object, str]:
    """A new instance of the class, or the module if the entry has no class; and what
    messages call it."""
    owner = find_module(folder, "module", module)
    if isinstance(class_, str):
        return _instance(module, owner, class_), f"class {class_}"
    return owner, f"module {module}"


def find_callable(owner: object, title: str, key: str, name: str) -> Callable[..., Any]:
    """A method of an instance or a function of a module."""
    found = find_attribute(owner, key, name, title)
    if not callable(found):
        kind = type(found).__name__
        raise Missing(key, f"found a {kind}, expected a method or function")
    return found


def find_attribute(owner: object, key: str, name: str, title: str) -> object:
    """Of an object that messages call `title`."""
    try:
        return getattr(owner, name)
    except AttributeError:
        names = [known for known in dir(owner) if not known.startswith("__")]
        message = f'{title} has no "{name}"{nearest(name, names)}'
        raise Missing(key, message) from None
    except Exception as error:
        trace = user_traceback(error)
        raise Missing(key, f'reading "{name}" failed', trace) from None


def check_signature(
    function: Callable[..., object], key: str, name: str, expected: str, count: int
) -> None:
    """Whether it can be called with so many arguments, which `expected` tells."""
    if not takes(function, count):
        found = f"{name}{inspect.signature(function)}"
        raise Missing(key, f"found {found}, expected {expected}")


def takes(function: Callable[..., object], count: int) -> bool:
    """Whether it can be called with so many arguments, as far as it tells."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True  # what is written in C need not have one
    try:
        signature.bind(*[object()] * count)
    except TypeError:
        return False
    return True


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
    kind = find_attribute(module, "class", name, f"module {module_name}")
    if not isinstance(kind, type):
        found = type(kind).__name__
        raise Missing("class", f"found a {found}, expected a class")
    try:
        return kind()
    except (Exception, SystemExit) as error:
        trace = user_traceback(error)
        raise Missing("class", f"making a {name} failed", trace) from None


def user_traceback(error: BaseException) -> str:
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
