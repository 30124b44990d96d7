"""When does a connection stay open, and in which order do answers come?"""

import pytest

from tests.kit import RunningServer, Serve, get, post, post_chunked

CODE = """
def hello(request):
    return "world"

def echo(request):
    return request
"""
ROUTES = {
    "GET /hello": "hello",
    "POST /echo": "echo",
    "GET /native": "native:native_hello",
    "POST /native-echo": "native:native_echo",
}


@pytest.fixture(scope="module")
def shared_server(serve_module: Serve) -> RunningServer:
    return serve_module(CODE, ROUTES)


@pytest.mark.parametrize(
    ("version", "connection", "stays"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: keep-alive", True),
        ("1.1", "Connection: close", False),
        ("1.1", "Connection: Close", False),
        ("1.1", "Connection: x, close", False),
        ("1.1", "Connection: keep-alive, close", False),
        ("1.1", "Connection: closed", True),
        ("1.0", "", False),
        ("1.0", "Connection: keep-alive", True),
        ("1.0", "Connection: Keep-Alive", True),
        ("1.0", "Connection: close", False),
        ("1.5", "", True),
    ],
)
def test_a_connection_stays_open_as_version_and_connection_say(
    server: RunningServer, version: str, connection: str, stays: bool
) -> None:
    request = get("/hello", *filter(None, [connection]), version=version)
    with server.connect() as client:
        first = client.ask(request)
        assert first.body == b"world"
        assert first.closes is not stays
        if version == "1.0" and stays:
            assert first["Connection"] == "keep-alive"
        if stays:
            assert client.ask(request).body == b"world"
        else:
            assert client.is_closed()


def test_what_comes_after_connection_close_is_not_answered(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        client.send(get("/hello", "Connection: close") + get("/hello") * 3)
        assert client.response().closes
        assert client.is_closed()
    assert server.counter("handler_runs") == 1


def test_a_client_that_finished_sending_still_gets_its_answers(
    server: RunningServer,
) -> None:
    with server.connect() as client:
        client.send(get("/hello") * 3)
        client.finish()
        assert [answer.body for answer in client.responses(3)] == [b"world"] * 3
        assert client.is_closed()


def test_a_client_that_finishes_inside_a_request_gets_the_answers_before_it(
    serve: Serve,
) -> None:
    server = serve(CODE, ROUTES)
    with server.connect() as client:
        client.send(get("/hello") + post("/echo", b"12345")[:-1])
        client.finish()
        assert client.response().body == b"world"
        assert client.is_closed()
    assert server.counter("handler_runs") == 1


MIX = [
    # request, method, status, body
    (get("/hello"), "GET", 200, b"world"),
    (get("/native"), "GET", 200, b"native world"),
    (get("/hello", method="HEAD"), "HEAD", 200, b""),
    (get("/nowhere"), "GET", 404, None),
    (post("/echo", b"a body"), "POST", 200, b"a body"),
    (post("/hello", b"refused body"), "POST", 405, None),
    (post_chunked("/echo", b"in ", b"two chunks"), "POST", 200, b"in two chunks"),
    (post("/native-echo", b"to C"), "POST", 200, b"to C"),
    (get("/nowhere", method="HEAD"), "HEAD", 404, b""),
    (get("/native", method="HEAD"), "HEAD", 200, b""),
    (get("/echo", method="OPTIONS"), "OPTIONS", 204, b""),
    (post_chunked("/native-echo", b"chunks", b" to C"), "POST", 200, b"chunks to C"),
    (post("/echo", b""), "POST", 200, b""),
]


@pytest.mark.parametrize("depth", [1, 10, 1000, 5000])
@pytest.mark.parametrize("threads", [1, 4])
def test_pipelined_requests_of_all_kinds_are_answered_in_order(
    serve: Serve, depth: int, threads: int
) -> None:
    server = serve(CODE, ROUTES, thread_count=threads)
    with server.connect() as client:
        sent = [MIX[i % len(MIX)] for i in range(depth)]
        client.send(b"".join(request for request, *_ in sent))
        for _, method, status, body in sent:
            answer = client.response(method)
            assert answer.status == status
            if body is not None:
                assert answer.body == body
    assert server.counter("requests") == depth + 1  # and the one at the start


def test_pipelined_requests_are_answered_in_order_however_they_are_cut(
    server: RunningServer,
) -> None:
    wire = b"".join(post("/echo", b"%d" % i) + get("/native") for i in range(40))
    expected = [b for i in range(40) for b in (b"%d" % i, b"native world")]
    for step in (1, 2, 3, 7, 50, 101, 997):
        with server.connect() as client:
            client.send(*(wire[i : i + step] for i in range(0, len(wire), step)))
            assert [answer.body for answer in client.responses(80)] == expected


def test_requests_of_many_connections_do_not_mix(serve: Serve) -> None:
    server = serve(CODE, ROUTES, thread_count=4)
    clients = [server.connect() for _ in range(100)]
    for turn in range(20):
        for number, client in enumerate(clients):
            client.send(post("/echo", b"%d %d" % (number, turn)) * 3)
        for number, client in enumerate(clients):
            bodies = [answer.body for answer in client.responses(3)]
            assert bodies == [b"%d %d" % (number, turn)] * 3
