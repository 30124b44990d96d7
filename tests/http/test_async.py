"""`async def` handlers: answers, concurrency, cancellation, limits, start and stop.

Bodies in pieces, both ways, are in test_async_streams.py.
"""

import resource
import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from signal import SIGTERM
from typing import Any

import pytest

from tests.kit import (
    PATIENCE,
    Client,
    RunningServer,
    Serve,
    get,
    measures_memory,
    post,
    wait_until,
)

CODE = """
import asyncio
import contextvars
import functools
import threading
import pyrs

events = []
variable = contextvars.ContextVar("variable", default="unset")

async def hello(request):
    return "world"

async def echo(request):
    await asyncio.sleep(0)
    return request

async def name(request):
    await asyncio.sleep(0)
    return request.query_string

async def sleep(request):
    await asyncio.sleep(float(request.query_string))
    return "slept"

async def kinds(request):
    await asyncio.sleep(0)
    return {
        "str": "text",
        "bytes": b"bytes",
        "dict": {"a": 1},
        "none": None,
        "tuple": ("made", 201, {"X-A": "b"}),
        "response": pyrs.Response("made", 202, {"X-A": "b"}, "text/plain"),
        "large": b"x" * 1_000_000,
    }[request.query_string]

async def waiting(request):
    events.append("began")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        events.append("cancelled")
        raise
    finally:
        events.append("finally")

def plain(request):
    return "plain"
"""


# ---- answers ----


@pytest.mark.parametrize(
    ("kind", "status", "content_type", "body"),
    [
        ("str", 200, "text/html; charset=utf-8", b"text"),
        ("bytes", 200, "application/octet-stream", b"bytes"),
        ("dict", 200, "application/json", b'{"a":1}'),
        ("tuple", 201, "text/html; charset=utf-8", b"made"),
        ("response", 202, "text/plain", b"made"),
        ("large", 200, "application/octet-stream", b"x" * 1_000_000),
    ],
)
def test_what_a_coroutine_returns_means_what_it_means_elsewhere(
    serve: Serve, kind: str, status: int, content_type: str, body: bytes
) -> None:
    response = serve(CODE).ask(get(f"/kinds?{kind}"))
    assert (response.status, response["Content-Type"]) == (status, content_type)
    assert response.body == body
    assert response.all("X-A") == (["b"] if status != 200 else [])


def test_none_is_204_and_the_request_its_body(serve: Serve) -> None:
    server = serve(CODE)
    with server.connect() as client:
        assert client.ask(get("/kinds?none")).status == 204
        for body in (b"", b"small", b"x" * 1_000_000):
            assert client.ask(post("/echo", body)).body == body
        assert client.ask(get("/hello", method="HEAD"))["Content-Length"] == "5"


def test_whatever_is_async_and_can_be_called_is_a_handler(serve: Serve) -> None:
    code = """
import asyncio
import functools

class Api:
    async def method(self, request):
        return "method"
    async def __call__(self, request):
        return "called"

async def partly(what, request):
    return what

api = Api()
bound = api.method
called = api
part = functools.partial(partly, "part")
part_of_call = functools.partial(api)
"""
    names = {"bound": "method", "called": "called", "part": "part"}
    names["part_of_call"] = "called"
    server = serve(code, {f"/{name}": name for name in names})
    for name, answer in names.items():
        assert server.ask(get(f"/{name}")).body == answer.encode()


def test_plain_and_async_handlers_answer_beside_each_other(serve: Serve) -> None:
    server = serve(CODE, thread_count=3)
    with server.connect() as client:
        client.send(*[get("/plain") + get("/hello") + get("/sleep?0.01")] * 50)
        bodies = [response.body for response in client.responses(150)]
    assert bodies == [b"plain", b"world", b"slept"] * 50


def test_pipelined_requests_are_answered_in_order(serve: Serve) -> None:
    server = serve(CODE)
    seconds = ["0.05", "0", "0.02", "0.01", "0"]
    with server.connect() as client:
        client.send(
            b"".join(get(f"/sleep?{one}") + get(f"/name?{one}") for one in seconds)
        )
        bodies = [response.body.decode() for response in client.responses(10)]
    assert bodies == [word for one in seconds for word in ("slept", one)]


# ---- many at once ----


