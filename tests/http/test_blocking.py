"""Handlers that block stall nobody: their loop is handed on, and pyrs learns.

What blocks waits for an event that only another request, served meanwhile, can set;
where times matter they are long, and only a machine that stands still can change the
outcome.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.kit import RunningServer, Serve, get, post, wait_until

CODE = """
import contextvars
import os
import threading
import time

inside = threading.Semaphore(0)
go = threading.Event()
everybody = threading.Barrier(50)
local = threading.local()
variable = contextvars.ContextVar("variable", default="clean")

def wait(request):
    inside.release()
    go.wait()
    return "waited " + request.query_string

def enter(request):
    everybody.wait()
    return "all were inside"

def spin(request):
    inside.release()
    while not go.is_set():
        pass
    return "spun"

def occupy(request):
    threading.Thread(target=spin, args=(request,)).start()
    return "occupied"

def come_back(request):
    time.sleep(0)  # lets go of the interpreter, and waits for it
    return "back"

def burn(request):
    end = time.thread_time() + 0.02
    while time.thread_time() < end:
        pass
    return "burnt"

def slow_beside(request):
    if str(threading.get_ident()) != request.query["loop"]:
        time.sleep(float(request.query["for"]))
    return "done"

def release(request):
    go.set()
    return "released"

def block_again(request):
    go.clear()
    return "cleared"

def fast(request):
    return str(threading.get_ident())

def fail(request):
    inside.release()
    go.wait()
    raise ValueError("after the wait")

def remember(request):
    assert not hasattr(local, "name")
    assert variable.get() == "clean"
    local.name = request.query_string
    variable.set(request.query_string)
    inside.release()
    go.wait()
    try:
        return f"{local.name} {variable.get()}"
    finally:
        del local.name

def context(request):
    return variable.get()

def starve(request):
    # Computes for 15 ms, as if the machine had hardly any time for it.
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {int(request.query["processor"])})
    open("begun", "w").close()
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    begun, end = time.monotonic(), time.thread_time() + 0.015
    while time.thread_time() < end:
        pass
    os.sched_setaffinity(0, before)
    return str(time.monotonic() - begun)

def pages(request):
    if request.path.startswith("/pages/slow"):
        inside.release()
        go.wait()
    return str(threading.get_ident())
