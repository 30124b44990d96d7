"""What WSGI applications leave behind in the bridge: nothing. The behaviour of the
endpoint is tested behind a real server (tests/wsgi)."""

import gc
import io
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from .bridge_kit import ask_application_often, build, leaves_less, wsgi_endpoint_of

CALLS = 3_000
Start = Callable[..., Any]
HEADERS = [("Content-Type", "text/plain"), ("X-A", "b")]


def _start(start_response: Start, *headers: tuple[str, str]) -> Any:
    return start_response("200 OK", [*HEADERS, *headers])


def _generator(environ: Any, start_response: Start) -> Any:
    _start(start_response)
    yield b""
    yield b"a"
    yield b"b" * 20_000


def _again(environ: Any, start_response: Start) -> list[bytes]:
    _start(start_response)
    try:
        raise LookupError("again")
    except LookupError:
        start_response("500 Oops", HEADERS, sys.exc_info())
    return [b"x"]


def _raises(environ: Any, start_response: Start) -> list[bytes]:
    _start(start_response)
    raise LookupError("application")


def _raises_later(environ: Any, start_response: Start) -> Any:
    _start(start_response)
    yield b"x"
    raise LookupError("later")


def _refused(environ: Any, start_response: Start) -> list[bytes]:
    start_response("200 OK", [("X-A", "a\n")])
    return []


def _cycle(environ: Any, start_response: Start) -> list[bytes]:
    environ["self"] = environ
    environ["start_response"] = _start(start_response)
    return [b"x"]


def _kept(environ: Any, start_response: Start, keep: Any = [None]) -> list[bytes]:  # noqa: B006
    keep[0] = (environ, start_response, _start(start_response))
    return [b"x"]


def _writes(environ: Any, start_response: Start) -> list[bytes]:
    write = _start(start_response)
    write(b"a")
    write(b"b" * 20_000)
    return [b"c"]


def _file(environ: Any, start_response: Start) -> Any:
    _start(start_response)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"x" * 10_000))


def _real_file(environ: Any, start_response: Start) -> Any:
    _start(start_response)
    return environ["wsgi.file_wrapper"](Path(__file__).open("rb"))


class _Closed(list[bytes]):
    """A body whose close() does what it should not."""

    def __init__(self, *use: Callable[[], object]) -> None:
        super().__init__([b"x", b"y"])
        self._use = use

    def close(self) -> None:
        for use in self._use:
            use()
        raise LookupError("in close")


def _closes_badly(environ: Any, start_response: Start) -> Any:
    write = _start(start_response)
    return _Closed(lambda: write(b"late"))


def _writes_what_is_none(environ: Any, start_response: Start) -> list[bytes]:
    write = _start(start_response)
    with suppress(TypeError):
        write("text")
    return []


def _reads(environ: Any, start_response: Start) -> list[bytes]:
    stream = environ["wsgi.input"]
    _start(start_response)
    return [stream.readline(3), stream.readline(), *stream.readlines(), stream.read()]


APPLICATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "list": lambda environ, start: _start(start) and [b"x" * len(environ)],
    "large list": lambda environ, start: _start(start) and [bytes(20_000)] * 2,
    "empty list": lambda environ, start: _start(start) and [],
    "with a length": lambda _, start: _start(start, ("Content-Length", "3")) and [b"x"],
    "cut": lambda _, start: _start(start, ("Content-Length", "3")) and [b"four"],
    "generator": _generator,
    "write": _writes,
    "file wrapper": _file,
    "input": _reads,
    "again": _again,
    "raises": _raises,
    "raises later": _raises_later,
    "refused header": _refused,
    "no start": lambda environ, start_response: [b"x"],
    "no body": lambda environ, start: _start(start) and None,
    "text": lambda environ, start: _start(start) and ["text"],
    "cycle": _cycle,
    "kept": _kept,
    "real file": _real_file,
    "closes badly": _closes_badly,
    "writes what is none": _writes_what_is_none,
}
COMES = {"body_streams": True, "body_piece": 5}
HOW: dict[str, dict[str, Any]] = {
    "to HEAD": {"method": "HEAD"},
    "to nobody": {"gone_after": 0},
    "to one who goes": {"gone_after": 1},
    "of a body that comes": COMES,
    "of a body that is cut": {**COMES, "body_is_cut": True},
}
CASES = [(kind, "") for kind in APPLICATIONS]
CASES += [(kind, "to HEAD") for kind in ("generator", "write", "file wrapper")]
CASES += [(kind, "to nobody") for kind in ("list", "generator")]
CASES += [(kind, "to one who goes") for kind in ("generator", "write", "file wrapper")]
CASES += [("input", "of a body that comes"), ("input", "of a body that is cut")]


@pytest.mark.parametrize(("kind", "how"), CASES)
def test_thousands_of_answers_leave_nothing_behind(kind: str, how: str) -> None:
    parts: dict[str, Any] = {
        "path": "/größe",
        "query": "a=1",
        "body": b"first line\nsecond\nthird",
        "headers": [("Host", "h"), ("X-Same", "1"), ("X-Same", "2"), ("X_A", "b")],
        "room": 20_000,
        **HOW.get(how, {}),
    }
    application = APPLICATIONS[kind]
    ask_application_often(application, CALLS // 10, **parts)
    assert leaves_less(
        lambda: ask_application_often(application, CALLS, **parts), CALLS // 100
    )


def test_an_endpoint_holds_its_application_until_it_is_freed() -> None:
    class Application:
        def __call__(self, environ: Any, start_response: Start) -> list[bytes]:
            return []

    application = Application()
    reference = weakref.ref(application)
    with wsgi_endpoint_of(application):
        del application
        gc.collect()
        assert reference() is not None
    gc.collect()
    assert reference() is None


def test_an_endpoint_holds_the_module() -> None:
    module = build().bridge
    before = sys.getrefcount(module)
    with wsgi_endpoint_of(lambda environ, start_response: []):
        during = sys.getrefcount(module)
    after = sys.getrefcount(module)
    assert (during - before, after - before) == (1, 0)


def test_a_file_wrapper_holds_its_file_and_lets_go() -> None:
    wrapper = build().bridge.FileWrapper
    for _ in range(3):
        file = io.BytesIO(b"data")
        reference = weakref.ref(file)
        wrapped = wrapper(file, 10)
        del file
        assert reference() is not None
        wrapped.close()
        del wrapped
        assert reference() is None
