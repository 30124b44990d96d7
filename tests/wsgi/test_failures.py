"""Applications that fail: each gets a 500 or a cut, and the log says why. And
wsgi.errors, where they say so themselves."""

import re

import pytest

from tests.kit import Client, RunningServer, Serve, get, measures_memory, wait_until

from .applications import PATIENT, everywhere, routes
from .test_bodies import raw

CODE = """
import logging
import os
import sys
import threading

def hello(environ, start_response):
    start_response("200 OK", [])
    return [b"Hello, World!"]

def raises(environ, start_response):
    raise LookupError("of the application")

def raises_after_start(environ, start_response):
    start_response("200 OK", [("X-A", "b")])
    raise LookupError("after it started")

def exits(environ, start_response):
    sys.exit(7)

def interrupts(environ, start_response):
    raise KeyboardInterrupt

def exits_in_its_body(environ, start_response):
    start_response("200 OK", [])
    yield b"first"
    raise SystemExit("in the body")

def recurses(environ, start_response):
    return recurses(environ, start_response)

def recurses_in_its_body(environ, start_response):
    start_response("200 OK", [])
    def deeper():
        yield from deeper()
    return deeper()

def wrong_arguments(environ):
    return []

def stop_iteration(environ, start_response):
    raise StopIteration

def says_text_that_fails(environ, start_response):
    class Unspeakable(Exception):
        def __str__(self):
            raise ValueError
    raise Unspeakable

def spoils_environ(environ, start_response):
    environ.clear()
    environ[1] = 2
    start_response("200 OK", [])
    return [b"spoilt"]

def spoils_input(environ, start_response):
    for name in ("read", "own"):
        try:
            setattr(environ["wsgi.input"], name, None)
        except AttributeError:
            pass
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]

def endless_large(environ, start_response):
    start_response("200 OK", [])
    piece = bytes(1 << 20)
    for _ in range(1024):
        yield piece

def one_large(environ, start_response):
    start_response("200 OK", [])
    return [bytes(1 << 20)] * 1024

def ends_the_process(environ, start_response):
    os._exit(7)

def complains(environ, start_response):
    errors = environ["wsgi.errors"]
    print("first line", "of two", file=errors)
    errors.write("second ")
    errors.write("line, of two\\nlines\\n")
    errors.writelines(["third\\n", "gr\\u00f6\\u00dfe \\u20ac\\n"])
    errors.write("without an end")
    errors.flush()
    errors.flush()
    logging.StreamHandler(errors).emit(
        logging.makeLogRecord({"msg": "by logging", "levelno": 40})
    )
    for wrong in (b"bytes", None):
        try:
            errors.write(wrong)
        except TypeError as error:
            print(error, file=errors)
    start_response("200 OK", [])
    return [b"complained"]

barrier = threading.Barrier(2)

def complains_together(environ, start_response):
    errors = environ["wsgi.errors"]
    barrier.wait(30)
    for part in environ["QUERY_STRING"] * 3:
        errors.write(part)
        barrier.wait(30)
    errors.write("\\n")
    start_response("200 OK", [])
    return []
"""
MIB = 1 << 20


@pytest.fixture(scope="module")
def servers_by_run(serve_module: Serve) -> dict[str, RunningServer]:
    return {
        run: serve_module(
            CODE,
            {
                **routes(CODE, run=run),
                "/wrong_arguments": {"wsgi": "main:hello", "run": run},
            },
            timeouts=PATIENT,
        )
        for run in ["auto", "thread"]
    }


@pytest.fixture
def server(servers_by_run: dict[str, RunningServer], run: str) -> RunningServer:
    return servers_by_run[run]


@everywhere
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("raises", r"raised:\n.*Traceback.*LookupError: of the application"),
        ("raises_after_start", "raised:.*LookupError: after it started"),
        ("exits", "raised:.*SystemExit: 7"),
        ("interrupts", "raised:.*KeyboardInterrupt"),
        ("recurses", "raised:.*RecursionError"),
        ("recurses_in_its_body", "raised:.*RecursionError"),
        ("stop_iteration", "raised:.*StopIteration"),
        ("says_text_that_fails", "raised:.*Unspeakable"),
    ],
)
def test_what_an_application_raises_is_a_500_and_a_traceback_in_the_log(
    server: RunningServer, name: str, message: str
) -> None:
    with server.connect() as client:
        answer = client.ask(get(f"/{name}"))
        assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
        assert "X-A" not in answer
        assert client.ask(get("/hello")).body == b"Hello, World!"
    server.expect_log(f'ERROR "GET /{name} HTTP/1.1" main:{name} {message}')


