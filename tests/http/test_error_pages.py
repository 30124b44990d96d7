"""A project's own pages for the errors of static files and of programs."""

from pathlib import Path
from typing import Any

import pytest

from tests.kit import RunningServer, Serve, get, post, wait_until

CODE = """
import asyncio

seen = []

class Stamp:
    def before(self, request):
        seen.append(request.path)

def page(request, error):
    headers = {"X-Error": str(error)}
    text = f"<{request.method} {request.path} {request.query_string} {error.status}>"
    return pyrs.Response(text, error.status, headers)

async def later(request, error):
    await asyncio.sleep(0)
    return f"<later {error.status}>"

def broken(request, error):
    raise LookupError("in the page")

def hello(request):
    return "world"

async def hello_later(request):
    return "world"

import pyrs
"""

PROGRAMS = {
    "hello": "printf 'Content-Type: text/plain\\n\\nHello, World!'",
    "malformed": "cat > /dev/null; echo nonsense",
    "slow": "sleep 60",
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    site, programs = tmp_path / "site", tmp_path / "programs"
    site.mkdir()
    programs.mkdir()
    (site / "there.txt").write_text("there")
    (site / "empty").mkdir()
    (site / "secret").write_text("secret")
    (site / "secret").chmod(0)
    for name, text in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    (programs / "plain").write_text("text")
    return tmp_path


def serve_with(
    serve: Serve, files: Path, page: str, hello: str = "hello", **settings: Any
) -> RunningServer:
    routes: dict[str, Any] = {
        "/site": {"static": str(files / "site")},
        "/cgi-bin": {"cgi": str(files / "programs")},
        "/hurried": {"cgi": str(files / "programs"), "timeout": 1},
        "/hello": hello,
    }
    errors = {
        str(status): {"module": "main", "handler": page}
        for status in (403, 404, 502, 504)
    }
    return serve(CODE, routes, errors=errors, heeds_permissions=True, **settings)


def test_a_missing_file_has_the_projects_page(serve: Serve, files: Path) -> None:
    server = serve_with(serve, files, "page")
    with server.connect() as client:
        for path, status in {
            "/site/none?a=b": 404,
            "/site/empty/": 404,
            "/site/.hidden": 404,
            "/site/secret": 403,
            "/none": 404,
        }.items():
            answer = client.ask(get(path))
            path, _, query = path.partition("?")
            assert answer.status == status
            assert answer.body == f"<GET {path} {query} {status}>".encode()
            assert answer["X-Error"].startswith(str(status))
        head = client.ask(get("/site/none", method="HEAD"))
        length = str(len("<HEAD /site/none  404>"))
        assert (head.status, head["Content-Length"]) == (404, length)
        assert client.ask(get("/site/there.txt")).body == b"there"
        assert client.ask(get("/site/empty")).status == 301


def test_pages_keep_the_order_of_requests(serve: Serve, files: Path) -> None:
    server = serve_with(serve, files, "page")
    paths = ["none", "there.txt", "none", "none", "there.txt"]
    with server.connect() as client:
        client.send(b"".join(get(f"/site/{path}") for path in paths * 20))
        statuses = [answer.status for answer in client.responses(100)]
        assert statuses == [404, 200, 404, 404, 200] * 20


def test_a_program_that_fails_has_the_projects_page(serve: Serve, files: Path) -> None:
    server = serve_with(serve, files, "page")
    for path, status in {
        "/cgi-bin/none": 404,
        "/cgi-bin/plain": 403,
        "/cgi-bin/malformed": 502,
        "/hurried/slow": 504,
    }.items():
        with server.connect() as client:
            answer = client.ask(post(path, b"x" * 100))
            assert answer.status == status
            assert answer.body == f"<POST {path}  {status}>".encode()
            assert client.ask(get("/cgi-bin/hello")).body == b"Hello, World!"
    server.expect_log("/malformed: malformed output: no whole head", "/slow: ")


def test_a_body_that_still_comes_is_left(serve: Serve, files: Path) -> None:
    server = serve_with(serve, files, "page")
    with server.connect() as client:
        client.send(get("/cgi-bin/none", "Content-Length: 1000000", method="POST"))
        answer = client.response()
        assert answer.body == b"<POST /cgi-bin/none  404>"
        assert answer.closes


def test_pages_may_be_async(serve: Serve, files: Path) -> None:
    server = serve_with(serve, files, "later", "hello_later")
    with server.connect() as client:
        for _ in range(3):
            assert client.ask(get("/site/none")).body == b"<later 404>"
            assert client.ask(get("/cgi-bin/none")).body == b"<later 404>"
            assert client.ask(get("/hello")).body == b"world"


def test_middleware_sees_nothing_of_it(serve: Serve, files: Path) -> None:
    middleware = [{"module": "main", "class": "Stamp"}]
    server = serve_with(serve, files, "page", middleware=middleware)
    with server.connect() as client:
        for path in ("/site/none", "/cgi-bin/none", "/site/there.txt", "/none"):
            client.ask(get(path))
    assert server.inside("main.seen[-1:]") == ["/none"]
    assert server.inside("len(main.seen)") == 1


def test_a_page_that_fails_is_logged(serve: Serve, files: Path) -> None:
    server = serve_with(serve, files, "broken")
    assert server.ask(get("/site/none")).status == 500
    server.expect_log("LookupError: in the page")


def test_without_a_page_there_is_a_plain_one(serve: Serve, files: Path) -> None:
    middleware = [{"module": "main", "class": "Stamp"}]
    server = serve(
        CODE, {"/site": {"static": str(files / "site")}}, middleware=middleware
    )
    assert server.ask(get("/site/none")).body == b"404 Not Found\n"


def test_a_client_that_leaves_before_its_page_is_no_trouble(
    serve: Serve, files: Path
) -> None:
    server = serve_with(serve, files, "page")
    for _ in range(20):
        with server.connect() as client:
            client.send(get("/site/none") * 3)
    wait_until(lambda: server.counter("connections_accepted") >= 21)
    server.wait_until_quiet()
