"""One slow page among the fast ones of a Flask application, which is one route here."""

from __future__ import annotations

from tests.kit import Serve, get, wait_until

CODE = """
import threading

from flask import Flask
from pyrs import Response

app = Flask(__name__)
go = threading.Event()

@app.get("/report/<int:number>")
def report(number):
    go.wait()
    return f"report {number}"

@app.get("/quick/<name>")
def quick(name):
    return f"{name} {threading.get_ident()}"

def pages(request):
    with app.test_request_context(request.path, method=request.method):
        answer = app.full_dispatch_request()
    return Response(
        answer.get_data(), answer.status_code, content_type=answer.content_type
    )

def release(request):
    go.set()
    return "released"

def thread(request):
    return str(threading.get_ident())
"""


def test_one_slow_view_of_an_application_leaves_the_others_on_the_loop(
    serve: Serve,
) -> None:
    routes = {"/*": "pages", "/release": "release", "/thread": "thread"}
    # Longer than the system keeps a thread waiting: else quick views would be marked.
    server = serve(CODE, routes, handoff_after=0.25)

    def is_quick_on_the_loop() -> bool:
        pages = {server.ask(get("/quick/a")).body for _ in range(5)}
        return pages == {b"a " + server.ask(get("/thread")).body}

    wait_until(is_quick_on_the_loop, "what was slow at first has come back")
    wait_until(lambda: server.counter("marks") == 0, "nothing is marked")
    with server.connect() as first, server.connect() as second:
        first.send(get("/report/1"))
        wait_until(lambda: server.counter("marks") == 1, "the slow view is marked")
        second.send(get("/report/2"))
        wait_until(lambda: server.counter("threads_busy") == 2, "both are away")
        wait_until(is_quick_on_the_loop, "the quick view is still on the loop")
        server.ask(get("/release"))
        assert first.response().body == b"report 1"
        assert second.response().body == b"report 2"
