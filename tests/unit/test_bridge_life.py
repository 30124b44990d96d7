"""What the bridge holds, and for how long: references, memory, threads."""

import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pyrs.errors import HTTPError
from pyrs.response import Response

from .bridge_kit import (
    ask,
    ask_often,
    ask_on_threads,
    build,
    endpoint_of,
    leaves_less,
)

CALLS = 10_000


class Point(msgspec.Struct):
    x: int


def _raise(exception: type[BaseException]) -> None:
    raise exception(500)


def _raise_stream() -> None:
    raise HTTPError(400, iter("ab"))


def _large_view(_: Any) -> memoryview:
    return memoryview(bytearray(20_000))


HANDLERS: dict[str, Any] = {
    "str": lambda request: f"{request.path}!",
    "large str": lambda request: "é" * 20_000,
    "bytes": lambda request: b"%d" % len(request),
    "large bytes": lambda request: bytes(20_000),
    "bytearray": lambda request: bytearray(10),
    "large view": _large_view,
    "gaps": lambda request: memoryview(bytes(10))[::2],
    "dict": lambda request: {"path": request.path},
    "list": lambda request: [request.method],
    "struct": lambda request: Point(300),
    "none": lambda request: None,
    "request": lambda request: request,
    "tuple": lambda request: ("x", 201),
    "headers": lambda request: ("x", 201, {"X-A": "b", "Content-Type": "a/b"}),
    "many headers": lambda request: ("x", 201, [("X-A", "b" * 100)] * 20),
    "response": lambda request: Response("x", 201, {"X-A": "b"}, "text/plain"),
    "http error": lambda request: _raise(HTTPError),
    "exception": lambda request: _raise(ValueError),
    "stream": lambda request: iter([request.path, b"x", bytearray(b"y")]),
    "large stream": lambda request: iter(["é" * 20_000, bytes(20_000)]),
    "generator": lambda request: (request.read(1) for _ in range(3)),
    "empty stream": lambda request: iter(()),
    "stream that fails": lambda request: map(len, ["a"]),
    "body stream": lambda request: request.stream(3),
    "http error with a stream": lambda request: _raise_stream(),
    "set": lambda request: {1},
    "bad header": lambda request: ("x", 200, {"X": "a\n"}),
    "bad status": lambda request: ("x" * 20_000, 1000, {"X": "a"}),
    "bad json": lambda request: [object()],
    "parts": lambda request: str(
        [
            request.query,
            request.headers,
            request.cookies,
            request.params,
            request.text,
            request.json(),
            request.client,
            request.server,
            request.url,
            request.host,
            repr(request),
        ]
    ),
    "weak": lambda request: str(weakref.ref(request)),
    "kept": lambda request, keep=[None]: keep.__setitem__(0, request),
    "cycle": lambda request: request.params.__setitem__("self", request),
}


