"""A WSGI application behind the server: called, answered, and again."""

import pytest

from pyrs import Server
from tests.kit import Serve, get, post

CODE = """
def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, World!"]

def echo(environ, start_response):
    start_response("201 Made", [("Content-Type", environ["CONTENT_TYPE"])])
    yield b""
    yield environ["REQUEST_METHOD"].encode() + b" "
    yield environ["wsgi.input"].read()

class Site:
    @staticmethod
    def create(word):
        def application(environ, start_response):
            start_response("200 OK", [("X-Word", word)])
            return [environ["SCRIPT_NAME"].encode(), environ["PATH_INFO"].encode()]
        return application
"""
ROUTES = {
    "/hello": "wsgi:hello",
    "/echo/*": "wsgi:echo",
    "/": "wsgi:Site.create('grey')",
}

everywhere = pytest.mark.parametrize("run", ["auto", "loop", "thread"])


@everywhere
def test_applications_answer_their_path_and_all_below(serve: Serve, run: str) -> None:
    routes = {
        path: {"wsgi": target.replace("wsgi:", "main:"), "run": run}
        for path, target in ROUTES.items()
    }
    server = serve(CODE, routes)
    with server.connect() as client:
        for _ in range(3):
            answer = client.ask(get("/hello"))
            assert (answer.status, answer.body) == (200, b"Hello, World!")
            assert answer["Content-Length"] == "13"
            assert answer["Content-Type"] == "text/plain"
            answer = client.ask(post("/echo/x", b"body", "Content-Type: a/b"))
            assert (answer.status, answer.body) == (201, b"POST body")
            assert answer["Content-Type"] == "a/b"
            assert client.ask(get("/hello/x")).body == b"Hello, World!"
            answer = client.ask(get("/x/y"))
            assert (answer.body, answer["X-Word"]) == (b"/x/y", "grey")


def test_pipelined_requests_are_answered_in_order(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        client.send(b"".join(get(f"/{at}") + get("/hello") for at in range(100)))
        bodies = [answer.body for answer in client.responses(200)]
    assert bodies[::2] == [b"/%d" % at for at in range(100)]
    assert set(bodies[1::2]) == {b"Hello, World!"}


def test_methods_of_an_entry_are_those_that_reach_the_application(serve: Serve) -> None:
    server = serve(CODE, {"POST /": "wsgi:echo"})
    assert server.ask(post("/", b"x", "Content-Type: a/b")).body == b"POST x"
    answer = server.ask(get("/"))
    assert (answer.status, answer["Allow"]) == (405, "POST, OPTIONS")


def test_a_python_method_stands_beside_an_application(serve: Serve) -> None:
    code = CODE + "\ndef handler(request):\n    return 'handled'\n"
    server = serve(code, {"/*": "wsgi:hello", "/a/{id:int}": "handler"})
    assert server.ask(get("/a/1")).body == b"handled"
    assert server.ask(get("/a/b")).body == b"Hello, World!"


def test_an_entry_without_an_application_is_the_echo(serve: Serve) -> None:
    server = serve("", {"/": {"wsgi": "main:"}})
    assert server.ask(post("/", b"said")).body == b"said"


def test_what_is_no_application_is_refused() -> None:
    with Server() as server:
        with pytest.raises(TypeError, match="of / cannot be called"):
            server.add_wsgi("/", "main:app")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="a list of names"):
            server.add_wsgi("/", lambda environ, start: [], "GET")
        with pytest.raises(ValueError, match="run 'never'"):
            server.add_wsgi("/", lambda environ, start: [], run="never")  # type: ignore
