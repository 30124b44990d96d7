"""csrc/http/response_head.h: what is written, into room that ends at a guard page."""

import http

import pytest

from .c_core import lib
from .http_kit import bytes_of, field_is_valid, write_response_head

SERVER_AND_DATE = b"Server: pyrs\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"


def test_a_usual_answer() -> None:
    assert write_response_head(
        200, SERVER_AND_DATE, content_type=b"text/html", content_length=13
    ) == (
        b"HTTP/1.1 200 OK\r\n"
        + SERVER_AND_DATE
        + b"Content-Type: text/html\r\nContent-Length: 13\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("length", "lines"),
    [
        (0, b"Content-Length: 0\r\n"),
        (2**63 - 1, b"Content-Length: 9223372036854775807\r\n"),
        (lib.RESPONSE_LENGTH_NONE, b""),
        (lib.RESPONSE_LENGTH_CHUNKED, b"Transfer-Encoding: chunked\r\n"),
        (lib.RESPONSE_LENGTH_CLOSE, b""),
    ],
)
def test_the_length_is_said_in_its_way(length: int, lines: bytes) -> None:
    head = write_response_head(204, content_length=length)
    assert head == b"HTTP/1.1 204 No Content\r\n" + lines + b"\r\n"


@pytest.mark.parametrize(
    ("connection", "lines"),
    [
        (lib.CONNECTION_SILENT, b""),
        (lib.CONNECTION_KEEP_ALIVE, b"Connection: keep-alive\r\n"),
        (lib.CONNECTION_CLOSE, b"Connection: close\r\n"),
    ],
)
def test_the_connection_is_said_if_need_be(connection: int, lines: bytes) -> None:
    head = write_response_head(200, connection=connection, content_length=0)
    assert head == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + lines + b"\r\n"


def test_further_fields_come_last() -> None:
    head = write_response_head(200, fields=b"X: y\r\nZ: z\r\n", content_length=0)
    assert head.endswith(b"\r\nX: y\r\nZ: z\r\n\r\n")


@pytest.mark.parametrize("status", [*range(100, 600), 999])
def test_every_status_has_a_line(status: int) -> None:
    reason = bytes_of(lib.status_reason(status))
    head = write_response_head(status, content_length=-1)
    assert head == b"HTTP/1.1 %d %s\r\n\r\n" % (status, reason)


# What RFC 9110 and the registry say where older Pythons say something else.
NEWER = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
JOKES_AND_DRAFTS = {418, 510}


@pytest.mark.parametrize(
    "status", [s for s in http.HTTPStatus if s not in JOKES_AND_DRAFTS]
)
def test_reasons_are_the_registered_ones(status: http.HTTPStatus) -> None:
    reason = bytes_of(lib.status_reason(status)).decode()
    assert reason == NEWER.get(status, status.phrase)


@pytest.mark.parametrize("status", [0, 99, 199, 299, 418, 512, 599, 999, 65535])
def test_other_statuses_are_unknown(status: int) -> None:
    assert bytes_of(lib.status_reason(status)) == b"Unknown"


def test_a_field_may_be_sent_if_it_cannot_end_its_line() -> None:
    assert field_is_valid(b"X-A", b"b c\td \xff")
    assert field_is_valid(b"X-A", b"")
    assert not field_is_valid(b"", b"b")
    for byte in [*range(9), *range(10, 32), 127]:
        assert not field_is_valid(b"X-A", b"b" + bytes([byte]))
        assert not field_is_valid(b"X" + bytes([byte]), b"b")
    for byte in b' \t:()<>@,;\\"/[]?={}\x80\xff':
        assert not field_is_valid(b"X" + bytes([byte]), b"b")