@pytest.mark.parametrize("kind", HANDLERS)
def test_ten_thousand_answers_leave_nothing_behind(kind: str) -> None:
    parts: dict[str, Any] = {
        "path": "/größe",
        "query": "a=1",
        "body": b'{"a": 300}',
        "headers": [("Host", "h"), ("Cookie", "a=b"), ("Content-Type", "a/b")],
        "params": [("id", "7000", 1), ("name", "x", 0)],
    }
    handler = HANDLERS[kind]
    ask_often(handler, CALLS // 10, **parts)
    assert leaves_less(lambda: ask_often(handler, CALLS, **parts), CALLS // 100)


def test_an_endpoint_holds_its_callable_until_it_is_freed() -> None:
    class Api:
        def hello(self, request: Any) -> str:
            return "x"

    api = Api()
    reference = weakref.ref(api)
    with endpoint_of(api.hello):
        del api
        gc.collect()
        assert reference() is not None
    gc.collect()
    assert reference() is None


def test_an_endpoint_holds_the_module() -> None:
    module = build().bridge
    before = sys.getrefcount(module)
    with endpoint_of(len):
        during = sys.getrefcount(module)
    after = sys.getrefcount(module)
    assert (during - before, after - before) == (1, 0)


def test_a_large_body_is_held_until_it_is_given_back() -> None:
    class Held(bytearray):
        pass

    references: list[Any] = []

    def handler(request: Any) -> Held:
        held = Held(b"x" * 20_000)
        references.append(weakref.ref(held))
        return held

    assert ask(handler).body == b"x" * 20_000
    assert references[0]() is None


# ---- threads ----


def test_threads_that_c_made_answer_and_end() -> None:
    local = threading.local()
    counts: list[int] = []

    def handler(request: Any) -> str:
        local.count = getattr(local, "count", 0) + 1
        if local.count == 500:
            counts.append(local.count)
        return "x"

    for _ in range(20):
        ask_on_threads(handler, threads=4, count=500)
    assert counts == [500] * 80


def test_threads_that_ended_leave_no_thread_state() -> None:
    def run() -> None:
        for _ in range(200):
            ask_on_threads(lambda request: "x", threads=4, count=10)

    ask_on_threads(lambda request: "x", threads=4, count=10)
    threads = len(sys._current_frames())
    assert leaves_less(run, 200)
    assert len(sys._current_frames()) == threads


def test_what_a_thread_kept_for_itself_goes_with_it() -> None:
    local = threading.local()
    gone: list[int] = []

    class Kept:
        def __del__(self) -> None:
            gone.append(threading.get_ident())

    def handler(request: Any) -> None:
        if not hasattr(local, "kept"):
            local.kept = Kept()

    ask_on_threads(handler, threads=3, count=5)
    gc.collect()
    assert len(set(gone)) == 3


def test_handlers_that_let_others_run_do_not_share_a_request() -> None:
    barrier = threading.Barrier(4, timeout=20)
    seen: list[tuple[int, str]] = []

    def handler(request: Any) -> str:
        barrier.wait()
        seen.append((id(request), request.path))
        barrier.wait()
        return str(request.path)

    ask_on_threads(handler, threads=4, count=50, path="/x")
    for at in range(0, len(seen), 4):
        assert len({address for address, _ in seen[at : at + 4]}) == 4


def test_kept_requests_are_read_from_other_threads() -> None:
    kept: list[Any] = []
    ask_on_threads(
        kept.append, threads=4, count=100, path="/x", body=b"y" * 100, query="a=b"
    )
    wrong: list[Any] = []

    def read() -> None:
        wrong.extend(
            request
            for request in kept
            if (request.path, request.body, request.query["a"])
            != ("/x", b"y" * 100, "b")
        )

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert (len(kept), wrong) == (400, [])


def test_a_request_is_read_by_another_thread_while_its_handler_waits() -> None:
    def handler(request: Any) -> str:
        read: list[str] = []
        thread = threading.Thread(
            target=lambda: read.append(request.path + request.text)
        )
        thread.start()
        thread.join()
        del thread
        return read[0]

    assert ask(handler, path="/x", body=b"y").body == b"/xy"


def test_a_thread_of_python_uses_its_own_state() -> None:
    names: list[str] = []

    def handler(request: Any) -> None:
        names.append(threading.current_thread().name)

    thread = threading.Thread(target=lambda: ask(handler), name="of Python")
    thread.start()
    thread.join()
    ask(handler)
    assert names == ["of Python", threading.current_thread().name]


# ---- the interpreter ----

PROGRAM = """
import sys, threading
sys.path.insert(0, {root!r})
from tests.unit.bridge_kit import Made, Memory, build
built = build()
endpoint = built.ffi.cast(
    "struct pyrs_endpoint *", built.bridge.endpoint({handler}, "handler"))
memory = Memory(built, Made())
{body}
"""


def run_program(body: str, handler: str = "lambda request: 'x'") -> None:
    root = str(Path(__file__).parents[2])
    program = PROGRAM.format(root=root, body=body, handler=handler)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_endpoint_may_be_left_to_the_end_of_the_process() -> None:
    run_program("built.lib.ask_often(endpoint, memory.request, 10)")


def test_an_endpoint_may_be_freed_while_python_exits() -> None:
    run_program("import atexit; atexit.register(built.lib.endpoint_free, endpoint)")
    run_program(
        """
class Last:
    def __init__(self):
        self.free, self.endpoint = built.lib.endpoint_free, endpoint
    def __del__(self):
        self.free(self.endpoint)
sys.modules["last"] = Last()
"""
    )


def test_a_loop_that_was_not_stopped_does_not_crash_the_exit() -> None:
    run_program(
        """
thread = threading.Thread(target=built.lib.ask_on_threads,
                          args=(endpoint, memory.request, 2, 2**31), daemon=True)
thread.start()
import time
time.sleep(0.2)
"""
    )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="no interpreters before 3.12")
def test_another_interpreter_has_a_bridge_of_its_own() -> None:
    module = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    library = str(build().library)
    name = Path(library).name.split(".")[0]
    run_program(
        f"""
import {module} as interpreters
code = '''
import importlib.util
spec = importlib.util.spec_from_file_location({name + "._bridge"!r}, {library!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
assert module.Request.__name__ == "Request"
module.check_field("X", "y")
'''
own = interpreters.create("legacy") if sys.version_info >= (3, 13) \\
    else interpreters.create(isolated=False)
failed = interpreters.run_string(own, code)
assert failed is None, failed
interpreters.destroy(own)
"""
    )
