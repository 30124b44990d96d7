"""Programs that write whole HTTP responses, called nph-something: RFC 3875, 5."""

from collections.abc import Iterator

import pytest

from tests.kit import RunningServer, get

from .cgi_kit import cgi_server

PROGRAMS = {
    "nph-hello": """
        printf 'HTTP/1.0 299 Fine\\r\\nServer: mine\\r\\nConnection: keep-alive\\r\\n'
        printf 'Content-Type: text/plain\\r\\n\\r\\nHello, World!'
    """,
    "nph-chunks": """
        printf 'HTTP/1.1 200 OK\\nTransfer-Encoding: chunked\\n\\n'
        printf '5\\r\\nhello\\r\\n0\\r\\n\\r\\n'
    """,
    "nph-too-long": """
        printf 'HTTP/1.1 200 OK\\nContent-Length: 5\\n\\nhello'
        printf 'HTTP/1.1 200 OK\\nContent-Length: 5\\n\\nforge'
    """,
    "nph-document": "printf 'Content-Type: text/plain\\n\\nhello'",
    "nph-both": """
        printf 'HTTP/1.1 200 OK\\nContent-Length: 5\\nTransfer-Encoding: chunked\\n\\n'
    """,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with cgi_server(tmp_path_factory.mktemp("responses"), PROGRAMS) as server:
        yield server


def raw_response(server: RunningServer, request: bytes) -> bytes:
    """All that comes until the server closes."""
    with server.connect() as client:
        client.send(request)
        while client.receive():
            pass
        text, client.unread = client.unread, b""
    return text


def test_a_whole_response_is_passed_on(server: RunningServer) -> None:
    assert raw_response(server, get("/cgi-bin/nph-hello")) == (
        b"HTTP/1.0 299 Fine\r\nServer: mine\r\nContent-Type: text/plain\r\n"
        b"Connection: close\r\n\r\nHello, World!"
    )
    assert server.counter("responses")[2] > 0


def test_a_body_in_chunks_is_passed_on(server: RunningServer) -> None:
    text = raw_response(server, get("/cgi-bin/nph-chunks"))
    head, _, body = text.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert body == b"5\r\nhello\r\n0\r\n\r\n"


def test_no_request_is_answered_behind_it(server: RunningServer) -> None:
    request = get("/cgi-bin/nph-hello")
    assert raw_response(server, request * 2).count(b"HTTP/1") == 1


def test_nothing_follows_the_length_that_was_said(server: RunningServer) -> None:
    text = raw_response(server, get("/cgi-bin/nph-too-long"))
    assert text.endswith(b"\r\n\r\nhello")
    server.allow_log("WARNING .*/nph-too-long: writes more than the length")


def test_the_body_of_an_answer_to_head_is_left_out(server: RunningServer) -> None:
    text = raw_response(server, get("/cgi-bin/nph-hello", method="HEAD"))
    assert text.endswith(b"Connection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("nph-document", "no status line of HTTP/1.0 or 1.1"),
        ("nph-both", "a Transfer-Encoding beside a Content-Length"),
    ],
)
def test_what_is_no_response_is_a_bad_gateway(
    server: RunningServer, name: str, fault: str
) -> None:
    assert server.ask(get(f"/cgi-bin/{name}")).status == 502
    server.expect_log(f"ERROR .*/{name}: malformed output: {fault}")
