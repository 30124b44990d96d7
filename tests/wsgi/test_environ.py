"""PEP 3333, "environ Variables": what the application is told of its request."""

import json
from typing import Any

import pytest

from tests.kit import Client, RunningServer, Serve, get, post, post_chunked

CODE = """
import json

def told(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    texts = {key: value for key, value in environ.items() if type(value) is str}
    texts["wsgi.version"] = environ["wsgi.version"]
    for key in ["multithread", "multiprocess", "run_once", "input_terminated"]:
        texts["wsgi." + key] = environ["wsgi." + key]
    texts["types"] = {key: type(value).__name__ for key, value in environ.items()}
    return [json.dumps(texts).encode()]

def root(environ, start_response):
    return told(environ, start_response)

def kept(environ, start_response):
    environ["own"] = environ.get("own", 0) + 1
    environ["wsgi.url_scheme"] = "gopher"
    start_response("200 OK", [])
    return [b"%d" % environ["own"]]
"""
ROUTES = {
    "/app": "wsgi:told",
    "/kept/*": "wsgi:kept",
    "/users/{name}/site/*": "wsgi:told",
    "/files/{rest:path}": "wsgi:told",
    "/*": "wsgi:root",
}


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> RunningServer:
    return serve_module(CODE, ROUTES)


@pytest.fixture
def client(server: RunningServer) -> Client:
    return server.connect()


def environ_of(client: Client, request: bytes) -> dict[str, Any]:
    answer = client.ask(request)
    assert answer.status == 200
    return dict(json.loads(answer.body))


def test_everything_that_pep_3333_requires_is_there(client: Client) -> None:
    environ = environ_of(client, get("/app/x?a=b"))
    types = environ.pop("types")
    for key in [
        *["REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"],
        *["SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "wsgi.url_scheme"],
        *["REMOTE_ADDR", "REMOTE_PORT", "RAW_URI", "REQUEST_URI", "SERVER_SOFTWARE"],
    ]:
        assert types[key] == "str", key
    assert environ["wsgi.version"] == [1, 0]
    assert types["wsgi.version"] == "tuple"
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert environ["GATEWAY_INTERFACE"] == "CGI/1.1"
    assert environ["SERVER_SOFTWARE"].startswith("pyrs/")
    assert environ["wsgi.run_once"] is False
    assert environ["wsgi.multiprocess"] is False
    assert environ["wsgi.input_terminated"] is True
    assert {"wsgi.input", "wsgi.errors", "wsgi.file_wrapper"} <= set(types)
    assert types["wsgi.multithread"] == "bool"


def test_both_ends_of_the_connection_are_told(
    server: RunningServer, client: Client
) -> None:
    environ = environ_of(client, get("/app"))
    assert (environ["SERVER_NAME"], int(environ["SERVER_PORT"])) == server.address
    own = (environ["REMOTE_ADDR"], int(environ["REMOTE_PORT"]))
    assert own == client.socket.getsockname()
    with server.connect() as other:
        for asking in (other, client, other):
            port = environ_of(asking, get("/app"))["REMOTE_PORT"]
            assert int(port) == asking.socket.getsockname()[1]


def test_what_one_request_has_the_next_one_has_not(client: Client) -> None:
    for target in ("/app/a?b=c", "/app/a", "/app/a?", "/app/a?b=c", "/app/d", "/app"):
        environ = environ_of(client, get(target))
        path, _, query = target.partition("?")
        assert environ["REQUEST_URI"] == environ["RAW_URI"] == target
        assert environ["PATH_INFO"] == path.removeprefix("/app")
        assert environ["QUERY_STRING"] == query


@pytest.mark.parametrize(
    ("target", "script_name", "path_info"),
    [
        ("/app", "/app", ""),
        ("/app/", "/app", "/"),
        ("/app/x/y/", "/app", "/x/y/"),
        ("/app/gr%C3%B6%C3%9Fe", "/app", "/gr\xc3\xb6\xc3\x9fe"),
        ("/app/%ff%20", "/app", "/\xff "),
        ("/app/a%2Fb%2fc", "/app", "/a/b/c"),
        ("/app/a+b;c=d", "/app", "/a+b;c=d"),
        ("/app/%25%3F", "/app", "/%?"),
        ("/%61pp/x", "/app", "/x"),
        ("//app//x", "/app", "/x"),
        ("/x/../app/y/./z", "/app", "/y/z"),
        ("/users/%C3%A4%2F/site/x", "/users/\xc3\xa4//site", "/x"),
        ("/users/a/site", "/users/a/site", ""),
        ("/files/x", "/files", "/x"),
        ("/files", "/files", ""),
        ("/", "", "/"),
        ("/x", "", "/x"),
        ("/apple", "", "/apple"),
        ("http://example.com/app/x", "/app", "/x"),
        ("http://example.com", "", "/"),
    ],
)
def test_the_path_is_split_at_the_route_and_decoded_to_latin_1(
    client: Client, target: str, script_name: str, path_info: str
) -> None:
    environ = environ_of(client, get(target))
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script_name, path_info)
    assert environ["RAW_URI"] == environ["REQUEST_URI"] == target


