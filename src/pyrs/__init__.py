"""pyrs: an HTTP server for Python with its core in C.

A project.pyrs maps paths to methods; `pyrs project.pyrs` serves it. From Python code,
`serve` and `Server` do the same.
"""

from pyrs._bridge import BodyStream, Request
from pyrs._core import ffi, lib
from pyrs.errors import ClientDisconnected, HTTPError, PyrsError
from pyrs.events import Event
from pyrs.form import Form, Upload
from pyrs.project import serve
from pyrs.response import Response
from pyrs.server import Server

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

__version__ = ffi.string(lib.pyrs_version()).decode()
