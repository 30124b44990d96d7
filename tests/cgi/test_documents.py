"""Programs that answer as they should: RFC 3875, 6."""

from collections.abc import Iterator

import pytest

from tests.kit import RunningServer, get, post, post_chunked

from .cgi_kit import cgi_server

PROGRAMS = {
    "hello": """
        echo "Content-Type: text/plain"
        echo
        echo "Hello, World!"
    """,
    "echo": """
        echo "Content-Type: $CONTENT_TYPE"
        echo "X-Length: $CONTENT_LENGTH"
        echo
        cat
    """,
    "perl": """
        #!/usr/bin/perl
        print "Content-Type: text/plain\\r\\n\\r\\n", reverse <STDIN>;
    """,
    "fields": """
        echo "Status: 418 I'm a teapot"
        echo "Set-Cookie: a=1"
        echo "Set-Cookie: b=2"
        echo "Connection: keep-alive"
        echo "Server: mine"
        echo "Date: today"
        echo
    """,
    "length": """
        echo "Content-Type: text/plain"
        echo "Content-Length: 5"
        echo
        printf hello
    """,
    "moved": """
        echo "Location: http://example.com/there"
        echo
    """,
    "moved-with-page": """
        echo "Status: 301 Moved Permanently"
        echo "Location: /there"
        echo "Content-Type: text/html"
        echo
        echo "<a href=/there>there</a>"
    """,
    "no-content": """
        echo "Status: 204 No Content"
        echo
        echo "not to be sent"
    """,
    "where": """
        echo "Content-Type: text/plain"
        echo
        pwd
        echo "$0 $#"
    """,
    "deep/down/hello": """
        echo "Content-Type: text/plain"
        echo
        echo "$SCRIPT_NAME $PATH_INFO"
    """,
    "does-not-read": """
        echo "Content-Type: text/plain"
        echo
        echo done
    """,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with cgi_server(tmp_path_factory.mktemp("documents"), PROGRAMS) as server:
        yield server


def test_a_shell_script_answers(server: RunningServer) -> None:
    response = server.ask(get("/cgi-bin/hello"))
    assert response.status == 200
    assert response["Content-Type"] == "text/plain"
    assert response.body == b"Hello, World!\n"


def test_a_connection_goes_on_behind_a_program(server: RunningServer) -> None:
    with server.connect() as client:
        client.send(get("/cgi-bin/hello"))
        client.send(post("/cgi-bin/echo", b"a", "Content-Type: a/b"))
        client.send(get("/cgi-bin/length"))
        bodies = [client.response().body for _ in range(3)]
    assert bodies == [b"Hello, World!\n", b"a", b"hello"]


def test_a_client_of_http_1_0_reads_until_the_end(server: RunningServer) -> None:
    with server.connect() as client:
        client.send(get("/cgi-bin/hello", version="1.0"))
        text = client.unread
        while client.receive():
            text = client.unread
        client.unread = b""
    head, _, body = text.partition(b"\r\n\r\n")
    assert b"Connection: close" in head
    assert body == b"Hello, World!\n"


def test_a_program_reads_the_body(server: RunningServer) -> None:
    response = server.ask(post("/cgi-bin/echo", b"a body", "Content-Type: a/b"))
    assert response["Content-Type"] == "a/b"
    assert response["X-Length"] == "6"
    assert response.body == b"a body"


def test_the_length_of_a_body_in_chunks_is_known(server: RunningServer) -> None:
    request = post_chunked("/cgi-bin/echo", b"in ", b"chunks").replace(
        b"Host:", b"Content-Type: a/b\r\nHost:"
    )
    response = server.ask(request)
    assert (response["X-Length"], response.body) == ("9", b"in chunks")


def test_a_large_body_goes_through(server: RunningServer) -> None:
    body = bytes(range(256)) * 4096
    with server.connect() as client:
        client.send(post("/cgi-bin/echo", body, "Content-Type: a/b"))
        assert client.response().body == body


def test_a_large_body_in_chunks_goes_through(server: RunningServer) -> None:
    chunks = [bytes([number]) * 65536 for number in range(16)]
    request = post_chunked("/cgi-bin/echo", *chunks).replace(
        b"Host:", b"Content-Type: a/b\r\nHost:"
    )
    with server.connect() as client:
        client.send(request)
        assert client.response().body == b"".join(chunks)


def test_a_body_is_asked_for_when_a_program_is_there(server: RunningServer) -> None:
    head = get(
        "/cgi-bin/echo",
        "Content-Type: a/b",
        "Content-Length: 4",
        "Expect: 100-continue",
        method="POST",
    )
    with server.connect() as client:
        client.send(head)
        assert client.any_response().status == 100
        client.send(b"body")
        assert client.response("POST").body == b"body"


def test_a_body_that_nobody_reads_is_left(server: RunningServer) -> None:
    with server.connect() as client:
        client.send_while_it_lasts([post("/cgi-bin/does-not-read", bytes(1 << 20))])
        assert client.response().body == b"done\n"


def test_a_perl_script_answers(server: RunningServer) -> None:
    assert server.ask(post("/cgi-bin/perl", b"1\n2\n")).body == b"2\n1\n"


def test_a_program_says_status_and_fields(server: RunningServer) -> None:
    response = server.ask(get("/cgi-bin/fields"))  # which looks at Server and Date
    assert response.status == 418
    assert response.all("Set-Cookie") == ["a=1", "b=2"]
    assert "Connection" not in response
    assert "Content-Type" not in response


def test_a_length_that_was_said_is_the_length(server: RunningServer) -> None:
    response = server.ask(get("/cgi-bin/length"))
    assert (response["Content-Length"], response.body) == ("5", b"hello")


def test_head_is_answered_without_a_body(server: RunningServer) -> None:
    with server.connect() as client:
        response = client.ask(get("/cgi-bin/length", method="HEAD"))
        assert (response["Content-Length"], response.body) == ("5", b"")
        assert client.ask(get("/cgi-bin/hello")).status == 200


def test_a_status_without_a_body_has_none(server: RunningServer) -> None:
    with server.connect() as client:
        assert client.ask(get("/cgi-bin/no-content")).status == 204
        assert client.ask(get("/cgi-bin/hello")).status == 200


def test_a_location_alone_redirects_the_client(server: RunningServer) -> None:
    response = server.ask(get("/cgi-bin/moved"))
    assert response.status == 302
    assert response["Location"] == "http://example.com/there"


def test_a_redirect_may_have_a_status_and_a_page(server: RunningServer) -> None:
    response = server.ask(get("/cgi-bin/moved-with-page"))
    assert (response.status, response["Location"]) == (301, "/there")
    assert response.body == b"<a href=/there>there</a>\n"


def test_a_program_runs_in_its_folder(server: RunningServer) -> None:
    folder = server.folder / "cgi-bin"
    response = server.ask(get("/cgi-bin/where"))
    assert response.body.decode() == f"{folder}\n{folder}/where 0\n"


def test_programs_may_lie_in_folders(server: RunningServer) -> None:
    response = server.ask(get("/cgi-bin/deep/down/hello/more/"))
    assert response.body == b"/cgi-bin/deep/down/hello /more/\n"


@pytest.mark.parametrize("count", [40])
def test_more_requests_than_programs_that_may_run(
    server: RunningServer, count: int
) -> None:
    with server.connect() as one, server.connect() as two:
        for client in (one, two):
            client.send(get("/cgi-bin/hello") * count)
        for client in (one, two):
            assert {response.body for response in client.responses(count)} == {
                b"Hello, World!\n"
            }


def test_programs_are_counted(server: RunningServer) -> None:
    before = server.counter("programs")
    server.ask(get("/cgi-bin/hello"))
    counters = server.counters()
    assert counters["programs"] == before + 1
    assert counters["programs_waiting"] == 0
