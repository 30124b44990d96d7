"""csrc/http/cgi_head.c: what a CGI program says before its document."""

from dataclasses import dataclass
from typing import Any

import pytest

from .c_core import ffi, lib
from .http_kit import bytes_of, slice_

KINDS = ("document", "local redirect", "client redirect")


@dataclass(frozen=True)
class Head:
    kind: str
    status: int
    content_type: bytes
    content_length: int
    fields: bytes
    response: bytes


def parse(text: bytes, *, whole_response: bool = False) -> Head | str:
    """The head, or what is wrong with it."""
    head = ffi.new("struct cgi_head *")
    read = lib.cgi_head_parse_response if whole_response else lib.cgi_head_parse
    fault = read(slice_(text), head)
    if fault != ffi.NULL:
        return str(ffi.string(fault).decode())
    fields = written(lib.cgi_head_write_fields, lib.cgi_head_fields_size(head), head)
    response = written(
        lib.cgi_head_write_response, lib.cgi_head_response_size(head), head
    )
    return Head(
        KINDS[head.kind],
        head.status,
        bytes_of(head.content_type),
        head.content_length,
        fields,
        response,
    )


def written(write: Any, size: int, head: Any) -> bytes:
    out = ffi.new("char[]", size + 1)
    end = write(out, head)
    assert end - out <= size
    return bytes(ffi.buffer(out, end - out))


def length_of(text: bytes) -> int:
    return int(lib.cgi_head_length(slice_(text), ffi.new("size_t *")))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        (b"A: b\n\nrest", 6),
        (b"A: b\r\n\r\nrest", 8),
        (b"A: b\r\n\nrest", 7),
        (b"A: b\n\r\nrest", 7),
        (b"\nrest", 1),
        (b"\r\nrest", 2),
        (b"", 0),
        (b"A: b", 0),
        (b"A: b\n", 0),
        (b"A: b\n\r", 0),
    ],
)
def test_a_head_ends_with_an_empty_line(text: bytes, length: int) -> None:
    assert length_of(text) == length


def test_a_head_may_come_a_byte_at_a_time() -> None:
    text = b"Content-Type: text/plain\r\nA: b\n\r\nrest"
    looked = ffi.new("size_t *")
    lengths = [
        lib.cgi_head_length(slice_(text[:count]), looked)
        for count in range(len(text) + 1)
    ]
    assert lengths == [0] * 33 + [33] * 5


def test_a_document() -> None:
    head = parse(b"content-type: text/html; charset=utf-8\nX-One: 1\nX-Two:2\n\n")
    assert head == Head(
        "document",
        200,
        b"text/html; charset=utf-8",
        -1,
        b"X-One: 1\r\nX-Two: 2\r\n",
        b"\r\nX-One: 1\r\nX-Two: 2\r\nConnection: close\r\n\r\n",
    )


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"Status: 404 Not Found", 404),
        (b"Status: 201", 201),
        (b"STATUS:  599 Whatever it is", 599),
    ],
)
def test_a_status(line: bytes, status: int) -> None:
    head = parse(line + b"\n\n")
    assert isinstance(head, Head)
    assert (head.kind, head.status, head.fields) == ("document", status, b"")


@pytest.mark.parametrize(
    ("lines", "kind", "status"),
    [
        (b"Location: /a?b", "local redirect", 302),
        (b"Location: http://a/b", "client redirect", 302),
        (b"Location: page.html", "client redirect", 302),
        (b"Status: 301 Moved\nLocation: /a", "document", 301),
        (b"Location: /a\nStatus: 303\nContent-Type: a/b", "document", 303),
    ],
)
def test_redirects(lines: bytes, kind: str, status: int) -> None:
    head = parse(lines + b"\n\n")
    assert isinstance(head, Head)
    assert (head.kind, head.status) == (kind, status)
    assert head.fields.startswith(b"Location: ")


