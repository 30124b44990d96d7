"""timeouts.handler: a client gets a 504 when its answer has not begun in time; what the
handler says later is dropped and counted."""

from __future__ import annotations

from tests.kit import Serve, get, wait_until

CODE = """
import asyncio
import threading

go = threading.Event()
cancelled = 0

def wait(request):
    go.wait()
    return "too late"

def release(request):
    go.set()
    return "released"

def quick(request):
    return "in time"

async def sleep(request):
    global cancelled
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        cancelled += 1
        raise

def pieces(request):
    yield "begun "
    go.wait()
    yield "and ended"
"""
SHORT = {"handler": 1}  # what is quick is quicker, on a busy machine too


def test_a_handler_that_waits_too_long_is_a_504_and_its_answer_dropped(
    serve: Serve,
) -> None:
    server = serve(CODE, timeouts=SHORT)
    with server.connect() as client:
        client.send(get("/wait") + get("/quick"))
        response = client.response()
        assert (response.status, response.closes) == (504, True)
        assert client.is_closed()
    assert server.counter("late_responses") == 0
    assert server.ask(get("/release")).status == 200
    wait_until(
        lambda: server.counter("late_responses") == 1, "it came, and was dropped"
    )
    assert server.ask(get("/quick")).body == b"in time"
    assert server.counter("timeouts") == 1


def test_a_coroutine_whose_time_is_up_is_cancelled(serve: Serve) -> None:
    server = serve(CODE, timeouts=SHORT)
    assert server.ask(get("/sleep")).status == 504
    wait_until(lambda: server.inside("main.cancelled") == 1, "it was cancelled")


def test_one_that_waits_for_a_thread_has_its_time_too(serve: Serve) -> None:
    routes = {
        "/wait": {"handler": "wait", "run": "thread"},
        "/release": "release",
    }
    server = serve(CODE, routes, timeouts=SHORT, handler_threads=1)
    with server.connect() as first, server.connect() as second:
        first.send(get("/wait"))
        second.send(get("/wait"))
        assert first.response().status == second.response().status == 504
    server.ask(get("/release"))


def test_an_answer_that_has_begun_has_no_time_limit(serve: Serve) -> None:
    server = serve(CODE, timeouts=SHORT)
    with server.connect() as client, server.connect() as other:
        client.send(get("/pieces"))
        assert client.receive().startswith(b"HTTP/1.1 200 OK")
        # Longer than the limit: another one is cut meanwhile.
        assert other.ask(get("/wait")).status == 504
        server.ask(get("/release"))
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            received += client.receive()
        assert b"and ended" in received
