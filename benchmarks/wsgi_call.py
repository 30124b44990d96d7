"""A WSGI application called without a server."""

import io
import sys
from collections.abc import Iterable
from typing import Any

EMPTY = io.BytesIO()


def call(app: Any) -> None:
    """What any server has to do: an environ, the call, the body, its end."""
    body: Iterable[bytes] = app(environ(), start_response)
    for _ in body:
        pass
    if close := getattr(body, "close", None):
        close()


def start_response(status: str, headers: list[Any], exc_info: Any = None) -> None:
    pass


def environ() -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8080",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": EMPTY,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