def test_what_is_the_servers_is_left_out() -> None:
    head = parse(
        b"Content-Type: a/b\nConnection: keep-alive\nKeep-Alive: 5\nUpgrade: x\n"
        b"Date: today\nServer: mine\nTE: trailers\nTrailer: A\nContent-Length: 5\n\n"
    )
    assert isinstance(head, Head)
    assert (head.fields, head.content_length) == (b"", 5)


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (b"", "neither Content-Type nor Location nor Status"),
        (b"X-One: 1\n", "neither Content-Type nor Location nor Status"),
        (b"no colon\n", "a field without a colon"),
        (b"A: b\n folded\n", "a folded field"),
        (b" A: b\n", "a folded field"),
        (b": b\n", "a field with bytes that may not be in one"),
        (b"A b: c\n", "a field with bytes that may not be in one"),
        (b"A : c\n", "a field with bytes that may not be in one"),
        (b"A: b\0c\n", "a field with bytes that may not be in one"),
        (b"A: b\rC: d\n", "a field with bytes that may not be in one"),
        (b"Content-Type: a/b\nContent-Type: a/b\n", "a field that may stand once"),
        (b"Status: 200\nstatus: 200\n", "a field that may stand once stands twice"),
        (b"Location: /a\nLocation: /b\n", "a field that may stand once stands twice"),
        (b"Content-Length: 1\nContent-Length: 1\n", "a field that may stand once"),
        (b"Content-Length: +1\n", "a Content-Length that is no number"),
        (b"Content-Length: 1, 1\n", "a Content-Length that is no number"),
        (b"Content-Length:\n", "a Content-Length that is no number"),
        (b"Status: 100 Continue\n", "a Status that is none from 200 on"),
        (b"Status: 600\n", "a Status that is none from 200 on"),
        (b"Status: 20\n", "a Status that is none from 200 on"),
        (b"Status: 2000\n", "a Status that is none from 200 on"),
        (b"Status: +20\n", "a Status that is none from 200 on"),
        (b"Status: HTTP/1.1 200\n", "a Status that is none from 200 on"),
        (b"Content-Type:\n", "an empty Content-Type"),
        (b"Location: \n", "an empty Location"),
        (b"Transfer-Encoding: chunked\n", "a Transfer-Encoding"),
        (b"A: b\n" * 101, "too many fields"),
    ],
)
def test_a_malformed_head(lines: bytes, fault: str) -> None:
    told = parse(lines + b"\n")
    assert isinstance(told, str)
    assert told.startswith(fault)


def test_a_whole_response() -> None:
    head = parse(
        b"HTTP/1.1 418 I'm a teapot\nServer: mine\nConnection: keep-alive\n"
        b"Transfer-Encoding: chunked\nLocation: /a\n\n",
        whole_response=True,
    )
    assert isinstance(head, Head)
    assert (head.kind, head.status) == ("document", 418)
    assert head.response == (
        b"HTTP/1.1 418 I'm a teapot\r\nServer: mine\r\n"
        b"Transfer-Encoding: chunked\r\nLocation: /a\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (b"", "no status line of HTTP/1.0 or 1.1"),
        (b"Content-Type: a/b\n", "no status line of HTTP/1.0 or 1.1"),
        (b"HTTP/2 200 OK\n", "no status line of HTTP/1.0 or 1.1"),
        (b"HTTP/1.2 200 OK\n", "no status line of HTTP/1.0 or 1.1"),
        (b"HTTP/1.1 100 Continue\n", "no status line of HTTP/1.0 or 1.1"),
        (b"HTTP/1.1 200 O\rK\n", "no status line of HTTP/1.0 or 1.1"),
        (b"HTTP/1.1  200\n", "no status line of HTTP/1.0 or 1.1"),
        (
            b"HTTP/1.1 200 OK\nContent-Length: 1\nTransfer-Encoding: chunked\n",
            "a Transfer-Encoding beside a Content-Length",
        ),
        (
            b"HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked\n",
            "a Transfer-Encoding other than chunked",
        ),
        (
            b"HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 1\n",
            "a Content-Length that is no number, or a second one",
        ),
        (b"HTTP/1.1 200 OK\nbad\n", "a field without a colon"),
    ],
)
def test_a_malformed_response(lines: bytes, fault: str) -> None:
    assert parse(lines + b"\n", whole_response=True) == fault
