"""A client that sends bytes as they are and reads responses without mercy.

Whatever a response may get wrong in its framing is an assertion here, so every test
that reads one checks it too: line ends, field syntax, Date, Server, and exactly one way
of telling where the body ends.
"""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType

PATIENCE = 30.0  # seconds; nothing that goes well takes a tenth of it

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([ -~]+)")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([!-~\x80-\xff \t]*)")
_DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3]\d "
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
    r"[0-2]\d:[0-5]\d:[0-6]\d GMT"
)


@dataclass(frozen=True)
class Response:
    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def __getitem__(self, name: str) -> str:
        """The one value of a header."""
        (value,) = self.all(name)
        return value

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @property
    def closes(self) -> bool:
        return "close" in self.all("Connection")


class Client:
    """A connection to a server.

    `address` is (host, port) or the path of a unix socket, `small_window` makes the
    kernel buffer as little as it can, so that a client that does not read is felt soon.
    """

    def __init__(
        self,
        address: tuple[str, int] | str,
        *,
        server_name: str = "pyrs",
        small_window: bool = False,
    ) -> None:
        self._server_name = server_name
        self._closing = False
        self.unread = b""
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            self.socket = socket.socket(family)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if small_window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ---- sending ----

    def send(self, *pieces: bytes) -> None:
        """Each piece with a call of its own."""
        for piece in pieces:
            self.socket.sendall(piece)

    def send_while_it_lasts(self, pieces: Iterable[bytes]) -> None:
        """As send; stops when the server has closed, as a client in full flow would."""
        try:
            for piece in pieces:
                self.socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def finish(self) -> None:
        """No more bytes from here; responses may still come."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.socket.close()

    def abort(self) -> None:
        """Closes with a reset, as the kernel does for a client that was killed."""
        linger = struct.pack("ii", 1, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()

    # ---- reading ----

    def receive(self) -> bytes:
        """Some more bytes behind `unread`; b"" at the end."""
        received = self.socket.recv(1 << 20)
        self.unread += received
        return received

    def _until(self, mark: bytes) -> bytes:
        start = 0
        while (end := self.unread.find(mark, start)) < 0:
            start = max(0, len(self.unread) - len(mark) + 1)
            assert self.receive(), f"closed in the middle of {self.unread!r}"
        taken, self.unread = self.unread[:end], self.unread[end + len(mark) :]
        return taken

    def _exactly(self, count: int) -> bytes:
        pieces, have = [self.unread], len(self.unread)
        while have < count:
            piece = self.socket.recv(1 << 20)
            assert piece, f"closed after {have} of {count} bytes"
            pieces.append(piece)
            have += len(piece)
        whole = b"".join(pieces)
        self.unread = whole[count:]
        return whole[:count]

    def response(self, method: str = "GET") -> Response:
        """The next response, to a request of that method; interim ones are skipped."""
        while True:
            response = self.any_response(method)
            if response.status >= 200:
                return response

    def any_response(self, method: str = "GET") -> Response:
        assert not self._closing, "a response after one that said Connection: close"
        head = self._until(b"\r\n\r\n")
        response = self._framed(head, method)
        self._closing = response.closes
        return response

    def responses(self, count: int) -> list[Response]:
        return [self.response() for _ in range(count)]

    def ask(self, request: bytes) -> Response:
        self.send(request)
        return self.response(request.split(b" ", 1)[0].decode("latin-1"))

    def is_closed(self) -> bool:
        """Waits for the end: the server closed in order, and sent nothing more. Then
        this end closes too, as clients do: a server may wait for that."""
        assert self.unread + self.receive() == b""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        return True

    def is_cut(self) -> bool:
        """Waits for the end, in order or by a reset, whatever comes before it."""
        try:
            while self.socket.recv(1 << 20):
                pass
        except ConnectionError:
            pass
        return True

    # ---- what a response must be ----

    def _framed(self, head: bytes, method: str) -> Response:
        lines = head.split(b"\r\n")
        start = _STATUS_LINE.fullmatch(lines[0])
        assert start, f"bad status line {lines[0]!r}"
        status = int(start[1])
        fields = []
        for line in lines[1:]:
            field = _FIELD.fullmatch(line)
            assert field, f"bad field {line!r}"
            fields.append((field[1].decode(), field[2].decode("latin-1")))
        bare = Response(status, tuple(fields), b"")
        if status < 200:
            assert not fields, bare
            return bare
        self._check_common_fields(bare)
        body = self._body_of(bare, method)
        return Response(status, bare.fields, body)

    def _check_common_fields(self, response: Response) -> None:
        date = response["Date"]
        assert _DATE.fullmatch(date), date
        assert abs(parsedate_to_datetime(date).timestamp() - time.time()) < 3600
        expected = [self._server_name] if self._server_name else []
        assert response.all("Server") == expected

    def _body_of(self, response: Response, method: str) -> bytes:
        lengths = response.all("Content-Length")
        codings = response.all("Transfer-Encoding")
        assert len(lengths) + len(codings) <= 1, response
        if response.status == 204:
            assert not lengths, response
            assert not codings, response
            return b""
        if response.status == 304:
            return b""
        assert lengths or codings, f"no framing: {response}"
        if method == "HEAD":
            return b""
        if codings:
            assert codings == ["chunked"]
            return self._chunks()
        assert re.fullmatch(r"0|[1-9][0-9]*", lengths[0]), response
        return self._exactly(int(lengths[0]))

    def _chunks(self) -> bytes:
        """Walks through what is there: copying the rest for each of many small chunks
        would take minutes when a busy machine has let much of it arrive."""
        whole, at = [], 0
        while True:
            while (end := self.unread.find(b"\r\n", at)) < 0:
                self.unread, at = self.unread[at:], 0
                assert self.receive(), f"closed in the middle of {self.unread!r}"
            size, at = int(self.unread[at:end], 16), end + 2
            if len(self.unread) < at + size + 2:
                self.unread, at = self.unread[at:], 0
                self.unread = self._exactly(size + 2) + self.unread
            whole.append(self.unread[at : at + size])
            assert self.unread[at + size : at + size + 2] == b"\r\n"
            at += size + 2
            if size == 0:
                self.unread = self.unread[at:]
                return b"".join(whole)


def get(path: str, *fields: str, version: str = "1.1", method: str = "GET") -> bytes:
    """A request without a body: get("/x", "Connection: close")."""
    lines = [f"{method} {path} HTTP/{version}", "Host: example.com", *fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def post(path: str, body: bytes, *fields: str, version: str = "1.1") -> bytes:
    """A request with a body of a known length."""
    length = f"Content-Length: {len(body)}"
    return get(path, length, *fields, version=version, method="POST") + body


def post_chunked(path: str, *chunks: bytes) -> bytes:
    head = get(path, "Transfer-Encoding: chunked", method="POST")
    coded = (b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head + b"".join(coded) + b"0\r\n\r\n"
