"""The first request of a byte string, as llhttp (httptools) and h11 see it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import h11
import httptools


@dataclass(frozen=True)
class Seen:
    """A whole request. Names in lower case, values without the blanks around them; h11
    lets go of the case of Transfer-Encoding's value, so all do."""

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    size: int  # bytes of head and body on the wire


def normal_headers(
    headers: Iterable[tuple[bytes, bytes]],
) -> tuple[tuple[bytes, bytes], ...]:
    """As they are in Seen."""
    lowered = ((name.lower(), value.strip(b" \t")) for name, value in headers)
    return tuple(
        (name, value.lower() if name == b"transfer-encoding" else value)
        for name, value in lowered
    )


@dataclass(frozen=True)
class Unfinished:
    """All bytes were read and the request is not whole."""


@dataclass(frozen=True)
class Refused:
    """The judge's own words."""

    why: str


Verdict = Seen | Unfinished | Refused
Judge = Callable[[bytes, int], Verdict]


class _Collector:
    """httptools' callbacks, for the first message only."""

    def __init__(self) -> None:
        self.complete = False
        self.in_head = True
        self.target = b""
        self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        if not self.complete:
            self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.in_head:  # not a trailer
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.in_head = False

    def on_body(self, body: bytes) -> None:
        if not self.complete:
            self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


def llhttp(wire: bytes, size: int) -> Verdict:
    """llhttp does not say how much it took, so of the `size` bytes that the request is
    expected to have it gets the last one on its own: complete before is too early. With
    size 0 it gets all."""
    seen = _Collector()
    parser = httptools.HttpRequestParser(seen)
    taken = len(wire)
    try:
        if size == 0:
            parser.feed_data(wire)
        else:
            parser.feed_data(wire[: size - 1])
            taken = size - 1
            if not seen.complete:
                taken = size
                parser.feed_data(wire[size - 1 : size])
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        if not seen.complete:
            return Refused(f"{type(error).__name__}: {error}")
    if not seen.complete:
        return Unfinished()
    return Seen(
        parser.get_method(), seen.target, normal_headers(seen.headers), seen.body, taken
    )


def h11_server(wire: bytes, size: int) -> Verdict:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    request, body = None, b""
    try:
        connection.receive_data(wire)
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            elif event is h11.NEED_DATA:
                return Unfinished()
            else:
                return Refused(f"unexpected {event}")
    except h11.RemoteProtocolError as error:
        return Refused(str(error))
    assert request is not None
    return Seen(
        request.method,
        request.target,
        normal_headers(request.headers),
        body,
        len(wire) - len(connection.trailing_data[0]),
    )


JUDGES: dict[str, Judge] = {"llhttp": llhttp, "h11": h11_server}
