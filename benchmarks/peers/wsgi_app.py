"""The hello application for WSGI servers; a POST is echoed."""

from typing import Any


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    if environ["REQUEST_METHOD"] == "POST":
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    else:
        body = b"Hello, World!"
    start_response(
        "200 OK",
        [("Content-Type", "text/html"), ("Content-Length", str(len(body)))],
    )
    return [body]
