"""A handler of each shape, all with the same answer; measured by ../shapes.py."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pyrs

FILE = Path(__file__).with_name("hello.txt")
TEXT = "Hello, World!"
PIECES = ("Hello", ", ", "World!")


def text(request: pyrs.Request) -> str:
    return TEXT


def headers(request: pyrs.Request) -> tuple[str, int, dict[str, str]]:
    return TEXT, 200, {"X-A": "b"}


def response(request: pyrs.Request) -> pyrs.Response:
    return pyrs.Response(TEXT, 200, {"X-A": "b"})


def json(request: pyrs.Request) -> dict[str, str]:
    return {"text": TEXT}


def checked(request: pyrs.Request) -> dict[str, int]:
    return {"length": len(request.headers) + len(request.query)}


def file(request: pyrs.Request) -> pyrs.Response:
    return pyrs.Response.file(FILE)


def generator(request: pyrs.Request) -> Iterator[str]:
    yield from PIECES


def events(request: pyrs.Request) -> pyrs.Response:
    return pyrs.Response.events(PIECES)


def arriving(request: pyrs.Request) -> bytes:
    return request.read()


async def async_text(request: pyrs.Request) -> str:
    return TEXT


async def async_generator(request: pyrs.Request) -> AsyncIterator[str]:
    for piece in PIECES:
        yield piece


class Nothing:
    """A middleware that only costs."""

    def before(self, request: pyrs.Request) -> None:
        pass

    def after(self, request: pyrs.Request, response: pyrs.Response) -> None:
        pass
