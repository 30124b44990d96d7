"""The hello application for granian's own interface; a POST is echoed."""

from typing import Any

HEADERS = [("content-type", "text/html")]


async def app(scope: Any, protocol: Any) -> None:
    body = b"Hello, World!"
    if scope.method == "POST":
        body = await protocol()
    protocol.response_bytes(200, HEADERS, body)
