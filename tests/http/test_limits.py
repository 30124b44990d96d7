"""Every limit, from just within and from just beyond."""

import pytest

from tests.kit import Client, RunningServer, Serve, get, post, post_chunked, wait_until

CODE = """
def hello(request):
    return "world"

def size(request):
    return len(request.body)

def echo(request):
    return request
"""


def padded(request: bytes, mark: bytes, length: int) -> bytes:
    """The request, `length` bytes long, grown at the mark."""
    assert request.count(mark) == 1
    return request.replace(mark, b"x" * (length - len(request) + len(mark)))


def check(server: RunningServer, within: bytes, beyond: bytes, status: int) -> None:
    with server.connect() as client:
        assert client.ask(within).status == 200
        assert client.ask(within).status == 200
        runs = server.counter("handler_runs")
        client.send(beyond + get("/hello"))
        answer = client.response()
        assert answer.status == status
        assert answer.closes
        assert client.is_closed()
    assert server.counter("handler_runs") == runs
    assert server.ask(within).status == 200


def test_a_request_line_over_the_limit_is_414(serve: Serve) -> None:
    server = serve(CODE, {"/*": "hello"}, limits={"request_line": 100})
    rest = len(b"\r\nHost: example.com\r\n\r\n")
    request = get("/PAD")
    check(
        server,
        padded(request, b"PAD", 100 + rest),
        padded(request, b"PAD", 101 + rest),
        414,
    )


def test_a_head_over_the_limit_is_431(serve: Serve) -> None:
    server = serve(CODE, limits={"head": 300, "request_line": 100})
    request = get("/hello", "X-Long: PAD")
    check(server, padded(request, b"PAD", 300), padded(request, b"PAD", 301), 431)


def test_a_head_as_large_as_can_be_configured_is_read(serve: Serve) -> None:
    mebibyte = 1 << 20
    server = serve(CODE, limits={"head": mebibyte, "request_line": mebibyte})
    request = get("/hello", "X-Long: PAD")
    check(
        server,
        padded(request, b"PAD", mebibyte),
        padded(request, b"PAD", mebibyte + 1),
        431,
    )


def test_too_many_headers_are_431(serve: Serve) -> None:
    server = serve(CODE, limits={"headers": 5})
    fields = [f"X-{i}: {i}" for i in range(5)]  # and Host
    check(server, get("/hello", *fields[:4]), get("/hello", *fields), 431)


def test_a_body_over_the_limit_is_413(serve: Serve) -> None:
    server = serve(CODE, {"/*": "size"}, limits={"body": 5000})
    check(server, post("/size", b"x" * 5000), post("/size", b"x" * 5001), 413)


def test_a_chunked_body_over_the_limit_is_413(serve: Serve) -> None:
    server = serve(CODE, {"/*": "size"}, limits={"body": 5000})
    check(
        server,
        post_chunked("/size", *[b"x" * 1000] * 5),
        post_chunked("/size", *[b"x" * 1000] * 5, b"x"),
        413,
    )


def test_a_chunk_that_announces_too_much_is_refused_before_it_comes(
    serve: Serve,
) -> None:
    server = serve(CODE, {"/*": "size"}, limits={"body": 5000})
    with server.connect() as client:
        client.send(post_chunked("/size")[: -len(b"0\r\n\r\n")] + b"1389\r\n")
        assert client.response().status == 413
        assert client.is_closed()


def test_a_body_that_is_refused_can_be_sent_on_and_the_answer_read(
    serve: Serve,
) -> None:
    server = serve(CODE, limits={"body": 1 << 20})
    with server.connect() as client:
        client.send(post("/size", b"")[:-5] + b"4194304\r\n\r\n")
        client.send_while_it_lasts([b"x" * 65536] * 64)
        assert client.response("POST").status == 413
        assert client.is_closed()


