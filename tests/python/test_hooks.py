"""Middleware and error pages around a handler, plain and async."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyrs import HTTPError, Response
from pyrs._files import File
from pyrs.hooks import NO_FILE, Handler, HookFault, Hooks

REQUEST: Any = object()
INTERNAL = ("Internal Server Error\n", 500, "text/plain; charset=utf-8")


class Log:
    """What was logged: "NAME WHAT: TYPE"."""

    def __init__(self) -> None:
        self.records: list[str] = []

    def __call__(
        self, request: Any, name: str, what: str, error: BaseException
    ) -> None:
        assert request is REQUEST
        assert error.__traceback__ or what == NO_FILE
        self.records.append(f"{name} {what}: {type(error).__name__}")


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def hooks(log: Log) -> Hooks:
    return Hooks(log)


def hello(request: Any) -> object:
    return "world"


async def hello_later(request: Any) -> object:
    await asyncio.sleep(0)
    return "world"


def divide(request: Any) -> object:
    return 1 / 0


def raising(status: int, *arguments: Any) -> Handler:
    def handler(request: Any) -> object:
        raise HTTPError(status, *arguments)

    return handler


def answer(hooks: Hooks, handler: Handler) -> Any:
    """What the bridge would get."""
    wrapped = hooks.wrap(handler, "main.handler")
    value: Any = wrapped(REQUEST)
    return asyncio.run(value) if asyncio.iscoroutine(value) else value


def parts(response: Response) -> tuple[Any, int, str | None]:
    return response.body, response.status, response.content_type


class Recorder:
    """Middleware that writes down what happens."""

    def __init__(self, name: str, events: list[str], gives: object = None) -> None:
        self.name, self.events, self.gives = name, events, gives

    def before(self, request: Any) -> object:
        assert request is REQUEST
        self.events.append(f"before {self.name}")
        return self.gives

    def after(self, request: Any, response: Response) -> None:
        assert request is REQUEST
        self.events.append(f"after {self.name}: {response.status} {response.body}")


class LaterRecorder(Recorder):
    async def before(self, request: Any) -> object:
        await asyncio.sleep(0)
        return super().before(request)

    async def after(self, request: Any, response: Response) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().after(request, response)


class After:
    """Middleware of a single function."""

    def __init__(self, function: Callable[[Response], object]) -> None:
        self.function = function

    def after(self, request: Any, response: Response) -> object:
        return self.function(response)


# ---- without hooks ----


@pytest.mark.parametrize("handler", [hello, hello_later])
def test_without_hooks_the_handler_is_the_very_same(
    hooks: Hooks, handler: Handler
) -> None:
    assert hooks.wrap(handler, "main.handler") is handler
    assert hooks.error_endpoint(404) is None


# ---- middleware ----

BOTH = pytest.mark.parametrize(
    ("handler", "kind"),
    [(hello, Recorder), (hello_later, Recorder), (hello_later, LaterRecorder)],
)


@BOTH
def test_middleware_runs_around_the_handler_the_first_one_outermost(
    hooks: Hooks, handler: Handler, kind: type[Recorder]
) -> None:
    events: list[str] = []
    hooks.add_middleware(kind("outer", events))
    hooks.add_middleware(kind("inner", events))
    assert answer(hooks, handler).body == "world"
    assert events == [
        "before outer",
        "before inner",
        "after inner: 200 world",
        "after outer: 200 world",
    ]


@BOTH
def test_what_before_returns_answers_instead(
    hooks: Hooks, handler: Handler, kind: type[Recorder]
) -> None:
    events: list[str] = []
    hooks.add_middleware(kind("outer", events))
    hooks.add_middleware(kind("guard", events, ("no", 403)))
    hooks.add_middleware(kind("inner", events))
    assert parts(answer(hooks, handler)) == ("no", 403, None)
    assert events == [
        "before outer",
        "before guard",
        "after guard: 403 no",
        "after outer: 403 no",
    ]


def test_before_may_answer_with_something_empty(hooks: Hooks) -> None:
    hooks.add_middleware(Recorder("a", [], ""))
    assert answer(hooks, hello).body == ""


def test_a_before_that_raises_has_no_after(hooks: Hooks, log: Log) -> None:
    class Broken(Recorder):
        def before(self, request: Any) -> object:
            return 1 / 0

    events: list[str] = []
    hooks.add_middleware(Recorder("outer", events))
    hooks.add_middleware(Broken("broken", events))
    assert parts(answer(hooks, hello)) == INTERNAL
    assert events == ["before outer", "after outer: 500 Internal Server Error\n"]
    (record,) = log.records
    assert record.endswith("Broken.before raised: ZeroDivisionError")


def test_an_http_error_of_before_is_an_answer(hooks: Hooks, log: Log) -> None:
    class Guard:
        def before(self, request: Any) -> object:
            raise HTTPError(401, "who are you?", {"WWW-Authenticate": "Basic"})

    hooks.add_middleware(Guard())
    response = answer(hooks, hello)
    assert parts(response) == ("who are you?", 401, "text/plain; charset=utf-8")
    assert response.headers["WWW-Authenticate"] == "Basic"
    assert log.records == []


@pytest.mark.parametrize(
    ("value", "body", "status"),
    [
        ("text", "text", 200),
        (b"bytes", b"bytes", 200),
        ({"a": 1}, {"a": 1}, 200),
        (None, None, 204),
        (("a", 201), "a", 201),
        ((None, 200), None, 200),
        (("a", 202, {"X-A": "b"}), "a", 202),
        (Response("a", 203), "a", 203),
        (REQUEST, REQUEST, 200),
    ],
)
def test_after_gets_a_response_whatever_was_returned(
    hooks: Hooks, value: object, body: object, status: int
) -> None:
    seen: list[Response] = []
    hooks.add_middleware(After(seen.append))
    response = answer(hooks, lambda request: value)
    assert seen == [response]
    assert parts(response) == (body, status, None)


def test_a_tuple_s_headers_are_the_response_s(hooks: Hooks) -> None:
    hooks.add_middleware(After(lambda response: None))
    response = answer(hooks, lambda request: ("a", 200, {"X-A": "b"}))
    assert response.headers["X-A"] == "b"


def test_a_generator_stays_the_body(hooks: Hooks) -> None:
    hooks.add_middleware(After(lambda response: None))
    response = answer(hooks, lambda request: (piece for piece in "ab"))
    assert list(response.body) == ["a", "b"]


def test_an_async_generator_function_is_an_async_handler(hooks: Hooks) -> None:
    async def pieces(request: Any) -> AsyncIterator[str]:
        yield "a"

    hooks.add_middleware(LaterRecorder("a", []))
    assert isinstance(answer(hooks, pieces).body, AsyncIterator)


def test_after_may_change_the_response_or_return_another(hooks: Hooks) -> None:
    def change(response: Response) -> None:
        response.headers["X-A"] = "b"

    hooks.add_middleware(After(change))
    hooks.add_middleware(After(lambda response: (f"<{response.body}>", 201)))
    response = answer(hooks, hello)
    assert (response.body, response.status) == ("<world>", 201)
    assert response.headers["X-A"] == "b"


def test_an_after_that_raises_is_an_error_that_others_see(
    hooks: Hooks, log: Log
) -> None:
    events: list[str] = []
    hooks.add_middleware(Recorder("outer", events))
    hooks.add_middleware(After(divide))
    assert parts(answer(hooks, hello)) == INTERNAL
    assert events[-1] == "after outer: 500 Internal Server Error\n"
    (record,) = log.records
    assert record.endswith("After.after raised: ZeroDivisionError")


@pytest.mark.parametrize("value", [("a", 99), ("a",), ("a", 200, {"X-A": "b\n"})])
def test_what_cannot_be_answered_is_a_500(
    hooks: Hooks, log: Log, value: object
) -> None:
    hooks.add_middleware(After(lambda response: None))
    assert parts(answer(hooks, lambda request: value)) == INTERNAL
    (record,) = log.records
    assert record.startswith("main.handler returned what cannot be answered: ")


def test_middleware_has_before_or_after(hooks: Hooks) -> None:
    class Wrong:
        before = 5

    with pytest.raises(TypeError, match="neither before"):
        hooks.add_middleware(object())
    with pytest.raises(TypeError, match=r"Wrong\.before cannot be called"):
        hooks.add_middleware(Wrong())


# ---- errors ----


def page(request: Any, error: HTTPError) -> object:
    assert request is REQUEST
    return f"<h1>{error.status}: {error.body}</h1>"


async def page_later(request: Any, error: HTTPError) -> object:
    await asyncio.sleep(0)
    return page(request, error)


def test_an_error_handler_makes_the_page_and_keeps_status_and_headers(
    hooks: Hooks,
) -> None:
    hooks.add_error_handler(404, page)
    headers = {"X-A": "b", "Content-Type": "application/problem+json"}
    response = answer(hooks, raising(404, "no user", headers))
    assert parts(response) == ("<h1>404: no user</h1>", 404, None)
    assert dict(response.headers) == {"X-A": "b"}


@pytest.mark.parametrize("handler", [page, page_later])
def test_around_an_async_handler_pages_may_be_async(hooks: Hooks, handler: Any) -> None:
    async def fail(request: Any) -> object:
        raise HTTPError(404)

    hooks.add_error_handler(404, handler)
    assert answer(hooks, fail).body == "<h1>404: Not Found</h1>"


@pytest.mark.parametrize(
    "made", [("gone", 410), Response("gone", 410), Response("gone", status=410)]
)
def test_an_error_handler_may_choose_another_status(hooks: Hooks, made: object) -> None:
    hooks.add_error_handler(404, lambda request, error: made)
    response = answer(hooks, raising(404, "", {"X-A": "b"}))
    assert (response.body, response.status) == ("gone", 410)
    assert "X-A" not in response.headers


def test_an_error_handler_may_return_nothing(hooks: Hooks) -> None:
    hooks.add_error_handler(404, lambda request, error: None)
    assert parts(answer(hooks, raising(404))) == (None, 404, None)


def test_other_statuses_are_told_as_they_are(hooks: Hooks) -> None:
    hooks.add_error_handler(404, page)
    response = answer(hooks, raising(403, {"a": 1}, {"X-A": "b"}))
    assert parts(response) == ({"a": 1}, 403, None)
    assert parts(answer(hooks, raising(403))) == (
        "Forbidden",
        403,
        "text/plain; charset=utf-8",
    )
    problem = {"Content-Type": "text/markdown"}
    response = answer(hooks, raising(403, "# no", problem))
    assert parts(response) == ("# no", 403, None)
    assert response.headers["Content-Type"] == "text/markdown"


def test_a_response_with_such_a_status_is_no_error(hooks: Hooks) -> None:
    hooks.add_error_handler(404, page)
    assert answer(hooks, lambda request: ("mine", 404)) == ("mine", 404)


def test_an_exception_is_logged_and_is_a_500(hooks: Hooks, log: Log) -> None:
    causes: list[BaseException | None] = []

    def broken(request: Any, error: HTTPError) -> object:
        causes.append(error.__cause__)
        return "sorry"

    hooks.add_error_handler(500, broken)
    assert parts(answer(hooks, divide)) == ("sorry", 500, None)
    assert isinstance(causes[0], ZeroDivisionError)
    assert log.records == ["main.handler raised: ZeroDivisionError"]


def test_an_exception_without_a_page_is_a_plain_500(hooks: Hooks, log: Log) -> None:
    hooks.add_error_handler(404, page)
    assert parts(answer(hooks, divide)) == INTERNAL
    assert log.records == ["main.handler raised: ZeroDivisionError"]


@pytest.mark.parametrize("error", [ZeroDivisionError(), HTTPError(403)])
def test_an_error_handler_that_raises_is_a_plain_500(
    hooks: Hooks, log: Log, error: Exception
) -> None:
    def broken(request: Any, _: HTTPError) -> object:
        raise error

    hooks.add_error_handler(404, broken)
    hooks.add_error_handler(403, page)
    assert parts(answer(hooks, raising(404))) == INTERNAL
    kind = type(error).__name__
    assert log.records == [f"the handler of status 404 raised: {kind}"]


def test_after_sees_the_page_of_an_error(hooks: Hooks) -> None:
    events: list[str] = []
    hooks.add_middleware(Recorder("a", events))
    hooks.add_error_handler(404, page)
    answer(hooks, raising(404))
    assert events == ["before a", "after a: 404 <h1>404: Not Found</h1>"]


@pytest.mark.parametrize("status", [200, 399, 600, "404", 404.0])
def test_an_error_handler_is_for_an_error(hooks: Hooks, status: Any) -> None:
    with pytest.raises(ValueError, match="expected 400 to 599"):
        hooks.add_error_handler(status, page)


def test_a_status_has_one_error_handler(hooks: Hooks) -> None:
    hooks.add_error_handler(404, page)
    with pytest.raises(ValueError, match="404 has a handler already"):
        hooks.add_error_handler(404, page)
    with pytest.raises(TypeError, match="cannot be called"):
        hooks.add_error_handler(405, "page")  # type: ignore[arg-type]


def test_what_ends_a_thread_is_not_answered(hooks: Hooks) -> None:
    def leave(request: Any) -> object:
        raise SystemExit

    hooks.add_middleware(Recorder("a", []))
    with pytest.raises(SystemExit):
        answer(hooks, leave)


def test_cancelling_an_async_handler_is_not_answered(hooks: Hooks, log: Log) -> None:
    async def main() -> None:
        async def wait(request: Any) -> object:
            await asyncio.Event().wait()
            return "never"

        hooks.add_error_handler(500, page)
        running: Any = hooks.wrap(wait, "main.wait")(REQUEST)
        task = asyncio.ensure_future(running)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert log.records == []


# ---- bodies that are made later ----


def test_what_is_raised_before_the_first_item_is_an_error(
    hooks: Hooks, log: Log
) -> None:
    def items(request: Any) -> Iterator[str]:
        raise HTTPError(404, "no such items")
        yield

    async def items_later(request: Any) -> AsyncIterator[str]:
        await asyncio.sleep(0)
        raise HTTPError(404, "no such items")
        yield

    def in_a_tuple(request: Any) -> object:
        return items(request), 200

    def in_a_response(request: Any) -> object:
        return Response.stream(items(request))

    def divided(request: Any) -> Iterator[object]:
        yield divide(request)

    events: list[str] = []
    hooks.add_middleware(Recorder("a", events))
    hooks.add_error_handler(404, page)
    for handler in (items, items_later, in_a_tuple, in_a_response):
        assert answer(hooks, handler).body == "<h1>404: no such items</h1>"
    assert set(events) == {"before a", "after a: 404 <h1>404: no such items</h1>"}
    assert log.records == []
    assert parts(answer(hooks, divided)) == INTERNAL
    assert log.records == ["main.handler raised: ZeroDivisionError"]


@pytest.mark.parametrize("items", [[], ["one"], ["one", "two", "three"]])
def test_items_are_those_of_the_handler(hooks: Hooks, items: list[str]) -> None:
    closed: list[str] = []

    def plain(request: Any) -> Iterator[str]:
        try:
            yield from items
        finally:
            closed.append("plain")

    async def waiting(request: Any) -> AsyncIterator[str]:
        try:
            for item in items:
                await asyncio.sleep(0)
                yield item
        finally:
            closed.append("waiting")

    async def ask_waiting() -> None:
        body: Any = await hooks.wrap(waiting, "main.waiting")(REQUEST)  # type: ignore[misc]
        assert [item async for item in body] == items
        body = await hooks.wrap(waiting, "main.waiting")(REQUEST)  # type: ignore[misc]
        await body.aclose()

    hooks.add_error_handler(404, page)
    assert list(answer(hooks, plain)) == items
    answer(hooks, plain).close()
    asyncio.run(ask_waiting())
    assert closed == ["plain", "plain", "waiting", "waiting"]


def test_an_iterator_that_fails_at_once_is_closed(hooks: Hooks) -> None:
    class Items:
        closed = 0

        def __iter__(self) -> "Items":
            return self

        def __next__(self) -> str:
            raise HTTPError(404)

        def close(self) -> None:
            self.closed += 1

    items = Items()
    hooks.add_error_handler(404, page)
    assert answer(hooks, lambda request: items).status == 404
    assert items.closed == 1


def test_a_file_that_is_missing_has_the_page_of_a_404(
    hooks: Hooks, log: Log, tmp_path: Path
) -> None:
    def sending(name: str) -> Handler:
        return lambda request: Response.file(tmp_path / name)

    (tmp_path / "there").touch()
    hooks.add_error_handler(404, page)
    for name in ("missing", "there/below", "x" * 256):
        response = answer(hooks, sending(name))
        assert parts(response) == ("<h1>404: Not Found</h1>", 404, None)
    kinds = ["FileNotFoundError", "NotADirectoryError", "OSError"]
    assert log.records == [f"main.handler {NO_FILE}: {kind}" for kind in kinds]
    assert isinstance(answer(hooks, sending("there")).body, File)


# ---- plain and async ----


def test_async_hooks_around_a_plain_handler_are_a_fault(hooks: Hooks) -> None:
    hooks.add_middleware(LaterRecorder("a", []))
    with pytest.raises(
        HookFault, match=r"main.handler is a plain function, but .*LaterRecorder.before"
    ):
        hooks.wrap(hello, "main.handler")


def test_an_async_error_handler_around_a_plain_handler_is_a_fault(
    hooks: Hooks,
) -> None:
    class Page:
        async def __call__(self, request: Any, error: HTTPError) -> object:
            return ""

    hooks.add_error_handler(404, Page())
    with pytest.raises(HookFault, match="the handler of status 404 around it is async"):
        hooks.wrap(hello, "main.handler")


@pytest.mark.parametrize("handler", [page, page_later])
def test_what_the_core_answers_by_itself_has_pages_too(
    hooks: Hooks, handler: Any
) -> None:
    hooks.add_error_handler(404, handler)
    endpoint = hooks.error_endpoint(404)
    assert endpoint
    value: Any = endpoint(REQUEST)
    response = value if isinstance(value, Response) else asyncio.run(value)
    assert parts(response) == ("<h1>404: Not Found</h1>", 404, None)
    assert hooks.error_endpoint(405) is None


def test_files_and_programs_have_pages_without_middleware(hooks: Hooks) -> None:
    events: list[str] = []
    hooks.add_middleware(Recorder("a", events))
    assert hooks.error_pages() == {}
    hooks.add_error_handler(404, page)
    ((status, endpoint),) = hooks.error_pages().items()
    response = endpoint(REQUEST)
    assert isinstance(response, Response)
    assert parts(response) == ("<h1>404: Not Found</h1>", status, None)
    assert events == []


def test_what_the_core_answers_by_itself_goes_through_middleware(
    hooks: Hooks,
) -> None:
    events: list[str] = []
    hooks.add_middleware(Recorder("a", events))
    endpoint = hooks.error_endpoint(405)
    assert endpoint
    response = endpoint(REQUEST)
    assert isinstance(response, Response)
    assert parts(response) == (
        "Method Not Allowed",
        405,
        "text/plain; charset=utf-8",
    )
    assert events == ["before a", "after a: 405 Method Not Allowed"]
