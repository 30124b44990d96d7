"""The application that is served when none is named: it answers what it was sent.

    $ curl -X POST http://127.0.0.1:8080 -d 'some text'
    some text

For a look at a client, and at a server that runs. The body comes back as plain text,
whatever it was sent as, so that no page of another site can have a script run in the
server's name; and whole, since many a client reads no answer before it has sent all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["application"]


def application(
    environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Answers with the request's body; without one, with none."""
    body: bytes = environ["wsgi.input"].read()
    headers = [("Content-Length", str(len(body)))]
    if body:
        headers.append(("Content-Type", "text/plain"))
    start_response("200 OK", headers)
    return [body]