@pytest.mark.parametrize(
    ("target", "query"),
    [("/app", ""), ("/app?", ""), ("/app?a=%20b&c", "a=%20b&c"), ("/?x?y", "x?y")],
)
def test_the_query_is_as_it_was_sent(client: Client, target: str, query: str) -> None:
    assert environ_of(client, get(target))["QUERY_STRING"] == query


@pytest.mark.parametrize("method", ["GET", "PATCH", "PROPFIND", "QUERY", "get"])
def test_the_method_is_as_it_was_sent(client: Client, method: str) -> None:
    environ = environ_of(client, get("/app", method=method))
    assert environ["REQUEST_METHOD"] == method


def test_the_protocol_is_that_of_the_request(server: RunningServer) -> None:
    environ = environ_of(server.connect(), get("/app", version="1.0"))
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.0"


def test_headers_are_told_with_their_prefix(client: Client) -> None:
    environ = environ_of(
        client,
        get(
            "/app",
            "X-One: a",
            "accept-LANGUAGE:  \t de \t",
            "x.dotted!: b",
            "Empty:",
            "Latin: gr\xf6\xdfe",
            "Content-Type: text/plain; x=y",
            f"{'Long-' * 20}Name: c",
        ),
    )
    headers = {key: value for key, value in environ.items() if key.startswith("HTTP_")}
    assert headers == {
        "HTTP_HOST": "example.com",
        "HTTP_X_ONE": "a",
        "HTTP_ACCEPT_LANGUAGE": "de",
        "HTTP_X.DOTTED!": "b",
        "HTTP_EMPTY": "",
        "HTTP_LATIN": "gr\xf6\xdfe",
        f"HTTP_{'LONG_' * 20}NAME": "c",
    }
    assert environ["CONTENT_TYPE"] == "text/plain; x=y"
    assert "CONTENT_LENGTH" not in environ


def test_headers_of_one_name_are_joined(client: Client) -> None:
    fields = ["X-A: 1", "Cookie: a=b", "x-a: 2", "COOKIE: c=d", "X-A: 1", "X-Same: 3"]
    environ = environ_of(client, get("/app", *fields, "X-Same: 3"))
    assert environ["HTTP_X_A"] == "1, 2, 1"
    assert environ["HTTP_COOKIE"] == "a=b; c=d"
    assert environ["HTTP_X_SAME"] == "3, 3"


def test_values_are_those_of_their_own_request(client: Client) -> None:
    for value in ["a", "a", "b", "", "a" * 300, "a" * 300, "\xe4", "a"]:
        environ = environ_of(client, get("/app", f"X-Value: {value}"))
        assert environ["HTTP_X_VALUE"] == value


