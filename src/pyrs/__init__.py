"""pyrs: an HTTP server for Python with its core in C."""

from pyrs._bridge import Request
from pyrs.errors import HTTPError, PyrsError
from pyrs.response import Response

__all__ = ["HTTPError", "PyrsError", "Request", "Response"]
