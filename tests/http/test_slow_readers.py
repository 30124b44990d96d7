"""Clients that ask and do not read: what it costs, and that nothing gets lost."""

import os
import signal
from contextlib import suppress

from tests.kit import (
    Client,
    RunningServer,
    Serve,
    get,
    measures_memory,
    post,
    wait_until,
)

CODE = """
def hello(request):
    return "world"

def numbered(request):
    number = int(request.query_string)
    return (b"%07d " % number) * 12_500  # 100,000 bytes

def small(request):
    return b"%07d " % int(request.query_string)

def echo(request):
    return request
"""
ROUTES = {
    "/hello": "hello",
    "/numbered": "numbered",
    "/small": "small",
    "/echo": "echo",
    "/megabyte": "native:native_megabyte",
}
PATIENT = {"send": 600, "idle": 600, "body": 600, "head": 600}
MIB = 1 << 20


def is_served(server: RunningServer) -> bool:
    return server.ask(get("/hello")).body == b"world"


def wait_until_stuck(server: RunningServer) -> None:
    """Until the server has sent what the sockets take, as far as one can tell."""
    seen: list[int] = []

    def is_calm() -> bool:
        seen.append(server.counter("bytes_sent"))
        return seen[-20:] == [seen[-1]] * 20

    wait_until(is_calm)


@measures_memory
def test_a_pipeline_for_large_answers_waits_for_its_reader_in_little_memory(
    serve: Serve,
) -> None:
    server = serve(CODE, ROUTES, timeouts=PATIENT)
    assert is_served(server)
    before = server.resident_bytes()
    client = server.connect(small_window=True)
    count = 500  # 50 MB of answers
    client.socket.setblocking(False)
    wire = b"".join(get(f"/numbered?{i}") for i in range(count))
    wire = wire[client.socket.send(wire) :]
    wait_until_stuck(server)
    assert server.resident_bytes() - before < 4 * MIB
    assert server.counter("handler_runs") < 200
    client.socket.settimeout(30)
    for i in range(count):
        if wire:
            client.socket.setblocking(False)
            with suppress(BlockingIOError):
                wire = wire[client.socket.send(wire) :]
            client.socket.settimeout(30)
        assert client.response().body == (b"%07d " % i) * 12_500
    assert server.resident_bytes() - before < 4 * MIB


@measures_memory
def test_many_readers_that_wait_share_little_memory(serve: Serve) -> None:
    server = serve(CODE, ROUTES, timeouts=PATIENT)
    before = server.resident_bytes()
    clients = [server.connect(small_window=True) for _ in range(50)]
    for client in clients:
        client.send(b"".join(get(f"/numbered?{i}") for i in range(20)))
    wait_until_stuck(server)
    assert server.resident_bytes() - before < 50 * MIB
    for client in clients:
        for i in range(20):
            assert client.response().body[:8] == b"%07d " % i


def test_small_and_large_answers_of_all_kinds_wait_in_order(serve: Serve) -> None:
    server = serve(CODE, ROUTES, timeouts=PATIENT)
    client = server.connect(small_window=True)
    asked = []
    expected = []
    for i in range(60):
        asked += [
            get(f"/small?{i}"),
            get("/megabyte") if i % 20 == 0 else get("/hello"),
            get(f"/numbered?{i}"),
            get("/nowhere"),
            post("/echo", b"%d" % i * 300),
        ]
        expected += [
            b"%07d " % i,
            bytes(MIB) if i % 20 == 0 else b"world",
            (b"%07d " % i) * 12_500,
            None,
            b"%d" % i * 300,
        ]
    client.send(b"".join(asked))
    wait_until_stuck(server)
    for body in expected:
        answer = client.response()
        if body is None:
            assert answer.status == 404
        else:
            assert answer.body == body


