"""pyrs: an HTTP server for Python with its core in C.

A project.pyrs maps paths to methods; `pyrs project.pyrs` serves it. From Python code,
`serve` and `Server` do the same.

Names are imported when they are first used: a CGI script imports pyrs.cgi once for each
request, and all of pyrs costs twenty times as much.
"""

TYPE_CHECKING = False  # type checkers know it; importing typing would cost 5 ms

if TYPE_CHECKING:
    from pyrs._bridge import BodyStream, Request
    from pyrs.errors import ClientDisconnected, HTTPError, PyrsError
    from pyrs.events import Event
    from pyrs.form import Form, Upload
    from pyrs.project import serve
    from pyrs.response import Response
    from pyrs.server import Server

    __version__: str

__all__ = [
    "BodyStream",
    "ClientDisconnected",
    "Event",
    "Form",
    "HTTPError",
    "PyrsError",
    "Request",
    "Response",
    "Server",
    "Upload",
    "__version__",
    "serve",
]

_HOMES = {
    "BodyStream": "pyrs._bridge",
    "ClientDisconnected": "pyrs.errors",
    "Event": "pyrs.events",
    "Form": "pyrs.form",
    "HTTPError": "pyrs.errors",
    "PyrsError": "pyrs.errors",
    "Request": "pyrs._bridge",
    "Response": "pyrs.response",
    "Server": "pyrs.server",
    "Upload": "pyrs.form",
    "__version__": "pyrs._version",
    "serve": "pyrs.project",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
