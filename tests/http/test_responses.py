"""What stands in every response, whoever made it, and how targets are routed."""

import subprocess
from json import loads as json

import pytest

from tests.kit import Client, RunningServer, Serve, get, plain_environment, post

CODE = """
import pyrs

def hello(request):
    return "world"

def params(request):
    return {"route": "typed", **request.params}

def name(request):
    return {"route": "name", **request.params}

def literal(request):
    return {"route": "literal"}

def star(request):
    return {"route": "star"}

def rest(request):
    return {"route": "rest", **request.params}

def facts(request):
    return [request.method, request.path, request.raw_path, request.query_string,
            request.host]

def failing(request):
    raise RuntimeError("on purpose")

def error(request):
    raise pyrs.HTTPError(418, "a teapot")

def wrong(request):
    return object()

def status(request):
    return "made", 201, {"X-One": "1"}

def smuggling(request):
    return "x", 200, {"X-A": "1\\r\\nX-B: 2"}
"""

ALL_KINDS = [
    # request, status; the strict client checks Date, Server, length
    (get("/hello"), 200),
    (get("/native"), 200),
    (get("/status"), 201),
    (get("/nowhere"), 404),
    (get("/hello", method="OPTIONS"), 204),
    (get("/hello", method="POST"), 405),
    (get("/failing"), 500),
    (get("/wrong"), 500),
    (get("/smuggling"), 500),
    (get("/silent"), 500),
    (get("/error"), 418),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501),
    (get("/" + "x" * 9000), 414),
    (get("/", "X: " + "x" * 40000), 431),
    (post("/hello", b"x", "Transfer-Encoding: gzip")[:-1], 400),
    (get("/hello", "Transfer-Encoding: gzip"), 501),
    (get("/hello", "Content-Length: 99999999"), 413),
    (get("/hello", "Expect: more"), 417),
]
ROUTES = {
    **{
        f"GET /{name}": name
        for name in ("hello", "failing", "error", "wrong", "status", "smuggling")
    },
    "GET /native": "native:native_hello",
    "GET /silent": "native:native_silent",
}


@pytest.mark.parametrize("server_name", ["pyrs", "a name/1.0 (of mine)", ""])
def test_every_answer_has_date_server_and_a_length(
    serve: Serve, server_name: str
) -> None:
    server = serve(CODE, ROUTES, server_name=server_name, log_level="error")
    for request, status in ALL_KINDS:
        answer = server.ask(request)
        assert answer.status == status, request
    server.expect_log(
        r"main\.failing raised.*RuntimeError: on purpose",
        r"main\.wrong returned what cannot be answered.*object",
        r"main\.smuggling returned what cannot be answered",
    )