def test_a_body_that_waits_behind_a_slow_reader_is_not_too_slow(serve: Serve) -> None:
    server = serve(CODE, ROUTES, timeouts={**PATIENT, "body": 2})
    client = server.connect(small_window=True)
    asked = b"".join(get(f"/numbered?{i}") for i in range(100))
    body = b"x" * 200_000
    client.send(asked + post("/echo", body)[:-100_000])
    other = server.connect()
    other.send(post("/echo", b"12345")[:-1])
    assert other.response("POST").status == 408  # so the time is over
    for i in range(100):
        assert client.response().body[:8] == b"%07d " % i
    client.send(body[:100_000])
    assert client.response("POST").body == body


def test_two_hundred_who_never_read_are_cut_and_others_served_as_before(
    serve: Serve,
) -> None:
    server = serve(CODE, ROUTES, timeouts={"send": 1}, thread_count=2)
    idle = [server.connect(small_window=True) for _ in range(200)]
    for client in idle:
        client.send(get("/megabyte") * 5)
    with server.connect() as busy:
        while server.counter("timeouts") < 200:
            assert busy.ask(get("/hello")).body == b"world"
    wait_until(lambda: server.counter("connections_open") == 0)
    for client in idle:
        assert client.is_cut()


def test_killed_clients_that_never_read_are_noticed_without_a_timeout(
    serve: Serve,
) -> None:
    server = serve(CODE, ROUTES, timeouts={"send": 0, "idle": 0})
    for asked in (get("/megabyte") * 5, get("/numbered?1") * 200, get("/megabyte")):
        clients = [server.connect(small_window=True) for _ in range(10)]
        for client in clients:
            client.send(asked)
        wait_until_stuck(server)
        for client in clients:
            client.abort()
        wait_until(lambda: server.counter("connections_open") == 0)
    closing = server.connect(small_window=True)
    closing.send(get("/megabyte", "Connection: close"))
    wait_until_stuck(server)
    closing.abort()
    wait_until(lambda: server.counter("connections_open") == 0)


def test_two_hundred_slow_senders_are_cut_and_others_served_as_before(
    serve: Serve,
) -> None:
    server = serve(
        CODE,
        ROUTES,
        timeouts={"head": 2, "body": 2},
        limits={"body_rate": 1000},
        thread_count=2,
    )
    heads = [server.connect() for _ in range(100)]
    bodies = [server.connect() for _ in range(100)]
    for client in heads:
        client.send(b"GET /hello HTTP/1.1\r\nHost: ")
    for client in bodies:
        client.send(post("/echo", b"x" * 100_000)[:-100_000])
    with server.connect() as busy:
        while server.counter("timeouts") < 200:
            for client in heads + bodies:
                client.send_while_it_lasts([b"x"])
            assert busy.ask(get("/hello")).body == b"world"
    for client in heads:
        assert client.response().status == 408
    for client in bodies:
        assert client.response("POST").status == 408


# ---- clients that are killed ----


def in_a_process_of_its_own(server: RunningServer, *requests: bytes) -> int:
    """Connections of a process that is there only to be killed; gives its id."""
    ready, done = os.pipe()
    child = os.fork()
    if child == 0:
        clients = []
        for request in requests:
            clients.append(Client(server.address, small_window=True))
            clients[-1].send(request)
        os.write(done, b"x")
        signal.pause()
    os.close(done)
    assert os.read(ready, 1) == b"x"
    os.close(ready)
    return child


def test_clients_killed_in_the_middle_leave_nothing(serve: Serve) -> None:
    server = serve(CODE, ROUTES, timeouts=PATIENT, thread_count=2)
    for _ in range(5):
        child = in_a_process_of_its_own(
            server,
            *[b"GET /hel"] * 5,
            *[post("/echo", b"x" * 1000)[:-1]] * 5,
            *[post("/echo", b"x" * 2_000_000)[:-10]] * 2,
            *[get("/megabyte") * 10] * 5,
            *[get("/numbered?1") * 50] * 5,
            *[get("/hello")] * 5,
        )
        assert is_served(server)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert is_served(server)
        server.wait_until_quiet()
    assert server.counter("responses")[0] > 0  # what was cut off is counted
