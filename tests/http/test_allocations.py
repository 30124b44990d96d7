"""A warm keep-alive connection costs the core no allocation; handlers meet no race.

Where allocations are counted no loop is handed on, which takes some: a thread that the
system keeps waiting would be taken for a handler that blocks.
"""

import threading
from collections.abc import Callable

import pytest

from tests.kit import Client, Serve, get, post, post_chunked

CODE = """
import threading

lock = threading.Lock()
count = 0
sums = {}
kept = []

def hello(request):
    return "world"

def echo(request):
    return request

def counted(request):
    global count
    name = request.params["name"]
    with lock:
        count += 1
        sums[name] = sums.get(name, 0) + len(request.body)
    return f"{name} {request.headers['X-Id']} {len(request.body)}"

def keeping(request):
    kept.append(request)
    return request

def check_kept():
    for request in kept:
        number = request.headers["X-Id"]
        assert request.path == f"/keeping", request.path
        assert request.query["id"] == number
        assert request.body == number.encode() * 50
        assert request.client[0] == "127.0.0.1"
    return len(kept)
"""
ROUTES = {
    "/hello": "hello",
    "POST /echo": "echo",
    "/native": "native:native_hello",
    "/native-echo": "native:native_echo",
    "/counted/{name}": "counted",
    "/keeping": "keeping",
}


@pytest.mark.parametrize("depth", [1, 16, 100])
@pytest.mark.parametrize(
    "request_bytes",
    [
        get("/hello"),
        get("/native"),
        get("/nowhere"),
        get("/hello", *(f"X-{i}: {i}" for i in range(30))),
        get("/x/../%68ello?a=b"),
        post("/echo", b"x" * 100),
        post("/native-echo", b"x" * 100),
        post_chunked("/echo", b"x" * 50, b"y" * 50),
    ],
    ids=[
        "get",
        "native",
        "404",
        "headers",
        "escapes",
        "post",
        "native-post",
        "chunked",
    ],
)
def test_a_warm_connection_makes_the_core_allocate_nothing(
    serve: Serve, request_bytes: bytes, depth: int
) -> None:
    server = serve(CODE, ROUTES, access_log=False, handoff_after=0)
    with server.connect() as client:

        def ask(times: int) -> None:
            for _ in range(times):
                client.send(request_bytes * depth)
                client.responses(depth)

        ask(5)
        before = server.counter("allocations")
        ask(50)
        assert server.counter("allocations") == before


def test_a_new_connection_takes_the_memory_of_an_old_one(serve: Serve) -> None:
    server = serve(CODE, ROUTES, handoff_after=0)
    for _ in range(5):
        server.ask(get("/hello"))
    before = server.counter("allocations")
    for _ in range(50):
        server.ask(get("/hello"))
    assert server.counter("allocations") <= before + 5  # some overlap the one before


# ---- several loops ----


def in_threads(clients: list[Client], work: Callable[[int, Client], None]) -> None:
    faults: list[BaseException] = []

    def run(number: int, client: Client) -> None:
        try:
            work(number, client)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run, args=item) for item in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_handlers_run_under_several_loops_without_a_race(serve: Serve) -> None:
    server = serve(CODE, ROUTES, thread_count=4)

    def work(number: int, client: Client) -> None:
        for turn in range(30):
            requests = [
                post(f"/counted/n{number}", b"x" * size, f"X-Id: {turn}-{size}")
                for size in range(1, 21)
            ]
            client.send(b"".join(requests))
            for size in range(1, 21):
                text = f"n{number} {turn}-{size} {size}"
                assert client.response().body == text.encode()

    in_threads([server.connect() for _ in range(16)], work)
    assert server.inside("main.count") == 16 * 30 * 20
    sums = server.inside("main.sums")
    assert sums == {f"n{number}": 30 * 210 for number in range(16)}
    assert server.counter("handler_runs") == 16 * 30 * 20


def test_requests_kept_by_handlers_of_several_loops_stay_as_they_were(
    serve: Serve,
) -> None:
    server = serve(CODE, ROUTES, thread_count=4)

    def work(number: int, client: Client) -> None:
        for turn in range(10):
            ids = [str(number * 1000 + turn * 10 + i) for i in range(10)]
            client.send(
                b"".join(
                    post(f"/keeping?id={i}", i.encode() * 50, f"X-Id: {i}") for i in ids
                )
            )
            for i in ids:
                assert client.response().body == i.encode() * 50

    in_threads([server.connect() for _ in range(16)], work)
    assert server.inside("main.check_kept()") == 1600
