"""HEAD, OPTIONS, 404, 405 and Expect, from a client's side."""

import pytest

from tests.kit import Response, Serve, get, post, post_chunked

CODE = """
def hello(request):
    return "world"

def echo(request):
    return request

def nothing(request):
    return None

def own_options(request):
    return "mine"
"""
ROUTES = {
    "GET /hello": "hello",
    "POST,PUT /echo": "echo",
    "GET /native": "native:native_hello",
    "GET /nothing": "nothing",
    "GET,OPTIONS /own": "own_options",
}


@pytest.mark.parametrize("path", ["/hello", "/native", "/nothing", "/nowhere"])
def test_head_is_answered_like_get_without_the_body(serve: Serve, path: str) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        full = client.ask(get(path))
        head = client.ask(get(path, method="HEAD"))
        assert head.body == b""
        assert head.status == full.status

        def fields(answer: Response) -> list[tuple[str, str]]:
            return [field for field in answer.fields if field[0] != "Date"]

        assert fields(head) == fields(full)
        assert client.ask(get("/hello")).body == b"world"


def test_no_route_is_404_and_the_connection_stays(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        for request in (get("/nowhere"), post("/nowhere", b"x" * 100_000)):
            answer = client.ask(request)
            assert answer.status == 404
            assert answer.body
            assert not answer.closes
        assert client.ask(get("/hello")).body == b"world"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/hello", "GET, HEAD, OPTIONS"),
        ("BREW", "/hello", "GET, HEAD, OPTIONS"),
        ("GET", "/echo", "POST, PUT, OPTIONS"),
        ("HEAD", "/echo", "POST, PUT, OPTIONS"),
        ("DELETE", "/native", "GET, HEAD, OPTIONS"),
    ],
)
def test_another_method_is_405_with_allow(
    serve: Serve, method: str, path: str, allow: str
) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        answer = client.ask(get(path, method=method))
        assert (answer.status, answer["Allow"]) == (405, allow)
        assert client.ask(get("/hello")).body == b"world"


@pytest.mark.parametrize(
    ("path", "allow"),
    [("/hello", "GET, HEAD, OPTIONS"), ("/echo", "POST, PUT, OPTIONS")],
)
def test_options_is_answered_with_allow(serve: Serve, path: str, allow: str) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        answer = client.ask(get(path, method="OPTIONS"))
        assert (answer.status, answer["Allow"]) == (204, allow)


def test_options_of_the_whole_server_lists_all_methods(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        answer = client.ask(get("*", method="OPTIONS"))
        assert (answer.status, answer["Allow"]) == (
            204,
            "GET, HEAD, POST, PUT, OPTIONS",
        )


def test_options_of_nowhere_is_404(serve: Serve) -> None:
    assert serve(CODE, ROUTES).ask(get("/nowhere", method="OPTIONS")).status == 404


def test_a_route_may_answer_options_itself(serve: Serve) -> None:
    assert serve(CODE, ROUTES).ask(get("/own", method="OPTIONS")).body == b"mine"


# ---- Expect ----

EXPECT = "Expect: 100-continue"


def test_expect_is_answered_before_the_body_is_sent(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        request = post("/echo", b"the body", EXPECT)
        client.send(request[: -len(b"the body")])
        assert client.any_response().status == 100
        client.send(b"the body")
        assert client.any_response("POST").body == b"the body"


def test_expect_is_answered_for_a_chunked_body(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        client.send(get("/echo", EXPECT, "Transfer-Encoding: chunked", method="POST"))
        assert client.any_response().status == 100
        client.send(b"3\r\nabc\r\n0\r\n\r\n")
        assert client.any_response("POST").body == b"abc"


def test_expect_is_not_answered_when_the_body_has_come(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        client.send(post("/echo", b"here", EXPECT))
        assert client.any_response("POST").body == b"here"


def test_expect_without_a_body_needs_no_interim_answer(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        client.send(get("/hello", EXPECT))
        assert client.any_response().body == b"world"


def test_expect_in_http_1_0_is_ignored(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        request = post("/echo", b"body", EXPECT, version="1.0")
        client.send(request[:-4], request[-4:])
        assert client.any_response("POST").body == b"body"


def test_the_interim_answer_does_not_overtake_the_answers_before_it(
    serve: Serve,
) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        head = post("/echo", b"body", EXPECT)[:-4]
        client.send(get("/hello") * 3 + get("/native") + head)
        bodies = [client.any_response().body for _ in range(4)]
        assert bodies == [b"world"] * 3 + [b"native world"]
        assert client.any_response().status == 100
        client.send(b"body")
        assert client.any_response("POST").body == b"body"


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere", 404), ("/hello", 405)], ids=["404", "405"]
)
def test_a_body_that_nobody_wants_is_not_asked_for(
    serve: Serve, path: str, status: int
) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        client.send(post(path, b"x" * 100, EXPECT)[:-100])
        answer = client.any_response("POST")
        assert answer.status == status
        assert answer.closes  # or else the body would be taken for a request
        assert client.is_closed()


def test_a_body_over_the_limit_is_refused_instead_of_continued(serve: Serve) -> None:
    server = serve(CODE, ROUTES, limits={"body": 1000})
    with server.connect() as client:
        client.send(post("/echo", b"x" * 1001, EXPECT)[:-1001])
        assert client.any_response("POST").status == 413
        assert client.is_closed()


def test_another_expectation_is_417(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        client.send(post("/echo", b"body", "Expect: 101-upgrade") + get("/hello"))
        assert client.any_response("POST").status == 417
        assert client.is_closed()
    assert server.counter("handler_runs") == 0


def test_expecting_requests_may_stand_behind_each_other(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        client.send(
            post("/echo", b"first", EXPECT)
            + post_chunked("/echo", b"second")
            + post("/echo", b"third", EXPECT)
        )
        bodies = [client.response("POST").body for _ in range(3)]
        assert bodies == [b"first", b"second", b"third"]