def test_a_body_limit_of_zero_is_none(serve: Serve) -> None:
    server = serve(CODE, limits={"body": 0})
    body = b"x" * (20 << 20)
    assert server.ask(post("/size", body)).body == b"%d" % len(body)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize(
    ("size", "in_file"), [(100_000, False), (100_002, True), (3_000_000, True)]
)
def test_a_body_beyond_memory_goes_through_a_file(
    serve: Serve, size: int, in_file: bool, chunked: bool
) -> None:
    server = serve(CODE, limits={"body_memory": 100_000})
    body = bytes(range(251)) * (size // 251 + 1)
    body = body[:size]
    with server.connect() as client:
        request = (
            post_chunked("/echo", *(body[i : i + 9973] for i in range(0, size, 9973)))
            if chunked
            else post("/echo", body)
        )
        received = server.counter("bytes_received")
        client.send(request[:-1])
        wait_until(
            lambda: server.counter("bytes_received") - received == len(request) - 1
        )
        wait_until(lambda: waits_in_file(server) == in_file)
        assert not list(server.temporary.iterdir())  # it has no name
        client.send(request[-1:])
        assert client.response("POST").body == body
        wait_until(lambda: not waits_in_file(server))
        assert client.ask(post("/echo", b"small")).body == b"small"


def waits_in_file(server: RunningServer) -> bool:
    return any("pyrs-body" in kind for kind in server.descriptors())


def test_an_aborted_upload_leaves_no_file(serve: Serve) -> None:
    server = serve(CODE, limits={"body_memory": 1000})
    client = server.connect()
    client.send(post("/echo", b"x" * 50_000)[:-1])
    wait_until(lambda: waits_in_file(server))
    client.abort()
    wait_until(lambda: not waits_in_file(server))


def test_a_body_that_cannot_be_stored_is_500_and_logged(serve: Serve) -> None:
    server = serve(CODE, limits={"body_memory": 1000})
    server.temporary.rmdir()
    with server.connect() as client:
        client.send_while_it_lasts([post("/echo", b"x" * 200_000)])
        assert client.response("POST").status == 500
        assert client.is_closed()
    server.expect_log(r'ERROR "POST /echo HTTP/1.1" .*body could not be stored')
    assert server.ask(get("/hello")).body == b"world"
    server.temporary.mkdir()


# ---- connections ----

PAUSE = r"WARNING accepting pauses: limits.connections are open"


def answered(client: Client) -> bool:
    return client.ask(get("/hello")).body == b"world"


def test_as_many_connections_as_allowed_are_served(serve: Serve) -> None:
    server = serve(CODE, limits={"connections": 10})
    clients = [server.connect() for _ in range(10)]
    assert all(map(answered, clients))
    assert server.counter("accept_pauses") == 0


@pytest.mark.parametrize("threads", [1, 3])
def test_past_the_limit_connections_wait_until_one_goes(
    serve: Serve, threads: int
) -> None:
    server = serve(CODE, limits={"connections": 10}, thread_count=threads)
    clients = [server.connect() for _ in range(10)]
    assert all(map(answered, clients))
    waiting = [server.connect() for _ in range(5)]
    for client in waiting:
        client.send(get("/hello"))
    wait_until(lambda: server.counter("accept_pauses") > 0)
    server.expect_log(PAUSE)
    assert server.counter("connections_open") == 10
    assert all(map(answered, clients))
    for client in clients[: len(waiting)]:
        client.close()
    for client in waiting:
        assert client.response().body == b"world"
    assert server.counter("connections_open") == 10


def check_that_it_rests_while_paused(server: RunningServer) -> None:
    """Neither CPU time nor log records for as long as it lasts."""
    turns, cpu = server.counter("turns"), server.cpu_seconds()
    wait_until(lambda: server.counter("turns") > turns + 16, "some ticks")
    assert server.cpu_seconds() - cpu < 1
    pauses = [record for record in server.records() if "accepting pauses" in record]
    assert len(pauses) == 1


def test_a_full_server_rests(serve: Serve) -> None:
    server = serve(CODE, limits={"connections": 2})
    clients = [server.connect() for _ in range(4)]
    server.expect_log(PAUSE)
    check_that_it_rests_while_paused(server)
    assert all(map(answered, clients[:2]))


def test_when_descriptors_are_exhausted_accepting_pauses_and_resumes(
    serve: Serve,
) -> None:
    code = """
    import os

    taken = []

    def hello(request):
        return "world"

    def exhaust():
        try:
            while True:
                taken.append(os.dup(0))
        except OSError:
            pass

    def relax():
        while taken:
            os.close(taken.pop())
    """
    server = serve(code, open_files=100, limits={"connections": 30})
    early = server.connect()
    assert answered(early)
    server.inside("main.exhaust()")
    late = [server.connect() for _ in range(5)]
    for client in late:
        client.send(get("/hello"))
    server.expect_log(
        r"WARNING accepting pauses: Too many open files; raise the limit of open files"
    )
    check_that_it_rests_while_paused(server)
    assert answered(early)  # those that are there are served meanwhile
    server.inside("main.relax()")
    for client in late:
        assert client.response().body == b"world"


def test_fewer_descriptors_than_connections_are_said_at_the_start(
    serve: Serve,
) -> None:
    server = serve(CODE, open_files=200)
    server.expect_log(
        r"WARNING at most 128 connections instead of 10000: "
        r"the limit of open files is 200"
    )
    clients = [server.connect() for _ in range(150)]
    server.expect_log(PAUSE)
    assert all(map(answered, clients[:128]))
    assert server.counter("connections_open") == 128
