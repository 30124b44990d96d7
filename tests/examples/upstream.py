"""A server behind a proxy that does byte for byte what a test says.

with upstream(lambda connection: connection.sendall(b"HTTP/1.1 200 OK...")) as server:
    ...
    assert b"Host: a" in server.heads[0]
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from .example_kit import TIMEOUT

__all__ = ["Upstream", "answering", "upstream"]


class Upstream:
    """`heads` are those of the requests that came, one to a connection."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self.heads: list[bytes] = []
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fields(self) -> dict[str, str]:
        """The headers of the last request, names in lower case."""
        lines = self.heads[-1].decode("latin-1").split("\r\n")[1:-2]
        pairs = (line.split(": ", 1) for line in lines)
        return {name.lower(): value for name, value in pairs}

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(TIMEOUT)
                self._start(self._answer, connection)

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = connection.recv(1)  # nothing of the body
                if not byte:
                    return
                head += byte
            self.heads.append(head)
            self._serve(connection)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(TIMEOUT)


@contextmanager
def upstream(serve: Callable[[socket.socket], None]) -> Iterator[Upstream]:
    """`serve` gets each connection when the head of a request has been read from it."""
    server = Upstream(serve)
    try:
        yield server
    finally:
        server.close()


def answering(*fields: str, body: bytes = b"", status: str = "200 OK") -> bytes:
    """An answer, closed behind it."""
    length = f"Content-Length: {len(body)}"
    lines = [f"HTTP/1.1 {status}", *fields, length, "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body