@contextmanager
def open_files(count: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < count:
        pytest.skip(f"the system allows {before[1]} open files, and {count} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def answers(sockets: list[socket.socket], request: bytes, end: bytes) -> int:
    """How many got an answer with that end, each asked once, all at the same time."""
    by_number = {one.fileno(): one for one in sockets}
    poll = select.epoll()
    right = 0
    for number, one in by_number.items():
        one.sendall(request)
        poll.register(number, select.EPOLLIN)
    with poll:
        while by_number and (ready := poll.poll(PATIENCE)):
            for number, _ in ready:
                one = by_number.pop(number)
                poll.unregister(number)
                right += one.recv(65_536).endswith(end)
    return right


@measures_memory
def test_ten_thousand_requests_wait_at_once_in_little_memory(serve: Serve) -> None:
    """How soon they are answered is measured by benchmarks/neighbours.py."""
    code = """
    import asyncio

    inside = 0
    everybody = asyncio.Event()

    async def wait(request):
        global inside
        inside += 1
        if inside == 10_000:
            everybody.set()
        await everybody.wait()
        return "all were inside"
    """
    with open_files(10_500):
        server = serve(
            code,
            limits={"connections": 10_100},
            listen_backlog=10_000,
            open_files=10_500,
        )
        sockets = [socket.create_connection(server.address) for _ in range(10_000)]  # type: ignore[arg-type]
        try:
            wait_until(lambda: server.counter("connections_open") == 10_000)
            assert answers(sockets, get("/wait"), b"\r\n\r\nall were inside") == 10_000
            memory = server.resident_bytes()
        finally:
            for one in sockets:
                one.close()
    assert memory < 200 << 20


@measures_memory
def test_twenty_thousand_requests_leave_nothing_behind(serve: Serve) -> None:
    server = serve(CODE, handoff_after=0)  # threads that come and go have their own
    with server.connect() as client:

        def ask(count: int) -> int:
            for path in ("/hello", "/sleep?0", "/kinds?response"):
                for _ in range(count // 3 // 50):
                    client.send(get(path) * 50)
                    client.responses(50)
            server.inside("gc.collect()")
            return int(server.inside("sys.getallocatedblocks()"))

        def leaves_less() -> bool:
            before, memory = ask(3_000), server.resident_bytes()
            return (
                ask(20_000) - before < 500
                and server.resident_bytes() - memory < 1 << 20
            )

        ask(3_000)
        assert any(leaves_less() for _ in range(3))  # a leak shows each time


# ---- asyncio ----


def test_asyncio_works_as_anywhere(serve: Serve) -> None:
    code = """
import asyncio
import io

async def part(number):
    await asyncio.sleep(0.01)
    return number

async def gathered(request):
    return list(await asyncio.gather(*[part(number) for number in range(5)]))

async def waited(request):
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.02)
    except asyncio.TimeoutError:
        return "too slow"

async def threaded(request):
    return await asyncio.to_thread(lambda: "from a thread")

async def current(request):
    task = asyncio.current_task()
    await asyncio.sleep(0)
    is_same = task is asyncio.current_task()
    return f"{task.get_name()} {is_same} {task.get_coro().cr_frame.f_code.co_name}"

async def shown(request):
    asyncio.current_task().print_stack(file=io.StringIO())
    return str("main.py" in repr(asyncio.current_task()))

async def streams(request):
    reader, writer = await asyncio.open_connection(*request.server)
    writer.write(b"GET /current HTTP/1.0\\r\\n\\r\\n")
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\\r\\n")[0]
"""
    server = serve(code)
    expected = {
        "gathered": b"[0,1,2,3,4]",
        "waited": b"too slow",
        "threaded": b"from a thread",
        "current": b"main.current True current",
        "shown": b"True",
        "streams": b"HTTP/1.1 200 OK",
    }
    for path, body in expected.items():
        assert server.ask(get(f"/{path}")).body == body
    server.wait_until_quiet()
    server.descriptors_at_start = server.descriptors()  # uvloop has taken a reserve
    assert server.ask(get("/streams")).body == b"HTTP/1.1 200 OK"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="new in Python 3.11")
def test_timeouts_and_task_groups_work_in_the_first_step_and_later(
    serve: Serve,
) -> None:
    code = """
import asyncio

async def part(number):
    await asyncio.sleep(0.01)
    return number

async def timeout(request):
    try:
        async with asyncio.timeout(0.02):
            await asyncio.Event().wait()
    except TimeoutError:
        return "too slow"

async def group(request):
    await asyncio.sleep(0)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(part(number)) for number in range(3)]
    return [task.result() for task in tasks]

async def failing(request):
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(60))
            raise ValueError("in the group")
    except* ValueError as error:
        message = str(error.exceptions[0])
    return message
"""
    server = serve(code)
    assert server.ask(get("/timeout")).body == b"too slow"
    assert server.ask(get("/group")).body == b"[0,1,2]"
    assert server.ask(get("/failing")).body == b"in the group"


def test_each_request_has_a_context_of_its_own(serve: Serve) -> None:
    code = """
import asyncio
import contextvars

variable = contextvars.ContextVar("variable", default="unset")

async def in_task():
    return variable.get()

async def value(request):
    before = variable.get()
    variable.set(request.query_string)
    await asyncio.sleep(0.01)
    return [before, variable.get(), await asyncio.create_task(in_task())]

async def now(request):
    return variable.get()
"""
    server = serve(code)
    clients = [server.connect() for _ in range(20)]
    for number, client in enumerate(clients):
        client.send(get(f"/value?{number}") + get("/now"))
    for number, client in enumerate(clients):
        assert client.response().body == b'["unset","%d","%d"]' % (number, number)
        assert client.response().body == b"unset"


def test_a_task_in_the_background_outlives_its_request_and_ends_with_the_server(
    serve: Serve,
) -> None:
    code = """
import asyncio
import atexit
from pathlib import Path

tasks = set()
events = []

async def background():
    try:
        events.append("began")
        await asyncio.Event().wait()
    finally:
        events.append("cancelled")

async def begin(request):
    tasks.add(asyncio.create_task(background()))
    return "begun"

class Api:
    async def stop(self):
        events.append("stop")
    async def hello(self, request):
        return "world"

@atexit.register
def write():
    Path("events").write_text(" ".join(events))
"""
    routes = {"/begin": "begin", "/hello": {"class": "Api", "handler": "hello"}}
    server = serve(code, routes)
    assert server.ask(get("/begin")).body == b"begun"
    assert server.ask(get("/hello")).body == b"world"
    assert server.inside("main.events") == ["began"]
    server.stop()
    assert (server.folder / "events").read_text() == "began stop cancelled"


def test_what_a_forgotten_task_raised_is_logged(serve: Serve) -> None:
    code = """
import asyncio

async def raising():
    raise ValueError("nobody awaits this")

async def begin(request):
    asyncio.create_task(raising())
    return "begun"

async def collect(request):
    import gc
    gc.collect()
"""
    server = serve(code)
    assert server.ask(get("/begin")).status == 200
    assert server.ask(get("/collect")).status == 204
    server.expect_log("ERROR asyncio: .*never retrieved.*nobody awaits this")


@pytest.mark.parametrize("hidden", [False, True])
def test_uvloop_runs_the_tasks_if_it_is_installed(serve: Serve, hidden: bool) -> None:
    if not hidden:
        pytest.importorskip("uvloop")
    code = "import asyncio, sys\n" + ("sys.modules['uvloop'] = None\n" * hidden)
    code += """
async def kind(request):
    await asyncio.sleep(0)
    return type(asyncio.get_running_loop()).__module__
"""
    server = serve(code, log_level="debug")
    body = server.ask(get("/kind")).body
    assert body.startswith(b"asyncio" if hidden else b"uvloop")
    server.expect_log("asyncio runs on " + ("its own" if hidden else "uvloop"))
    server.allow_log(" DEBUG ", " INFO ")


# ---- failing ----


def test_an_exception_is_a_500_and_logged_with_its_traceback(serve: Serve) -> None:
    code = """
import asyncio
import pyrs

async def at_once(request):
    raise ValueError("at once")

async def later(request):
    await asyncio.sleep(0)
    raise ValueError("later")

async def exits(request):
    raise SystemExit("exits")

async def lost(request):
    await asyncio.sleep(0)
    raise pyrs.HTTPError(404, "no such thing", {"X-A": "b"})

async def itself(request):
    asyncio.current_task().cancel()
    await asyncio.sleep(1)

async def odd(request):
    return object()

async def hello(request):
    return "world"
"""
    server = serve(code)
    with server.connect() as client:
        for path in ("at_once", "later", "exits", "itself", "odd"):
            response = client.ask(get(f"/{path}"))
            assert (response.status, response.body) == (500, b"Internal Server Error\n")
        response = client.ask(get("/lost"))
        assert (response.status, response.body) == (404, b"no such thing")
        assert response["X-A"] == "b"
        assert client.ask(get("/hello")).body == b"world"
    server.expect_log(
        r'"GET /at_once HTTP/1.1" main.at_once raised:.*ValueError: at once',
        r'"GET /later HTTP/1.1" main.later raised:.*in later.*ValueError: later',
        r"main.exits raised:.*SystemExit: exits",
        r"main.itself raised:.*CancelledError",
        r"main.odd returned what cannot be answered: .*object",
    )


# ---- clients that go ----


def begin(server: RunningServer, path: str = "/waiting") -> Client:
    client = server.connect()
    client.send(get(path))
    wait_until(lambda: "began" in server.inside("main.events"))
    return client


@pytest.mark.parametrize("how", ["close", "abort", "finish"])
def test_a_handler_is_cancelled_when_its_client_leaves(serve: Serve, how: str) -> None:
    server = serve(CODE)
    client = begin(server)
    getattr(client, how)()
    wait_until(lambda: "finally" in server.inside("main.events"))
    assert server.inside("main.events") == ["began", "cancelled", "finally"]
    server.wait_until_quiet()
    assert server.ask(get("/hello")).body == b"world"


def test_what_a_cancelled_handler_returns_or_raises_goes_nowhere(serve: Serve) -> None:
    code = """
import asyncio
events = []

async def stubborn(request):
    events.append("began")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0.01)
        return "too late"
    finally:
        events.append("over")

async def clumsy(request):
    events.append("began")
    try:
        await asyncio.Event().wait()
    finally:
        events.append("over")
        raise ValueError("while it was cancelled")
"""
    server = serve(code)
    for path in ("/stubborn", "/clumsy"):
        begin(server, path).close()
        wait_until(lambda: "over" in server.inside("main.events"))
        server.wait_until_quiet()
        server.inside("main.events.clear()")
    server.expect_log("main.clumsy raised:.*while it was cancelled")


def test_a_handler_that_takes_too_long_is_cancelled_and_answered_for(
    serve: Serve,
) -> None:
    server = serve(CODE, timeouts={"handler": 1})
    with begin(server) as client:
        assert client.response().status == 504
    wait_until(lambda: "finally" in server.inside("main.events"))


# ---- the bound ----

BOUNDED = """
import asyncio
began = []
running = most = 0
go = asyncio.Event()
loop = None

def let_go():
    loop.call_soon_threadsafe(go.set)

async def turn(request):
    global running, most, loop
    loop = asyncio.get_running_loop()
    began.append(int(request.query_string))
    running += 1
    most = max(most, running)
    await go.wait()
    await asyncio.sleep(0.001)
    running -= 1
    return request.query_string

async def forever(request):
    began.append("forever")
    await asyncio.Event().wait()
"""


def test_no_more_tasks_run_than_the_limit_and_others_wait_in_order(
    serve: Serve,
) -> None:
    server = serve(BOUNDED, limits={"tasks": 3})
    clients = [server.connect() for _ in range(20)]
    before = server.counter("requests")
    for number, client in enumerate(clients, before + 1):
        client.send(get(f"/turn?{number - before - 1}"))
        wait_until(lambda: server.counter("requests") == number)  # noqa: B023
    wait_until(lambda: server.inside("main.began") == [0, 1, 2])
    server.inside("main.let_go()")
    assert [int(client.response().body) for client in clients] == list(range(20))
    assert server.inside("main.most") == 3
    assert server.inside("main.began") == list(range(20))


def test_a_request_whose_client_leaves_while_it_waits_never_runs(serve: Serve) -> None:
    server = serve(BOUNDED, limits={"tasks": 1})
    first, second, third = (server.connect() for _ in range(3))
    first.send(get("/forever"))
    wait_until(lambda: server.inside("main.began") == ["forever"])
    second.send(get("/turn?2"))
    wait_until(lambda: server.counter("exchanges_open") == 2)
    third.send(get("/turn?3"))
    wait_until(lambda: server.counter("exchanges_open") == 3)
    second.close()
    wait_until(lambda: server.counter("exchanges_open") == 2)
    server.inside("main.go.set()")
    first.close()
    assert third.response().body == b"3"
    assert server.inside("main.began") == ["forever", 3]


# ---- start and stop ----


def test_a_stop_waits_for_handlers_that_wait(serve: Serve) -> None:
    server = serve(BOUNDED)
    client = server.connect()
    client.send(get("/turn?1"))
    wait_until(lambda: server.inside("main.began") == [1])
    server.signal(SIGTERM)
    server.inside("main.let_go()")
    assert client.response().body == b"1"
    assert client.is_closed()
    server.check_end()


def test_a_stop_cancels_handlers_when_its_time_is_up(serve: Serve) -> None:
    server = serve(
        CODE + "import atexit, pathlib\n"
        "atexit.register(lambda: pathlib.Path('events').write_text(str(events)))\n",
        timeouts={"stop": 0.3},
    )
    client = begin(server)
    server.signal(SIGTERM)
    assert client.is_cut()
    server.allow_log("stopping at once", "cut off")
    status = server.wait()
    assert status in (0, 1)
    server.check_end(status)
    events = (server.folder / "events").read_text()
    assert events == "['began', 'cancelled', 'finally']"


def test_a_handler_that_cannot_be_cancelled_does_not_keep_the_server(
    serve: Serve,
) -> None:
    code = """
import asyncio
events = []

async def immortal(request):
    events.append("began")
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
"""
    server = serve(code, timeouts={"stop": 0.2})
    client = begin(server, "/immortal")
    began = time.monotonic()
    server.signal(SIGTERM)
    assert client.is_cut()
    server.allow_log("stopping", "cut off", "left behind")
    status = server.wait()
    assert time.monotonic() - began < 10
    server.check_end(status)


def test_async_start_and_stop_run_on_the_loop_of_the_handlers(serve: Serve) -> None:
    code = """
import asyncio
from pathlib import Path

class Api:
    async def start(self):
        await asyncio.sleep(0)
        self.loop = asyncio.get_running_loop()
        Path("started").touch()

    async def same(self, request):
        return str(asyncio.get_running_loop() is self.loop)

    async def stop(self):
        await asyncio.sleep(0)
        Path("stopped").write_text(str(asyncio.get_running_loop() is self.loop))
"""
    server = serve(code, {"/same": {"class": "Api", "handler": "same"}})
    assert (server.folder / "started").exists()
    assert server.ask(get("/same")).body == b"True"
    server.stop()
    assert (server.folder / "stopped").read_text() == "True"


def test_a_server_without_async_handlers_starts_no_asyncio(serve: Serve) -> None:
    server = serve("def hello(request):\n    return 'world'\n")
    assert server.ask(get("/hello")).body == b"world"
    names = server.inside("[thread.name for thread in threading.enumerate()]")
    assert "pyrs-asyncio" not in names


def test_middleware_and_error_pages_surround_async_handlers(serve: Serve) -> None:
    code = """
import asyncio
import pyrs

class Stamp:
    async def before(self, request):
        await asyncio.sleep(0)
        if request.path == "/early":
            return "early"

    async def after(self, request, response):
        await asyncio.sleep(0)
        response.headers["X-Stamp"] = "yes"

async def hello(request):
    await asyncio.sleep(0)
    return "world"

async def early(request):
    raise AssertionError

async def lost(request):
    raise pyrs.HTTPError(404)

async def page(request, error):
    await asyncio.sleep(0)
    return f"page {error.status}"
"""
    routes = {"/hello": "hello", "/early": "early", "/lost": "lost"}
    settings: dict[str, Any] = {
        "middleware": [{"module": "main", "class": "Stamp"}],
        "errors": {"404": {"module": "main", "handler": "page"}},
    }
    server = serve(code, routes, **settings)
    expected = {"hello": b"world", "early": b"early"}
    expected |= {"lost": b"page 404", "nowhere": b"page 404"}
    for path, body in expected.items():
        response = server.ask(get(f"/{path}"))
        assert (response.body, response["X-Stamp"]) == (body, "yes")


def test_clients_that_come_and_go_all_the_time_harm_nobody(serve: Serve) -> None:
    server = serve(CODE, thread_count=3, limits={"tasks": 10})
    steady = server.connect()
    accepted = server.counter("connections_accepted")
    for number in range(300):
        client = server.connect()
        client.send(get("/waiting" if number % 3 else "/sleep?0.001"))
        if number % 2:
            client.abort()
        else:
            with suppress(OSError):
                client.finish()
            client.close()
        if number % 10 == 0:
            steady.send(get("/name?steady"))
    assert [one.body for one in steady.responses(30)] == [b"steady"] * 30
    steady.close()
    wait_until(lambda: server.counter("connections_accepted") >= accepted + 300)
    server.wait_until_quiet()
    as_many = "main.events.count('began') == main.events.count('finally')"
    wait_until(lambda: server.inside(as_many))
