"""What the bridge costs a request: the call, the request object, the result, in ns.

    python benchmarks/handler_path.py

csrc/bridge as it is shipped, over a core that does nothing (tests/unit/bridge_core.c),
64 requests to an attach, as when 64 are pipelined. Every row is the best of several
passes, so that the neighbours of a shared machine fall out.
"""

import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from pyrs import HTTPError, Response
from tests.unit.bridge_kit import nanoseconds_per_call

PASSES = 5
BODY = b"x" * 100
HEADERS = [
    ("Host", "localhost"),
    ("User-Agent", "curl/8"),
    ("Accept", "*/*"),
    ("Content-Length", "100"),
]


class Api:
    """Methods, since that is what a project has."""

    def __init__(self) -> None:
        self.kept: Any = None
        self.response = Response("Hello, World!", 200, {"X-A": "b"})

    def text(self, request: Any) -> str:
        return "Hello, World!"

    def data(self, request: Any) -> bytes:
        return b"Hello, World!"

    def echo(self, request: Any) -> Any:
        return request

    def nothing(self, request: Any) -> None:
        return None

    def json(self, request: Any) -> dict[str, str]:
        return {"hello": "world"}

    def status(self, request: Any) -> tuple[str, int]:
        return "Hello, World!", 201

    def headers_out(self, request: Any) -> tuple[str, int, dict[str, str]]:
        return "Hello, World!", 200, {"X-A": "b"}

    def new_response(self, request: Any) -> Response:
        return Response("Hello, World!")

    def same_response(self, request: Any) -> Response:
        return self.response

    def error(self, request: Any) -> None:
        raise HTTPError(404)

    def large(self, request: Any) -> bytes:
        return LARGE

    def method(self, request: Any) -> str:
        return str(request.method)

    def path(self, request: Any) -> str:
        return str(request.path)

    def body(self, request: Any) -> bytes:
        return bytes(request.body)

    def params(self, request: Any) -> str:
        return "x" if request.params["id"] else ""

    def header(self, request: Any) -> str:
        return str(request.headers["host"])

    def query(self, request: Any) -> str:
        return str(request.query["a"])

    def keep(self, request: Any) -> str:
        self.kept = request
        return "Hello, World!"


LARGE = b"x" * 20_000
API = Api()
ROWS: list[tuple[str, Callable[..., object]]] = [
    ("returns str", API.text),
    ("returns bytes", API.data),
    ("returns the request", API.echo),
    ("returns None", API.nothing),
    ("returns a dict", API.json),
    ("returns (str, status)", API.status),
    ("returns (str, status, headers)", API.headers_out),
    ("returns a new Response", API.new_response),
    ("returns one Response again", API.same_response),
    ("returns 20 kB, lent", API.large),
    ("raises HTTPError", API.error),
    ("reads method", API.method),
    ("reads path", API.path),
    ("reads body", API.body),
    ("reads params", API.params),
    ("reads headers", API.header),
    ("reads query", API.query),
    ("keeps the request", API.keep),
]


def no_header(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"Hello, World!"]


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "13")])
    return [b"Hello, World!"]


class Closing:
    """As a framework's response: an iterable with a close()."""

    def __iter__(self) -> Any:
        return iter([b"Hello, World!"])

    def close(self) -> None:
        pass


def closing(environ: Any, start_response: Any) -> Closing:
    hello(environ, start_response)
    return Closing()


APPLICATIONS: list[tuple[str, Callable[..., object], list[tuple[str, str]]]] = [
    ("a list, no header either way", no_header, []),
    ("a list, two headers, Host from the client", hello, HEADERS[:1]),
    ("a list, two headers, three from the client", hello, HEADERS[:3]),
    ("an iterable with a close()", closing, HEADERS[:1]),
]


def main() -> int:
    version = platform.python_version()
    print(f"CPython {version}, {platform.machine()}: ns a request")
    for name, handler in ROWS:
        best = min(
            nanoseconds_per_call(
                handler,
                200_000,
                body=BODY,
                headers=HEADERS,
                path="/users/7",
                query="a=b",
                params=[("id", "7", 1)],
            )
            for _ in range(PASSES)
        )
        print(f"{best:8.0f}  {name}")
    print("WSGI applications, called without a body:")
    for name, application, headers in APPLICATIONS:
        best = min(
            nanoseconds_per_call(application, 200_000, wsgi=True, headers=headers)
            for _ in range(PASSES)
        )
        print(f"{best:8.0f}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
