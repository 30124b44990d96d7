"""Local redirects: another path of the server answers (RFC 3875, 6.2.2)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import RunningServer, get, post

from .cgi_kit import cgi_server

CODE = """
    def page(request):
        return f"{request.method} {request.path} {request.query_string} " \\
            f"{len(request.body)} {request.headers.get('If-Match')}"

    async def later(request):
        return f"{request.method} {request.path}"

    def read(request):
        return b"".join(request.stream())
"""

PROGRAMS = {
    "to-page": "printf 'Location: /page?a=b%%20c\\n\\n'",
    "to-later": "printf 'Location: /later\\n\\n'",
    "to-read": "printf 'Location: /read\\n\\n'",
    "to-program": "printf 'Location: /cgi-bin/hello/x?y\\n\\n'",
    "to-nothing": "printf 'Location: /none\\n\\n'",
    "to-nonsense": "printf 'Location: /a b\\n\\n'",
    "in-a-circle": "printf 'Location: /cgi-bin/in-a-circle\\n\\n'",
    "hello": """
        echo "Content-Type: text/plain"
        echo
        echo "$REQUEST_METHOD $PATH_INFO $QUERY_STRING"
    """,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    routes = {"/page": "page", "/later": "later", "/read": {"handler": "read"}}
    routes["/read"] = {"handler": "read", "body": "stream"}
    with cgi_server(
        tmp_path_factory.mktemp("redirects"), PROGRAMS, code=CODE, routes=routes
    ) as server:
        yield server


def test_a_python_handler_answers(server: RunningServer) -> None:
    response = server.ask(get("/cgi-bin/to-page"))
    assert response.status == 200
    assert response.body == b"GET /page a=b%20c 0 None"
    assert "Location" not in response


def test_what_was_posted_is_not_posted_again(server: RunningServer) -> None:
    with server.connect() as client:
        client.send(post("/cgi-bin/to-page", b"body", 'If-Match: "a"'))
        assert client.response().body == b"GET /page a=b%20c 0 None"
        assert client.ask(get("/cgi-bin/to-later")).body == b"GET /later"


def test_head_stays_head(server: RunningServer) -> None:
    with server.connect() as client:
        response = client.ask(get("/cgi-bin/to-page", method="HEAD"))
        assert response["Content-Length"] == str(len("HEAD /page a=b%20c 0 None"))
        assert client.ask(get("/page")).status == 200


def test_a_body_that_is_still_coming_is_left(server: RunningServer) -> None:
    head = get("/cgi-bin/to-read", "Content-Length: 1000000", method="POST")
    with server.connect() as client:
        client.send(head + b"some of it")
        response = client.response()
        assert (response.status, response.body) == (200, b"")
        assert response.closes


def test_another_program_answers(server: RunningServer) -> None:
    assert server.ask(get("/cgi-bin/to-program?z")).body == b"GET /x y\n"


def test_a_path_that_nobody_answers(server: RunningServer) -> None:
    with server.connect() as client:
        assert client.ask(get("/cgi-bin/to-nothing")).status == 404
        assert client.ask(get("/cgi-bin/to-page")).status == 200


def test_requests_behind_it_keep_their_order(server: RunningServer) -> None:
    with server.connect() as client:
        client.send(
            get("/cgi-bin/to-program") + get("/page") + get("/cgi-bin/to-later")
        )
        bodies = [response.body for response in client.responses(3)]
    assert bodies == [b"GET /x y\n", b"GET /page  0 None", b"GET /later"]


def test_what_is_no_path_is_a_bad_gateway(server: RunningServer) -> None:
    assert server.ask(get("/cgi-bin/to-nonsense")).status == 502
    server.expect_log("ERROR .* redirected within the server to what is no target")


def test_a_circle_is_ended(server: RunningServer) -> None:
    with server.connect() as client:
        assert client.ask(get("/cgi-bin/in-a-circle")).status == 500
        assert client.ask(get("/page")).status == 200
    server.expect_log("ERROR .*/in-a-circle .* redirected too often within the server")


def test_the_access_log_has_what_the_client_asked_for(tmp_path: Path) -> None:
    programs = {**PROGRAMS, "twice": "printf 'Location: /cgi-bin/to-page\\n\\n'"}
    with (
        cgi_server(
            tmp_path,
            programs,
            code=CODE,
            routes={"/page": "page"},
            settings={"access_log": True},
        ) as server,
        server.connect() as client,
    ):
        assert client.ask(get("/cgi-bin/to-page?x=%20y")).status == 200
        assert client.ask(post("/cgi-bin/twice", b"body")).status == 200
        assert client.ask(get("/cgi-bin/to-nonsense")).status == 502
        assert client.ask(get("/cgi-bin/in-a-circle")).status == 500
        assert client.ask(get("/page")).status == 200
        server.allow_log(r'INFO .* - "OPTIONS \* HTTP/1.1" 204')
        server.expect_log(
            'INFO .* - "GET /cgi-bin/to-page[?]x=%20y HTTP/1.1" 200',
            'INFO .* - "POST /cgi-bin/twice HTTP/1.1" 200',
            'INFO .* - "GET /cgi-bin/to-nonsense HTTP/1.1" 502',
            'INFO .* - "GET /cgi-bin/in-a-circle HTTP/1.1" 500',
            'INFO .* - "GET /page HTTP/1.1" 200',
            "redirected within the server to what is no target",
            "redirected too often within the server",
        )
