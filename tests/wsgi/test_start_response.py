"""PEP 3333, "The start_response() Callable": statuses, headers, and second thoughts."""

import pytest

from tests.kit import Client, RunningServer, Serve, get

from .applications import routes

CODE = """
import ast
import sys
import urllib.parse

def told(environ, start_response):
    given = ast.literal_eval(urllib.parse.unquote(environ["QUERY_STRING"]))
    start_response(*given)
    return [b"body"]

def returns(environ, start_response):
    write = start_response("200 OK", [])
    return [b"%d" % callable(write)]

STATUS = "200 OK"

def constant(environ, start_response):
    start_response(STATUS, [])
    try:
        start_response(environ["QUERY_STRING"] + " Much", [], none())
    except ValueError:
        start_response(STATUS, [], none())
    return [b"constant"]

def twice(environ, start_response):
    start_response("200 OK", [])
    start_response("200 OK", [])
    return []

def again(environ, start_response):
    start_response("200 OK", [("X-A", "first"), ("Content-Length", "3")])
    try:
        raise LookupError("second thoughts")
    except LookupError:
        start_response("503 Sorry", [("X-B", "second")], sys.exc_info())
    return [b"error page"]

def again_by_name(environ, start_response):
    start_response("200 OK", [])
    start_response("404 None", [], exc_info=(None, None, None) and None or none())
    return [b"x"]

def none():
    try:
        raise LookupError
    except LookupError:
        return sys.exc_info()

def again_in_time(environ, start_response):
    start_response("200 OK", [])
    yield b""
    try:
        raise LookupError("in time")
    except LookupError:
        start_response("500 Oops", [], sys.exc_info())
    yield b"in time"

def again_too_late(environ, start_response):
    start_response("200 OK", [])
    yield b"sent"
    try:
        raise LookupError("too late")
    except LookupError:
        start_response("500 Oops", [], sys.exc_info())
    yield b"never"

def not_at_all(environ, start_response):
    return [b"body"]

def not_at_all_and_nothing(environ, start_response):
    return []

def lazily(environ, start_response):
    def body():
        start_response("202 Later", [("X-A", "b")])
        yield b"lazy"
    return body()

def too_lazily(environ, start_response):
    yield b"before"
    start_response("200 OK", [])

kept = []

def keeps(environ, start_response):
    kept.append((start_response, start_response("200 OK", []), environ))
    return [b"kept"]

def late_start(environ, start_response):
    start, write, before = kept[-1]
    for call in (lambda: start("200 OK", []), lambda: write(b"late")):
        try:
            call()
        except RuntimeError as error:
            print("RuntimeError", error, flush=True)
    return keeps(environ, start_response)

def mutates(environ, start_response):
    headers = [("X-A", "b")]
    start_response("200 OK", headers)
    headers.append(("X-C", "d"))
    headers[0] = None
    return [b""]

def swallows(environ, start_response):
    try:
        start_response("200 OK", [("Connection", "close")])
    except ValueError:
        start_response("200 OK", [("X-A", "b")])
    return [b"x"]
"""


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> RunningServer:
    return serve_module(CODE, routes(CODE))


@pytest.fixture
def client(server: RunningServer) -> Client:
    return server.connect()


def told(given: object) -> bytes:
    quoted = "".join(f"%{byte:02x}" for byte in repr(given).encode())
    return get(f"/told?{quoted}")


def head_of(client: Client, request: bytes) -> bytes:
    client.send(request)
    while b"\r\n\r\n" not in client.unread:
        assert client.receive()
    head, _, client.unread = client.unread.partition(b"\r\n\r\n")
    return head


def test_it_returns_a_write_callable(client: Client) -> None:
    assert client.ask(get("/returns")).body == b"1"


@pytest.mark.parametrize(
    "status",
    ["200 OK", "299 As You Like It", "200 ", "404 Not  There", "599 x", "200 gr\xf6n"],
)
def test_the_status_line_is_the_applications(client: Client, status: str) -> None:
    if not status.isascii():  # which the kit does not read
        assert status.encode("latin-1") in head_of(client, told((status, [])))
        return
    head = head_of(client, told((status, [])))
    expected = status if status != "200 " else "200 OK"
    assert head.startswith(f"HTTP/1.1 {expected}\r\n".encode())


@pytest.mark.parametrize(
    "status",
    [
        *["200", "OK", "", "20 OK", "2000 OK", "2O0 OK", "200OK", "200\tOK", " 200 OK"],
        *["100 Continue", "101 Switch", "600 Much", "000 Null", "-20 OK", "+20 OK"],
        *["200 OK\r\nX-A: b", "200 O\nK", "200 O\0K", "200 O\x7fK", "200 \u20ac"],
        *[200, b"200 OK", None, ("200 OK",)],
    ],
)
def test_what_is_no_status_is_an_error(
    server: RunningServer, client: Client, status: object
) -> None:
    answer = client.ask(told((status, [])))
    assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
    server.expect_log(r"main:told raised:.*(ValueError|TypeError): .*status")


def test_a_status_that_is_refused_leaves_nothing_to_the_next_one(
    server: RunningServer, client: Client
) -> None:
    for asked in (get("/constant?600"), told(("600 Much", [])), get("/constant?600")):
        answer = client.ask(asked)
        if answer.status == 500:
            server.expect_log("ValueError: status")
            continue
        assert (answer.status, answer.body) == (200, b"constant")


def test_headers_are_sent_as_they_are(client: Client) -> None:
    headers = [("X-A", "b"), ("x-a", ""), ("Set-Cookie", "a=b"), ("set-cookie", "c=d")]
    answer = client.ask(told(("200 OK", [*headers, ("L", "gr\xf6\t\xdfe")])))
    assert answer.all("X-A") == ["b", ""]
    assert answer.all("Set-Cookie") == ["a=b", "c=d"]
    assert answer["L"] == "gr\xf6\t\xdfe"
    assert "Content-Type" not in answer