def test_errors_say_what_they_are_and_nothing_more(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    for request, status in ALL_KINDS:
        answer = server.ask(request)
        if status >= 400:
            assert answer["Content-Type"].startswith("text/plain")
            assert len(answer.body) < 100
            assert b"purpose" not in answer.body
            assert b"Traceback" not in answer.body
    server.allow_log(r"main\.\w+ r(aised|eturned)")


ROUTING = {
    "/users/{id:int}": "params",
    "/users/{name}": "name",
    "/users/me": "literal",
    "/users/*/photo": "star",
    "/files/{rest:path}": "rest",
    "/app/*": "rest",
    "POST /app/only-post": "literal",
}


@pytest.fixture(scope="module")
def shared_server(serve_module: Serve) -> RunningServer:
    return serve_module(CODE, {**ROUTING, "/facts": "facts"})


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        ("http://example.com/facts", "/facts", "", "example.com"),
        ("http://example.com/facts?a=b", "/facts", "a=b", "example.com"),
        ("HTTP://example.com:80/facts", "/facts", "", "example.com"),
        ("/facts?", "/facts", "", "example.com"),
        ("/facts?a=%20&b=/../c?d", "/facts", "a=%20&b=/../c?d", "example.com"),
        ("/x/../facts", "/facts", "", "example.com"),
        ("/%66acts", "/facts", "", "example.com"),
        ("//facts/", "//facts/", "", "example.com"),
    ],
)
def test_targets_are_understood_in_every_form(
    server: RunningServer, target: str, path: str, query: str, host: str
) -> None:
    answer = server.ask(get(target))
    assert answer.status == 200
    method, seen_path, _, seen_query, seen_host = json(answer.body)
    assert method == "GET"
    assert seen_path.strip("/") == path.strip("/")
    assert (seen_query, seen_host) == (query, host)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/users/7", {"route": "typed", "id": 7}),
        ("/users/007", {"route": "typed", "id": 7}),
        ("/users/ann", {"route": "name", "name": "ann"}),
        ("/users/Me", {"route": "name", "name": "Me"}),
        ("/users/me", {"route": "literal"}),
        ("/users/me/", {"route": "literal"}),
        ("//users///me//", {"route": "literal"}),
        ("/users/./x/../me", {"route": "literal"}),
        ("/users/%6de", {"route": "literal"}),
        ("/users/a%2Fb", {"route": "name", "name": "a/b"}),
        ("/users/a%20b?q=1", {"route": "name", "name": "a b"}),
        ("/users/%C3%A9", {"route": "name", "name": "é"}),
        ("/users/9/photo", {"route": "star"}),
        ("/files/a/b/c.txt", {"route": "rest", "rest": "a/b/c.txt"}),
        ("/files", {"route": "rest", "rest": ""}),
        ("/app", {"route": "rest"}),
        ("/app/", {"route": "rest"}),
        ("/app/x/y/z", {"route": "rest"}),
        ("/Users/7", None),
        ("/users", None),
        ("/appx", None),
        ("/", None),
    ],
)
def test_the_most_specific_route_wins(
    server: RunningServer, target: str, expected: dict[str, object] | None
) -> None:
    answer = server.ask(get(target))
    if expected is None:
        assert answer.status == 404
    else:
        assert json(answer.body) == expected


@pytest.mark.parametrize("target", ["/..", "/a/../..", "/%2e%2e/x", "/a/%2E./../b"])
def test_a_path_above_the_root_is_400(serve: Serve, target: str) -> None:
    server = serve(CODE, {"/*": "hello"})
    assert server.ask(get(target)).status == 400
    assert server.counter("handler_runs") == 0


def test_routes_that_differ_in_their_methods_have_their_own_handlers(
    serve: Serve,
) -> None:
    server = serve(CODE, {"GET /a": "hello", "POST /a": "literal"})
    with server.connect() as client:
        assert client.ask(get("/a")).body == b"world"
        assert json(client.ask(post("/a", b"")).body) == {"route": "literal"}
        assert client.ask(get("/a", method="PUT"))["Allow"] == (
            "GET, HEAD, POST, OPTIONS"
        )


# ---- where it listens ----


def test_ipv6(serve: Serve) -> None:
    server = serve(CODE, {"/hello": "hello"}, http_listen_address="::1")
    assert server.ask(get("/hello")).body == b"world"


def test_a_unix_socket_serves_and_goes_with_the_server(serve: Serve) -> None:
    server = serve(
        CODE, {"/hello": "hello"}, http_listen_address="unix:here.sock", thread_count=3
    )
    socket_file = server.folder / "here.sock"
    for _ in range(10):
        assert server.ask(get("/hello")).body == b"world"
    command = ["curl", "-sS", "--unix-socket", str(socket_file), "http://a/hello"]
    output = subprocess.run(
        command, capture_output=True, check=True, timeout=30, env=plain_environment()
    )
    assert output.stdout == b"world"
    server.stop()
    assert not socket_file.exists()


def test_a_socket_file_left_by_a_killed_server_is_taken_over(serve: Serve) -> None:
    settings = {"http_listen_address": "unix:../shared.sock"}
    serve(CODE, {"/hello": "hello"}, **settings).kill()
    second = serve(CODE, {"/hello": "hello"}, **settings)
    assert second.ask(get("/hello")).body == b"world"


def test_several_loops_share_the_connections(serve: Serve) -> None:
    code = """
    import threading

    threads = set()

    def who(request):
        threads.add(threading.get_ident())
        return "me"
    """
    server = serve(code, thread_count=4)
    clients: list[Client] = []
    while server.inside("len(main.threads)") < 4:
        clients.append(server.connect())
        assert clients[-1].ask(get("/who")).body == b"me"
        assert len(clients) < 500  # the system spreads them at random