"""


# For claims about how often a loop is handed on: long enough that a thread which the
# system keeps waiting is not taken for a handler that blocks.
CALM = {"handoff_after": 0.25}


def _wait_for_hand_over(server: RunningServer, count: int = 1) -> None:
    wait_until(lambda: server.counter("hand_overs") >= count, "a hand-over")


def _wait_until_away(server: RunningServer, count: int) -> None:
    """So many handlers run beside the loop."""
    wait_until(lambda: server.counter("threads_busy") == count, f"{count} away")


@contextmanager
def busy_processor() -> Iterator[int]:
    """The number of one that another process keeps busy."""
    processor = min(os.sched_getaffinity(0))
    code = f"import os; os.sched_setaffinity(0, [{processor}]); print(flush=True)"
    command = [sys.executable, "-c", f"{code}\nwhile True: pass"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline()
            yield processor
        finally:
            process.kill()


def test_others_are_served_while_a_handler_waits(serve: Serve) -> None:
    server = serve(CODE, **CALM)
    with server.connect() as blocked:
        blocked.send(get("/wait?for=others"))
        assert server.ask(get("/fast")).status == 200
        assert server.ask(get("/release")).body == b"released"
        assert blocked.response().body == b"waited for=others"
    assert server.counter("hand_overs") == 1
    assert server.counter("marks") == 1


def test_a_handler_that_has_no_processor_is_not_taken_for_one_that_blocks(
    serve: Serve,
) -> None:
    server = serve(CODE, handoff_after=0.04)
    with server.connect() as client:
        with busy_processor() as processor:
            client.send(get(f"/starve?processor={processor}"))
            wait_until((server.folder / "begun").exists)
            time.sleep(0.2)  # the watch looks several times
        assert float(client.response().body) > 0.08
    assert server.counter("hand_overs") == server.counter("marks") == 0


def test_others_are_served_while_a_handler_computes(serve: Serve) -> None:
    server = serve(CODE)
    with server.connect() as blocked:
        blocked.send(get("/spin"))
        assert server.ask(get("/fast")).status == 200
        assert server.ask(get("/release")).body == b"released"
        assert blocked.response().body == b"spun"
    assert server.counter("marks") == 0


def test_a_route_that_computes_again_and_again_is_marked(serve: Serve) -> None:
    server = serve(CODE)
    with server.connect() as client:
        wait_until(
            lambda: (
                client.ask(get("/burn")).status == 200 and server.counter("marks") == 1
            ),
            "a mark",
        )


def test_a_handler_that_waits_for_the_interpreter_is_not_taken_for_one_that_blocks(
    serve: Serve,
) -> None:
    """Not from the first moment: where it is waited for has to be found out."""

    def marks() -> int:
        server = serve(CODE)
        server.ask(get("/occupy"))
        try:
            for _ in range(20):
                assert server.ask(get("/come_back")).body == b"back"
            return int(server.counter("marks"))
        finally:
            server.ask(get("/release"))

    assert any(marks() == 0 for _ in range(3))


def test_fifty_handlers_block_at_once(serve: Serve) -> None:
    server = serve(CODE)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(50)]
        for client in clients:
            client.send(get("/enter"))
        for client in clients:
            assert client.response().body == b"all were inside"


def test_a_route_that_blocks_loses_its_loop_once(serve: Serve) -> None:
    server = serve(CODE, **CALM)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(20)]
        clients[0].send(get("/wait"))
        _wait_for_hand_over(server)
        for client in clients[1:]:
            client.send(get("/wait"))
        _wait_until_away(server, 20)
        assert server.counter("hand_overs") == 1
        server.ask(get("/release"))
        for client in clients:
            assert client.response().status == 200


def test_a_route_that_is_quick_on_its_loop_only_comes_back_as_well(
    serve: Serve,
) -> None:
    server = serve(CODE)
    with server.connect() as client:
        wait_until(
            lambda: (
                client.ask(get("/slow_beside?loop=none&for=0.1")).status == 200
                and server.counter("marks") == 1
            ),
            "a mark",
        )

        def is_tried() -> bool:
            loop = client.ask(get("/fast")).body.decode()
            client.ask(get(f"/slow_beside?loop={loop}&for=0.003"))
            return bool(server.counter("marks") == 0)

        wait_until(is_tried, "one request is tried on the loop")


def test_a_route_that_is_quick_again_comes_back_to_its_loop(serve: Serve) -> None:
    server = serve(CODE)
    with server.connect() as client:
        client.send(get("/wait"))
        _wait_for_hand_over(server)
        server.ask(get("/release"))
        assert client.response().status == 200
        assert server.counter("marks") == 1
        wait_until(
            lambda: (
                client.ask(get("/wait")).status == 200 and server.counter("marks") == 0
            ),
            "the mark is taken back",
        )


def test_pipelined_requests_behind_a_blocked_one_are_answered_in_order(
    serve: Serve,
) -> None:
    server = serve(CODE)
    with server.connect() as client:
        client.send(
            get("/wait?1") + get("/context") + post("/wait?2", b"body") + get("/none")
        )
        _wait_for_hand_over(server)
        client.send(get("/wait?3"))
        server.ask(get("/release"))
        assert client.response().body == b"waited 1"
        assert client.response().body == b"clean"
        assert client.response().body == b"waited 2"
        assert client.response().status == 404
        assert client.response().body == b"waited 3"


def test_a_client_that_leaves_while_its_handler_waits_is_forgotten(
    serve: Serve,
) -> None:
    server = serve(CODE)
    with server.connect() as client:
        client.send(get("/wait") + get("/fast"))
        _wait_for_hand_over(server)
    with server.connect() as other:
        other.send(get("/wait?other"))
        _wait_until_away(server, 2)
        server.ask(get("/release"))
        assert other.response().body == b"waited other"
    server.wait_until_quiet()


def test_an_exception_after_the_hand_over_is_a_500_and_logged(serve: Serve) -> None:
    server = serve(CODE)
    with server.connect() as client:
        client.send(get("/fail"))
        _wait_for_hand_over(server)
        server.ask(get("/release"))
        assert client.response().status == 500
    server.expect_log('"GET /fail HTTP/1.1" main.fail raised:.*ValueError: after the')


def test_threads_and_contexts_are_the_handlers_own(serve: Serve) -> None:
    server = serve(CODE)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(10)]
        for number, client in enumerate(clients):
            client.send(get(f"/remember?{number}"))
            _wait_until_away(server, number + 1)
        assert server.ask(get("/context")).body == b"clean"
        server.ask(get("/release"))
        for number, client in enumerate(clients):
            assert client.response().body == b"%d %d" % (number, number)
        for client in clients:  # on threads that those have used
            client.send(get("/remember?again"))
        for client in clients:
            assert client.response().body == b"again again"


def test_a_route_may_always_run_beside_the_loop(serve: Serve) -> None:
    routes = {"/fast": "fast", "/beside": {"handler": "fast", "run": "thread"}}
    server = serve(CODE, routes, handoff_after=0)
    on_loop = {server.ask(get("/fast")).body for _ in range(10)}
    beside = {server.ask(get("/beside")).body for _ in range(10)}
    assert len(on_loop) == 1
    assert not on_loop & beside
    assert server.counter("hand_overs") == 0


def test_a_route_that_is_to_run_on_the_loop_is_never_marked_away(serve: Serve) -> None:
    routes = {
        "/wait": {"handler": "wait", "run": "loop"},
        "/release": "release",
        "/fast": "fast",
    }
    server = serve(CODE, routes)
    with server.connect() as first, server.connect() as second:
        first.send(get("/wait"))
        _wait_for_hand_over(server)
        second.send(get("/wait"))
        _wait_for_hand_over(server, 2)
        server.ask(get("/release"))
        assert first.response().status == second.response().status == 200


def test_handlers_past_handler_threads_wait_their_turn(serve: Serve) -> None:
    routes = {
        "/wait": {"handler": "wait", "run": "thread"},
        "/release": "release",
        "/fast": "fast",
    }
    server = serve(CODE, routes, handler_threads=2)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(5)]
        for client in clients:
            client.send(get("/wait"))
        _wait_until_away(server, 2)
        wait_until(lambda: server.counter("thread_waits") == 3, "three wait")
        assert server.ask(get("/fast")).status == 200
        server.ask(get("/release"))
        for client in clients:
            assert client.response().status == 200


def test_without_hand_over_a_handler_that_blocks_keeps_its_loop(serve: Serve) -> None:
    server = serve(CODE, handoff_after=0, thread_count=2)
    with server.connect() as client:
        client.send(get("/wait"))
        wait_until(lambda: server.inside("main.inside._value") == 1, "it is inside")
        server.inside("main.go.set()")
        assert client.response().status == 200
    assert server.counter("hand_overs") == 0


@pytest.mark.parametrize("path", ["/pages/slow", "/pages/slow/17"])
def test_a_slow_page_of_many_under_one_route_leaves_the_others_on_the_loop(
    serve: Serve, path: str
) -> None:
    routes = {"/pages/*": "pages", "/release": "release", "/fast": "fast"}
    server = serve(CODE, routes, **CALM)
    with server.connect() as first, server.connect() as second:
        first.send(get(path))
        _wait_for_hand_over(server)
        second.send(get(path.replace("17", "42")))  # the same page
        _wait_until_away(server, 2)
        assert server.counter("hand_overs") == 1
        loop = server.ask(get("/fast")).body
        for page in ("/pages/quick", "/pages/news/17", "/pages/"):
            assert server.ask(get(page)).body == loop
        server.ask(get("/release"))
        assert {first.response().body, second.response().body} & {loop} == set()


def test_a_stop_waits_for_handlers_that_have_lost_their_loop(serve: Serve) -> None:
    server = serve(CODE)
    with server.connect() as client:
        client.send(get("/wait"))
        _wait_for_hand_over(server)
        server.inside("server.stop()")
        server.inside("main.go.set()")
        assert client.response().body == b"waited "
    server.check_end()


def test_threads_that_are_not_needed_any_more_end(serve: Serve) -> None:
    server = serve(CODE)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(30)]
        for client in clients:
            client.send(get("/wait"))
        _wait_until_away(server, 30)
        assert server.counter("threads") >= 31
        server.ask(get("/release"))
        for client in clients:
            assert client.response().status == 200
    wait_until(lambda: server.counter("threads") <= 3, "one to drive, one to stand by")