@everywhere
def test_what_is_raised_in_the_middle_cuts_the_connection(
    server: RunningServer,
) -> None:
    text = raw(server.connect(), get("/exits_in_its_body") + get("/hello"))
    assert text.endswith(b"5\r\nfirst\r\n")
    server.expect_log("raised in the middle of its body:.*SystemExit: in the body")


@everywhere
@pytest.mark.parametrize("name", ["spoils_environ", "spoils_input"])
def test_an_application_can_spoil_only_its_own_request(
    server: RunningServer, name: str
) -> None:
    with server.connect() as client:
        for _ in range(3):
            assert client.ask(get(f"/{name}")).status == 200
            assert client.ask(get("/hello")).body == b"Hello, World!"


@measures_memory
@everywhere
@pytest.mark.parametrize("name", ["endless_large", "one_large"])
def test_a_gigabyte_to_a_reader_that_stops_needs_little_memory(
    server: RunningServer, name: str
) -> None:
    assert server.ask(get("/hello")).status == 200
    before = server.resident_bytes()
    client = server.connect(small_window=True)
    client.send(get(f"/{name}"))
    assert client.receive()
    for _ in range(20):
        assert server.ask(get("/hello")).body == b"Hello, World!"
    assert server.resident_bytes() - before < 8 * MIB
    Client.abort(client)


def test_the_end_of_the_process_is_its_exit_status(serve: Serve) -> None:
    server = serve(CODE, routes(CODE))
    client = server.connect()
    client.send(get("/ends_the_process"))
    assert client.is_cut()
    server.check_end(status=7)


# ---- wsgi.errors ----


@everywhere
def test_wsgi_errors_goes_to_the_log(server: RunningServer) -> None:
    assert server.ask(get("/complains")).body == b"complained"
    server.expect_log(
        "ERROR first line of two$",
        r"ERROR second line, of two\n    lines$",
        "ERROR third$",
        "ERROR größe €$",
        "ERROR without an end$",
        "ERROR by logging$",
        "ERROR wsgi.errors takes str, not bytes$",
        "ERROR wsgi.errors takes str, not NoneType$",
    )


def test_what_two_threads_say_is_not_mixed(serve: Serve) -> None:
    server = serve(CODE, routes(CODE, run="thread"))
    clients = [server.connect() for _ in range(2)]
    for word, client in zip(["abc", "xyz"], clients, strict=True):
        client.send(get(f"/complains_together?{word}"))
    assert [client.response().status for client in clients] == [200, 200]
    server.expect_log("ERROR abcabcabc$", "ERROR xyzxyzxyz$")


@pytest.mark.parametrize("run", ["auto", "thread"])
def test_a_line_without_an_end_is_its_request_s_own(serve: Serve, run: str) -> None:
    code = """
def says(environ, start_response):
    environ["wsgi.errors"].write(environ["QUERY_STRING"])
    start_response("200 OK", [])
    return []

def says_in_its_body(environ, start_response):
    start_response("200 OK", [])
    for word in ("in ", "the ", "body"):
        environ["wsgi.errors"].write(word)
    yield b"said"

class Closed(list):
    def close(self):
        self.errors.write("in close")

def says_in_close(environ, start_response):
    start_response("200 OK", [])
    body = Closed()
    body.errors = environ["wsgi.errors"]
    return body
"""
    server = serve(code, routes(code, run=run), handler_threads=1)
    for path in ("/says?first", "/says?second", "/says_in_its_body", "/says_in_close"):
        assert server.ask(get(path)).status == 200
    server.expect_log(
        "ERROR first$", "ERROR second$", "ERROR in the body$", "ERROR in close$"
    )


def test_the_log_does_not_take_lines_of_a_client_for_its_own(serve: Serve) -> None:
    code = """
    def echo(environ, start_response):
        print(environ["PATH_INFO"], file=environ["wsgi.errors"])
        start_response("200 OK", [])
        return []
    """
    server = serve(code, {"/": "wsgi:echo"})
    assert server.ask(get("/%0a2026-01-01%20ERROR%20forged")).status == 200
    wait_until(lambda: "forged" in server.log_text())
    assert not re.search("^2026-01-01 ERROR forged", server.log_text(), re.M)
    server.expect_log("forged")
