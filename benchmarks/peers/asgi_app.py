"""The hello application for ASGI servers; a POST is echoed."""

from typing import Any


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    body = b"Hello, World!"
    if scope["method"] == "POST":
        body = await read_body(receive)
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"text/html"),
                (b"content-length", b"%d" % len(body)),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Any) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)