def test_many_names_are_told_though_few_are_remembered(client: Client) -> None:
    for batch in range(8):
        names = [f"X-Name-{batch}-{at}" for at in range(90)]
        fields = [f"{name}: {name}" for name in names]
        for _ in range(2):
            environ = environ_of(client, get("/app", *fields))
            told = {key for key in environ if key.startswith("HTTP_X_NAME")}
            assert len(told) == 90
            assert environ[f"HTTP_X_NAME_{batch}_89"] == f"X-Name-{batch}-89"


def test_a_body_has_its_length_and_type(client: Client) -> None:
    environ = environ_of(client, post("/app", b"a=b", "Content-Type: x/y"))
    assert (environ["CONTENT_LENGTH"], environ["CONTENT_TYPE"]) == ("3", "x/y")
    assert environ_of(client, post("/app", b""))["CONTENT_LENGTH"] == "0"
    assert not {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"} & set(environ)


def test_a_chunked_body_that_came_whole_has_its_length_too(client: Client) -> None:
    environ = environ_of(client, post_chunked("/app", b"abc", b"de"))
    assert environ["CONTENT_LENGTH"] == "5"
    assert "HTTP_TRANSFER_ENCODING" not in environ


def test_a_chunked_body_that_comes_while_it_is_read_has_none(serve: Serve) -> None:
    server = serve(CODE, {"/": {"wsgi": "main:told", "body": "stream"}})
    environ = environ_of(server.connect(), post_chunked("/", b"abc", b"de"))
    assert environ["HTTP_TRANSFER_ENCODING"] == "chunked"
    assert "CONTENT_LENGTH" not in environ


def test_each_request_has_an_environ_of_its_own(client: Client) -> None:
    for _ in range(3):
        assert client.ask(get("/kept")).body == b"1"
    assert environ_of(client, get("/app"))["wsgi.url_scheme"] == "http"


def test_a_unix_socket_has_no_ends_to_tell(serve: Serve) -> None:
    server = serve(CODE, ROUTES, http_listen_address="unix:./pyrs.sock")
    environ = environ_of(server.connect(), get("/app"))
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("localhost", "80")
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("", "0")


@pytest.mark.parametrize(
    ("settings", "keys", "is_threaded"),
    [
        ({"handoff_after": 0}, {}, False),
        ({"handoff_after": 0, "thread_count": 2}, {}, True),
        ({"handoff_after": 0}, {"run": "thread"}, True),
        ({}, {"run": "loop"}, True),
    ],
)
def test_whether_several_threads_may_call_it_is_told(
    serve: Serve, settings: dict[str, Any], keys: dict[str, str], is_threaded: bool
) -> None:
    server = serve(CODE, {"/app": {"wsgi": "main:told", **keys}}, **settings)
    environ = environ_of(server.connect(), get("/app"))
    assert environ["wsgi.multithread"] is is_threaded


# ---- behind proxies ----


def test_a_trusted_proxy_tells_client_scheme_and_host(serve: Serve) -> None:
    server = serve(CODE, ROUTES, trusted_proxies=["127.0.0.1"])
    with server.connect() as client:
        environ = environ_of(
            client,
            get(
                "/app",
                "X-Forwarded-For: 203.0.113.7",
                "X-Forwarded-Proto: https",
                "X-Forwarded-Host: www.example.org",
            ),
        )
        assert environ["REMOTE_ADDR"] == "203.0.113.7"
        assert environ["wsgi.url_scheme"] == "https"
        assert environ["HTTP_HOST"] == "www.example.org"
        environ = environ_of(client, get("/app", "Forwarded: for=_hidden;proto=https"))
        assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("_hidden", "0")
        assert environ["HTTP_HOST"] == "example.com"
        environ = environ_of(client, get("/app"))
        assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == (
            "127.0.0.1",
            "http",
        )


def test_what_others_forward_is_not_believed(client: Client) -> None:
    fields = ["X-Forwarded-Proto: https", "Forwarded: for=1.2.3.4;proto=https"]
    environ = environ_of(client, get("/app", *fields))
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["HTTP_X_FORWARDED_PROTO"] == "https"