@pytest.mark.parametrize(
    "headers",
    [
        *[[("X A", "b")], [("", "b")], [("X:", "b")], [("X\n", "b")], [("\xe4", "b")]],
        *[[("X", "b\r\nY: c")], [("X", "b\n")], [("X", "\0")], [("X", "\x1f")]],
        *[[("X", "\u20ac")], [("X", 1)], [(1, "b")], [("X", b"b")], [(b"X", "b")]],
        *[[("X", None)], [("X",)], [("X", "b", "c")], [["X", "b"]], ["Xb"], [None]],
        *[(("X", "b"),), {"X": "b"}, None, "X: b"],
        [("Content-Type", "a/b"), ("content-type", "c/d")],
        *[[("Content-Length", text)] for text in ["", "-1", "+1", "1_0", "1.0", " 1"]],
        *[[("Content-Length", text)] for text in ["1 ", "0x1", "9" * 20]],
        [("Content-Length", "4"), ("Content-Length", "5")],
    ],
)
def test_what_are_no_headers_is_an_error(
    server: RunningServer, client: Client, headers: object
) -> None:
    answer = client.ask(told(("200 OK", headers)))
    assert (answer.status, "X" in answer, "Y" in answer) == (500, False, False)
    server.expect_log(r"main:told raised:.*(ValueError|TypeError): .*[Hh]eader")


@pytest.mark.parametrize(
    "name",
    [
        *["Connection", "keep-alive", "Proxy-Authenticate", "Proxy-Authorization"],
        *["TE", "Trailer", "Trailers", "TRANSFER-ENCODING", "Upgrade"],
    ],
)
def test_hop_by_hop_headers_are_refused(
    server: RunningServer, client: Client, name: str
) -> None:
    assert client.ask(told(("200 OK", [(name, "close")]))).status == 500
    server.expect_log("ValueError: .*hop-by-hop headers are the server's")


def test_an_error_in_headers_may_be_caught(client: Client) -> None:
    answer = client.ask(get("/swallows"))
    assert (answer.status, answer["X-A"]) == (200, "b")


def test_date_and_server_of_the_application_stand_for_those_of_the_server(
    client: Client,
) -> None:
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    head = head_of(client, told(("200 OK", [("date", date), ("SERVER", "x")])))
    assert [line for line in head.split(b"\r\n") if line[:4].lower() == b"date"] == [
        f"date: {date}".encode()
    ]
    assert head.lower().count(b"server: ") == 1
    assert b"SERVER: x" in head
    assert client.unread == b"body" or client.receive()
    client.unread = b""
    head = head_of(client, told(("200 OK", [("Date", date)])))
    assert b"Server: pyrs" in head
    assert head.count(b"Date: ") == 1
    client.close()


def test_the_list_is_read_when_it_is_called(client: Client) -> None:
    answer = client.ask(get("/mutates"))
    assert (answer["X-A"], "X-C" in answer) == ("b", False)


# ---- more than once, and not at all ----


def test_a_second_call_needs_exc_info(server: RunningServer, client: Client) -> None:
    assert client.ask(get("/twice")).status == 500
    server.expect_log("RuntimeError: start_response was called twice, without exc_info")


@pytest.mark.parametrize("path", ["/again", "/again_by_name", "/again_in_time"])
def test_before_the_head_has_left_it_is_replaced(client: Client, path: str) -> None:
    answer = client.ask(get(path))
    assert answer.status in (503, 404, 500)
    assert answer.body in (b"error page", b"x", b"in time")
    assert "X-A" not in answer


def test_after_the_head_has_left_the_exception_is_raised_again(
    server: RunningServer, client: Client
) -> None:
    client.send(get("/again_too_late"))
    assert client.is_cut()
    server.expect_log(
        "again_too_late raised in the middle of its body:.*LookupError: too late"
    )


@pytest.mark.parametrize("exc_info", ["x", (1, 2, 3), (ValueError, 1, None), ()])
def test_what_is_no_exc_info_is_an_error(
    server: RunningServer, client: Client, exc_info: object
) -> None:
    given = repr(("200 OK", [], exc_info)).replace("<class 'ValueError'>", "None")
    quoted = "".join(f"%{byte:02x}" for byte in given.encode())
    assert client.ask(get(f"/told?{quoted}")).status == 500
    server.expect_log(r"TypeError: exc_info must be what sys.exc_info\(\) gives")


@pytest.mark.parametrize("given", [(), ("200 OK",), ("200 OK", [], None, None)])
def test_it_takes_two_or_three_arguments(
    server: RunningServer, client: Client, given: object
) -> None:
    assert client.ask(told(given)).status == 500
    server.expect_log("TypeError: start_response takes")


@pytest.mark.parametrize(
    "path", ["/not_at_all", "/not_at_all_and_nothing", "/too_lazily"]
)
def test_without_a_call_there_is_no_answer(
    server: RunningServer, client: Client, path: str
) -> None:
    assert client.ask(get(path)).status == 500
    server.expect_log(
        f"main:{path[1:]} returned what cannot be answered: RuntimeError: "
        "start_response was not called before the first bytes of the body"
    )


def test_it_may_be_called_when_the_first_item_is_made(client: Client) -> None:
    answer = client.ask(get("/lazily"))
    assert (answer.status, answer["X-A"], answer.body) == (202, "b", b"lazy")


def test_a_call_when_the_request_is_over_is_an_error_and_nothing_else(
    server: RunningServer, client: Client
) -> None:
    assert client.ask(get("/keeps")).body == b"kept"
    for _ in range(3):
        assert client.ask(get("/late_start")).body == b"kept"
