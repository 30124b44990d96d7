"""A long life in short: requests of every kind, and what the server holds afterwards.

A round asks in all the ways there are: one by one, pipelined, with bodies (small,
chunked, large enough for a file), broken, and given up half way. In between, when
nothing is going on, memory and descriptors are looked at. Memory may grow at first,
while pools and the allocator fill; over the second half it has to stay as it is.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.corpus import load_reject
from tests.kit import Client, RunningServer, get, post, post_chunked, running_server

MIB = 1 << 20
GROWTH_MAX = 1 * MIB
LOOKS = 40

CODE = """
def hello(request):
    return "world"

def echo(request):
    return request

def large(request):
    return b"x" * 1_000_000

def facts(request):
    return {"path": request.path, "query": dict(request.query), **request.params}

def failing(request):
    raise ValueError(request.path)

def wsgi(environ, start_response):
    body = environ["wsgi.input"].read() or b"world"
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/failing":
        raise ValueError("wsgi")
    if environ["PATH_INFO"] == "/file":
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))
    return [body] if environ["REQUEST_METHOD"] == "GET" else iter([body, b""])
"""
ROUTES = {
    "/hello": "hello",
    "/echo": "echo",
    "/large": "large",
    "/facts/{name}": "facts",
    "/failing": "failing",
    "/wsgi": "wsgi:wsgi",
    "/native": "native:native_hello",
    "/megabyte": "native:native_megabyte",
}
REJECT = load_reject()


@dataclass(frozen=True)
class Look:
    requests: int
    resident_bytes: int
    descriptors: int


@dataclass(frozen=True)
class Result:
    looks: list[Look]
    counters: dict[str, object]

    @property
    def growth(self) -> int:
        """Of memory, over the second half of the requests."""
        return usual_growth([look.resident_bytes for look in self.looks])


def usual_growth(held: list[int]) -> int:
    """Over the second half of the looks, by its usual steps.

    A leak grows a little between any two looks. A large step is something else: a turn
    busier than all before touches more of the slabs, which have an end, and the
    allocator keeps a large block and gives it back. So the largest steps of either
    direction count as usual ones.
    """
    half = held[len(held) // 2 :]
    steps = sorted(after - before for before, after in pairwise(half))
    odd = max(1, len(steps) // 6)
    usual = steps[odd:-odd]
    return sum(usual) * len(steps) // len(usual)


def soak(
    folder: Path, requests: int, threads: int = 2, say: Callable[[Look], None] = print
) -> Result:
    """Asserts what holds of every stopped server (see kit/server.py), and that the
    descriptors are as many as at the start."""
    settings: dict[str, Any] = {
        "thread_count": threads,
        "limits": {"body_memory": 50_000},
        "log": "soak.log",
    }
    with running_server(folder, CODE, ROUTES, **settings) as server:
        looks: list[Look] = []
        rounds = Rounds(server)
        while not looks or looks[-1].requests < requests:
            target = requests * (len(looks) + 1) / LOOKS
            while rounds.requests < target:
                rounds.run()
            server.wait_until_as_at_start()
            look = Look(
                rounds.requests, server.resident_bytes(), len(server.descriptors())
            )
            looks.append(look)
            say(look)
        counters = server.counters()
    return Result(looks, counters)


class Rounds:
    """The same in every run: the dice are seeded."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._dice = random.Random(1)
        self.requests = 0

    def run(self) -> None:
        self._plain(100)
        self._pipelined(depth=100, times=8)
        self._posts(50)
        self._broken(20)
        self._aborted(10)

    def _plain(self, count: int) -> None:
        with self._server.connect() as client:
            for i in range(count):
                paths = ["/hello", "/native", f"/facts/n{i}?a={i}&b=%20"]
                paths += ["/wsgi", f"/wsgi/n{i}?a={i}", "/wsgi/file"]
                path = paths[i % len(paths)]
                assert client.ask(get(path)).status == 200
        self.requests += count

    def _pipelined(self, depth: int, times: int) -> None:
        mix = [
            (get("/hello"), 200),
            (get("/native"), 200),
            (get("/nowhere"), 404),
            (get("/wsgi"), 200),
            (post("/echo", b"a body"), 200),
        ]
        with self._server.connect() as client:
            for _ in range(times):
                sent = [self._dice.choice(mix) for _ in range(depth)]
                client.send(b"".join(request for request, _ in sent))
                for _, status in sent:
                    assert client.response().status == status
        self.requests += depth * times

    def _posts(self, count: int) -> None:
        with self._server.connect() as client:
            for i in range(count):
                size = self._dice.choice([10, 100, 10_000, 200_000])
                body = b"%04d" % i * (size // 4)
                request = post if i % 2 else post_chunked
                path = self._dice.choice(["/echo", "/wsgi/echo"])
                assert client.ask(request(path, body)).body == body
            assert client.ask(get("/failing")).status == 500
            assert client.ask(get("/wsgi/failing")).status == 500
        self.requests += count + 2

    def _broken(self, count: int) -> None:
        for case in self._dice.sample(REJECT, count):
            with self._server.connect() as client:
                client.send_while_it_lasts([case.wire])
                for _ in range(case.answered_before + 1):
                    client.response()
                assert client.is_closed()
        self.requests += count

    def _aborted(self, count: int) -> None:
        beginnings = [
            b"GET /hel",
            get("/hello")[:-2],
            post("/echo", b"x" * 100)[:-1],
            post("/echo", b"x" * 200_000)[:-1],
            post("/wsgi", b"x" * 200_000)[:-1],
            get("/large") * 3,
            get("/megabyte") * 3,
            get("/hello") * 50,
        ]
        for i in range(count):
            client = Client(self._server.address, small_window=True)
            client.send(self._dice.choice(beginnings))
            if i % 2:
                client.abort()
            else:
                client.close()
        self.requests += count
