"""The outside judge: wsgiref.validate around applications that use every feature."""

import pytest

from tests.kit import RunningServer, Serve, get, post, post_chunked

CODE = """
import sys
import warnings
from wsgiref.validate import validator

warnings.simplefilter("error")  # the validator warns of what it only dislikes

def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/") or "hello"
    return globals()[name](environ, start_response)

TYPE = ("Content-Type", "text/plain")

def hello(environ, start_response):
    start_response("200 OK", [TYPE, ("Content-Length", "5")])
    return [b"hello"]

def echo(environ, start_response):
    start_response("200 OK", [TYPE])
    return [environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))]

def reads(environ, start_response):
    stream = environ["wsgi.input"]
    start_response("200 OK", [TYPE])
    yield stream.read(3)
    yield stream.readline()
    yield stream.readline(2)
    yield b"".join(stream.readlines())
    yield b"".join(stream)

def writes(environ, start_response):
    write = start_response("200 OK", [TYPE])
    write(b"hel")
    return [b"lo"]

def errors(environ, start_response):
    stream = environ["wsgi.errors"]
    stream.write("said\\n")
    stream.writelines(["so\\n"])
    stream.flush()
    start_response("200 OK", [TYPE])
    return [b"hello"]

def again(environ, start_response):
    start_response("200 OK", [TYPE])
    try:
        raise LookupError
    except LookupError:
        start_response("500 Oops", [TYPE], sys.exc_info())
    return [b"oops"]

def nothing(environ, start_response):
    start_response("204 No Content", [])
    return []

def redirect(environ, start_response):
    start_response("302 Found", [TYPE, ("Location", "/"), ("Set-Cookie", "a=b")])
    return iter([b""])

app = validator(application)
"""


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> RunningServer:
    return serve_module(CODE, {"/": "wsgi:app", "/mounted/{at}/*": "wsgi:app"})


@pytest.mark.parametrize("mount", ["", "/mounted/1"])
@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("hello", 200, b"hello"),
        ("echo", 200, b""),
        ("reads", 200, b""),
        ("writes", 200, b"hello"),
        ("errors", 200, b"hello"),
        ("again", 500, b"oops"),
        ("nothing", 204, b""),
        ("redirect", 302, b""),
    ],
)
def test_the_validator_finds_nothing(
    server: RunningServer, mount: str, name: str, status: int, body: bytes
) -> None:
    for _ in range(2):
        answer = server.ask(get(f"{mount}/{name}?a=b", "Cookie: a=b", "Accept: */*"))
        assert (answer.status, answer.body) == (status, body)
    if name == "errors":
        server.expect_log("ERROR said", "ERROR so")


def test_the_validator_finds_nothing_in_bodies(server: RunningServer) -> None:
    data = b"abcfirst\nsecond\nthird\nlast"
    with server.connect() as client:
        for path in ("/echo", "/reads", "/mounted/x/reads"):
            for request in (post(path, data), post_chunked(path, data[:9], data[9:])):
                assert client.ask(request).body == data


def test_the_validator_finds_nothing_in_other_methods(server: RunningServer) -> None:
    for method in ("HEAD", "DELETE", "OPTIONS"):
        assert server.ask(get("/hello", method=method)).status in (200, 204)
    assert server.ask(get("/hello", "Connection: keep-alive", version="1.0")).body


def test_the_validator_would_find_something(serve: Serve) -> None:
    code = CODE + '\ndef bad(environ, start_response):\n    return ["text"]\n'
    server = serve(code, {"/": "wsgi:app"})
    assert server.ask(get("/bad")).status == 500
    server.expect_log("AssertionError")
