"""The WSGI application that a text names: "package.module:attribute".

The attribute may be nested ("site:web.app"), or a call that makes the application, with
literal arguments if any ("main:create_app()", 'main:create_app("test")'), as gunicorn
takes it. Without an attribute ("main:") it is the echo, and nothing is imported.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pyrs import echo
from pyrs.user_code import (
    Missing,
    find_attribute,
    find_module,
    takes,
    user_traceback,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["find_application"]

EXPECTED = 'expected "module:attribute" or "module:factory()"'


class _Call(NamedTuple):
    text: str  # as it was written
    arguments: list[Any]
    keywords: dict[str, Any]


class _Name(NamedTuple):
    module: str
    attributes: list[str]
    call: _Call | None


def find_application(folder: Path, text: str, key: str = "wsgi") -> WSGIApplication:
    """Imports and makes what the text names, modules of the folder before others.

    The folder is on sys.path already. Raises Missing, for that key, if the text has
    another form, or what it names is not there, raises, or is no WSGI application.
    """
    if text.endswith(":"):
        return echo.application
    name = _parse(text, key)
    found: Any = find_module(folder, key, name.module)
    title = f"module {name.module}"
    for attribute in name.attributes:
        found = find_attribute(found, key, attribute, title)
        title = attribute
    if name.call:
        found = _make(found, name.call, key)
    _check(found, text, name, key)
    application: WSGIApplication = found
    return application


def _parse(text: str, key: str) -> _Name:
    module, _, expression = text.partition(":")
    try:
        node = ast.parse(expression, mode="eval").body
        call = None
        if isinstance(node, ast.Call):
            call = _Call(expression, *_literal_arguments(node))
            node = node.func
        attributes = _attributes(node)
    except (SyntaxError, ValueError):
        raise Missing(key, f'found "{text}", {EXPECTED}') from None
    if not all(part.isidentifier() for part in module.split(".")):
        raise Missing(key, f'found "{text}", {EXPECTED}')
    return _Name(module, attributes, call)


def _literal_arguments(node: ast.Call) -> tuple[list[Any], dict[str, Any]]:
    keywords: dict[str, Any] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise ValueError("**keywords are no literal")
        keywords[keyword.arg] = ast.literal_eval(keyword.value)
    return [ast.literal_eval(argument) for argument in node.args], keywords


def _attributes(node: ast.expr) -> list[str]:
    """ "site.app" as its names."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [*_attributes(node.value), node.attr]
    raise ValueError("no attribute")


def _make(factory: Any, call: _Call, key: str) -> object:
    if not callable(factory):
        kind = type(factory).__name__
        raise Missing(key, f'found a {kind}, expected a function for "{call.text}"')
    try:
        return factory(*call.arguments, **call.keywords)
    except (Exception, SystemExit) as error:
        trace = user_traceback(error)
        raise Missing(key, f"{call.text} failed", trace) from None


def _check(application: object, text: str, name: _Name, key: str) -> None:
    """What cannot be called with environ and start_response is told at the start."""
    of_call = f" from {name.call.text}" if name.call else ""
    expected = "expected a WSGI application, called with environ and start_response"
    if inspect.isawaitable(application):
        if inspect.iscoroutine(application):
            application.close()
        raise Missing(key, f"found a coroutine{of_call}, {expected}")
    if not callable(application):
        kind = type(application).__name__
        raise Missing(key, f"found a {kind}{of_call}, {expected}")
    if _is_async(application):
        raise Missing(key, f"found an async function{of_call}, {expected}")
    if takes(application, 2):
        return
    hint = ""
    if not name.call and takes(application, 0):
        hint = f'; did you mean "{text}()"?'
    called = getattr(application, "__name__", type(application).__name__)
    signature = inspect.signature(application)
    raise Missing(key, f"found {called}{signature}{of_call}, {expected}{hint}")


def _is_async(application: Callable[..., object]) -> bool:
    """ "async def", or an instance whose class has such a __call__."""
    called = (application, type(application).__call__)
    return any(map(inspect.iscoroutinefunction, called))
