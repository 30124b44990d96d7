"""What a handler returns or raises, and the response it becomes."""

import asyncio
import enum
import http
import os
import re
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from multidict import CIMultiDict

from pyrs.errors import HTTPError
from pyrs.response import Response

from .bridge_kit import Answer, ask, build

HTML = "text/html; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
JSON = "application/json"
INTERNAL = Answer(500, PLAIN, [], b"Internal Server Error\n")


def answer_to(value: Any, **parts: Any) -> Answer:
    answer = ask(lambda request: value, **parts)
    assert answer.log == ""
    return answer


def refusal_of(value: Any) -> str:
    """What the log says of a value that is a 500."""
    answer = ask(lambda request: value)
    assert answer == INTERNAL
    assert answer.level == 40
    assert answer.log.startswith("api.Api.handler returned what cannot be answered: ")
    assert "\n" not in answer.log
    return answer.log


def failure_of(handler: Any) -> str:
    """What the log says of a handler that raises."""
    answer = ask(handler)
    assert answer == INTERNAL
    assert answer.level == 40
    return answer.log


def raising(exception: BaseException) -> Any:
    def handler(request: Any) -> None:
        raise exception

    return handler


# ---- simple values ----


class Text(str):
    pass


class Data(bytes):
    pass


class Color(str, enum.Enum):
    RED = "red"


class Point(msgspec.Struct):
    x: int


@dataclass
class Size:
    width: int


LARGE = 100_000

SIMPLE = [
    ("", HTML, b""),
    ("world", HTML, b"world"),
    ("größe €\0", HTML, "größe €\0".encode()),
    ("x" * LARGE, HTML, b"x" * LARGE),
    ("€" * LARGE, HTML, "€".encode() * LARGE),
    (Text("text"), HTML, b"text"),
    (Color.RED, HTML, b"red"),
    (b"", BYTES, b""),
    (b"\0\xff", BYTES, b"\0\xff"),
    (b"x" * LARGE, BYTES, b"x" * LARGE),
    (Data(b"data"), BYTES, b"data"),
    (bytearray(b"array"), BYTES, b"array"),
    (bytearray(LARGE), BYTES, bytes(LARGE)),
    (memoryview(b"view"), BYTES, b"view"),
    (memoryview(b"x" * LARGE), BYTES, b"x" * LARGE),
    (memoryview(b"a-b-c-")[::2], BYTES, b"abc"),
    (memoryview(b"12345678").cast("I"), BYTES, b"12345678"),
    (memoryview(b""), BYTES, b""),
    ({}, JSON, b"{}"),
    ({"a": [1, None, "é"]}, JSON, '{"a":[1,null,"é"]}'.encode()),
    ([], JSON, b"[]"),
    ([1, "two"], JSON, b'[1,"two"]'),
    (OrderedDict(a=1), JSON, b'{"a":1}'),
    ({"x": "y" * LARGE}, JSON, b'{"x":"' + b"y" * LARGE + b'"}'),
    (0, JSON, b"0"),
    (2**70, JSON, b"1180591620717411303424"),
    (1.5, JSON, b"1.5"),
    (True, JSON, b"true"),
    (http.HTTPStatus.NOT_FOUND, JSON, b"404"),
    (Point(1), JSON, b'{"x":1}'),
    (Size(2), JSON, b'{"width":2}'),
    ({"text": Text("t")}, JSON, b'{"text":"t"}'),
    ({"map": MappingProxyType({"a": 1})}, JSON, b'{"map":{"a":1}}'),
]


@pytest.mark.parametrize(("value", "content_type", "body"), SIMPLE)
def test_a_simple_value_is_a_200(value: Any, content_type: str, body: bytes) -> None:
    assert answer_to(value) == Answer(200, content_type, [], body)


@pytest.mark.parametrize(("value", "content_type", "body"), SIMPLE)
def test_a_simple_value_has_the_status_and_headers_of_its_tuple(
    value: Any, content_type: str, body: bytes
) -> None:
    headers = [("X-A", "1")]
    assert answer_to((value, 201)) == Answer(201, content_type, [], body)
    assert answer_to((value, 404, dict(headers))) == Answer(
        404, content_type, headers, body
    )
    assert answer_to(Response(value, 202, headers)) == Answer(
        202, content_type, headers, body
    )


@pytest.mark.parametrize(
    "value", ["x" * LARGE, b"x" * LARGE, bytearray(LARGE), ["x" * LARGE]]
)
def test_a_large_body_is_lent_and_a_small_one_is_not(value: Any) -> None:
    assert answer_to(value).lent
    assert not answer_to(value[:10] if len(value) > 10 else []).lent


def test_none_is_204() -> None:
    assert answer_to(None) == Answer(204, "", [], b"")


def test_none_in_a_tuple_is_an_empty_body() -> None:
    assert answer_to((None, 404)) == Answer(404, "", [], b"")
    assert answer_to(Response(None)) == Answer(200, "", [], b"")
    assert answer_to(Response()) == Answer(200, "", [], b"")


def test_a_buffer_that_was_lent_is_free_again_afterwards() -> None:
    data = bytearray(LARGE)
    assert answer_to(data).lent
    data.append(1)


def test_a_header_s_name_can_be_a_key_of_json() -> None:
    answer = ask(lambda request: dict(request.headers), headers=[("X-A", "b")])
    assert answer.body == b'{"X-A":"b"}'


# ---- the request ----


def test_the_request_is_answered_with_its_body_and_media_type() -> None:
    headers = [("content-type", "text/x; charset=y")]
    answer = ask(lambda request: request, body=b"hello", headers=headers)
    assert answer == Answer(200, "text/x; charset=y", [], b"hello")


def test_the_request_without_a_media_type_is_bytes() -> None:
    assert ask(lambda request: request) == Answer(200, BYTES, [], b"")
    assert ask(lambda request: request, body=b"x" * LARGE).body == b"x" * LARGE


def test_the_request_may_stand_in_a_tuple_or_a_response() -> None:
    parts: dict[str, Any] = {"body": b"hello", "headers": [("Content-Type", "a/b")]}
    assert ask(lambda request: (request, 201), **parts) == Answer(
        201, "a/b", [], b"hello"
    )
    answer = ask(lambda request: Response(request, content_type="c/d"), **parts)
    assert answer == Answer(200, "c/d", [], b"hello")


def test_a_request_that_was_read_is_answered_with_its_body() -> None:
    def handler(request: Any) -> Any:
        assert request.text == "hello"
        return request

    assert ask(handler, body=b"hello").body == b"hello"


@pytest.mark.parametrize("headers", [[], [("Content-Type", "a/b")]])
def test_a_request_kept_earlier_may_be_returned(headers: list[Any]) -> None:
    kept: list[Any] = []
    ask(kept.append, body=b"earlier" * 10_000, headers=headers)
    expected = Answer(200, "a/b" if headers else BYTES, [], b"earlier" * 10_000)
    assert ask(lambda request: kept[0], body=b"now") == expected
    assert ask(lambda request: kept.pop(), body=b"now") == expected


def test_the_request_returned_and_kept_stays_valid() -> None:
    kept: list[Any] = []

    def handler(request: Any) -> Any:
        kept.append(request)
        return request

    assert ask(handler, body=b"hello").body == b"hello"
    assert kept[0].body == b"hello"


# ---- headers and media type ----


def test_headers_may_be_a_mapping_pairs_or_several_values_to_a_name() -> None:
    pairs = [("X-A", "1"), ("X-A", "2"), ("X-B", "")]
    for headers in (
        pairs,
        tuple(pairs),
        iter(pairs),
        [list(pair) for pair in pairs],
        CIMultiDict(pairs),
    ):
        assert answer_to(("x", 200, headers)).headers == pairs
    for mapping in (
        {"X-A": "1"},
        MappingProxyType({"X-A": "1"}),
        OrderedDict({"X-A": "1"}),
    ):
        assert answer_to(("x", 200, mapping)).headers == [("X-A", "1")]
    assert answer_to(("x", 200, None)).headers == []


def test_header_values_may_be_latin_1() -> None:
    assert answer_to(("x", 200, {"X": "café"})).headers == [("X", "café")]


def test_many_headers_are_sent() -> None:
    headers = [(f"X-{at}", "v" * 100) for at in range(500)]
    assert answer_to(("x", 200, headers)).headers == headers


def test_headers_without_bound_are_refused() -> None:
    endless = ((f"X-{at}", "v") for at in iter(lambda: 0, 1))
    assert "headers of more than" in refusal_of(("x", 200, endless))


def test_a_content_type_header_stands_above_the_body_s() -> None:
    headers = {"content-TYPE": "text/css", "X": "y"}
    assert answer_to(("x", 200, headers)) == Answer(200, "text/css", [("X", "y")], b"x")
    assert answer_to(Response("x", headers=headers)).content_type == "text/css"
    assert answer_to(({}, 200, headers)).content_type == "text/css"


def test_content_type_stands_above_everything() -> None:
    response = Response("x", headers={"Content-Type": "a/b"}, content_type="c/d")
    assert answer_to(response) == Answer(200, "c/d", [], b"x")


def test_an_empty_content_type_sends_none() -> None:
    assert answer_to(Response("x", content_type="")).content_type == ""


def test_two_content_types_are_refused() -> None:
    headers = [("Content-Type", "a/b"), ("content-type", "c/d")]
    assert "more than one Content-Type" in refusal_of(("x", 200, headers))


BAD_HEADERS: list[tuple[Any, Any]] = [
    ("X", "a\r\nSet-Cookie: b"),
    ("X", "a\nb"),
    ("X", "a\0"),
    ("X", "a\rb"),
    ("X\r\nY", "a"),
    ("X:", "a"),
    ("", "a"),
    ("X Y", "a"),
    ("X", "\u20ac"),
    ("X\u20ac", "a"),
    ("X", 1),
    (1, "a"),
    ("X", b"a"),
    ("X", None),
    ("Content-Length", "5"),
    ("Content-Type", "a\r\nb: c"),
]


@pytest.mark.parametrize(("name", "value"), BAD_HEADERS)
def test_a_bad_header_is_never_sent(name: Any, value: Any) -> None:
    log = refusal_of(("x", 200, {name: value}))
    assert "header" in log
    refusal_of(("x" * LARGE, 200, [("X", "good"), (name, value)]))


@pytest.mark.parametrize(
    "content_type", ["a\r\nb: c", "\u20ac", "a\0", 5, b"text/plain"]
)
def test_a_bad_content_type_is_never_sent(content_type: Any) -> None:
    response = Response("x")
    response.content_type = content_type
    assert "content_type" in refusal_of(response)


@pytest.mark.parametrize(
    "headers", [5, "ab", ["ab"], [("a",)], [("a", "b", "c")], [1], object()]
)
def test_what_is_no_headers_is_refused(headers: Any) -> None:
    refusal_of(("x", 200, headers))


@pytest.mark.parametrize(
    "status", [199, 600, 100, 0, -1, 2**70, "200", 200.0, None, True, object()]
)
def test_a_status_outside_200_to_599_is_refused(status: Any) -> None:
    assert "200 to 599" in refusal_of(("x", status))
    response = Response("x" * LARGE)
    response.status = status
    assert "200 to 599" in refusal_of(response)


def test_a_status_may_be_an_http_status() -> None:
    assert answer_to(("x", http.HTTPStatus.CREATED)).status == 201


# ---- Response ----


def test_a_response_says_everything() -> None:
    response = Response("x", 418, {"X-A": "b"}, "text/x")
    assert answer_to(response) == Answer(418, "text/x", [("X-A", "b")], b"x")
    assert repr(response) == "<pyrs.Response 418 str>"


def test_a_response_may_be_changed_and_sent_twice() -> None:
    response = Response("x")
    response.headers["X-A"] = "1"
    response.headers.add("x-a", "2")
    response.status = 201
    expected = Answer(201, HTML, [("X-A", "1"), ("x-a", "2")], b"x")
    assert answer_to(response) == expected
    assert answer_to(response) == expected
    response.headers = {"Y": "z"}
    assert answer_to(response).headers == [("Y", "z")]


def test_a_subclass_of_response_is_one() -> None:
    class NotFound(Response):
        def __init__(self) -> None:
            super().__init__("none", 404)

    assert answer_to(NotFound()) == Answer(404, HTML, [], b"none")


def test_a_response_without_its_constructor_is_refused() -> None:
    assert "AttributeError" in refusal_of(Response.__new__(Response))


@pytest.mark.parametrize(
    ("name", "value"), [("X", "a\r\nb: c"), ("X", 1), ("X", "\u20ac")]
)
def test_a_bad_header_is_refused_by_the_constructor(name: Any, value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="header"):
        Response("x", headers={name: value})
    with pytest.raises((ValueError, TypeError), match="header"):
        Response("x").headers = {name: value}
    with pytest.raises((ValueError, TypeError), match="header"):
        HTTPError(400, headers={name: value})


def test_a_bad_status_or_content_type_is_refused_by_the_constructor() -> None:
    for status in (199, 600):
        with pytest.raises(ValueError, match="200 to 599"):
            Response("x", status)
        with pytest.raises(ValueError, match="200 to 599"):
            HTTPError(status)
    wrong: Any
    for wrong in ("200", True, 200.0, None):
        with pytest.raises(TypeError, match="200 to 599"):
            Response("x", wrong)
    with pytest.raises(ValueError, match="control character"):
        Response("x", content_type="a\nb")


# ---- what is no answer ----

Pair = namedtuple("Pair", "body status")


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        frozenset(),
        deque([1]),
        1j,
        range(3),
        len,
        Point,
        Size,
        Ellipsis,
        NotImplemented,
        ValueError("returned"),
        HTTPError(404),
        Pair("x", 200),
    ],
)
def test_another_type_is_a_500_and_the_log_names_handler_and_type(value: Any) -> None:
    assert re.search(
        rf"a value of type ([\w.]*\.)?{type(value).__name__}, which is no answer",
        refusal_of(value),
    )


@pytest.mark.parametrize("value", [(), ("x",), ("x", 200, {}, "more")])
def test_a_tuple_of_another_length_is_refused(value: Any) -> None:
    assert "(body, status)" in refusal_of(value)


@pytest.mark.parametrize("body", [(), ("x", 200), Response("x"), {1}, range(3)])
def test_the_body_of_a_tuple_or_response_must_be_simple(body: Any) -> None:
    refusal_of((body, 200))
    refusal_of(Response(body))


@pytest.mark.parametrize("value", [{"a": {1: object()}}, [object()], {(1, 2): 3}])
def test_what_json_does_not_have_is_refused(value: Any) -> None:
    assert "TypeError" in refusal_of(value)


def test_json_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    assert "RecursionError" in refusal_of(value)


def test_text_that_is_no_unicode_is_refused() -> None:
    assert "surrogates" in refusal_of("\ud800")
    assert "surrogates" in refusal_of(("\ud800" * LARGE, 200, {"X": "y"}))


def test_a_view_that_was_released_is_refused() -> None:
    view = memoryview(b"abc")
    view.release()
    assert "released" in refusal_of(view)


def test_a_coroutine_of_a_plain_handler_is_refused_without_a_warning() -> None:
    async def handler(request: Any) -> str:
        await asyncio.sleep(0)
        return "x"

    answer = ask(lambda request: handler(request))
    assert answer == INTERNAL
    assert "declare it async def" in answer.log


def test_an_async_generator_of_a_plain_handler_is_refused() -> None:
    async def handler(request: Any) -> Any:
        yield "x"

    answer = ask(lambda request: handler(request))
    assert answer == INTERNAL
    assert "async_generator: an async iterator has to come from" in answer.log


# ---- exceptions ----


def test_an_http_error_is_its_status_body_and_headers() -> None:
    answer = ask(raising(HTTPError(404, "no such user", {"X-A": "b"})))
    assert answer == Answer(404, PLAIN, [("X-A", "b")], b"no such user")
    assert answer.log == ""


def test_an_http_error_without_a_body_says_its_reason() -> None:
    assert ask(raising(HTTPError(404))).body == b"Not Found"
    assert ask(raising(HTTPError(599))).body == b"Status 599"
    assert str(HTTPError(404)) == "404: Not Found"


def test_an_http_error_s_body_may_be_any_simple_value() -> None:
    assert ask(raising(HTTPError(422, {"a": 1}))) == Answer(422, JSON, [], b'{"a":1}')
    assert ask(raising(HTTPError(400, b"x"))) == Answer(400, BYTES, [], b"x")
    assert ask(raising(HTTPError(304, None))) == Answer(304, "", [], b"")
    html = HTTPError(404, "<p>", {"Content-Type": "text/html"})
    assert ask(raising(html)) == Answer(404, "text/html", [], b"<p>")


def test_an_http_error_changed_into_nonsense_is_a_500() -> None:
    error = HTTPError(404)
    error.status = 1000
    assert "HTTPError that cannot be answered" in failure_of(raising(error))
    error = HTTPError(404, {1, 2})
    assert "HTTPError that cannot be answered" in failure_of(raising(error))


def test_a_subclass_of_http_error_is_one() -> None:
    class Missing(HTTPError):
        def __init__(self) -> None:
            super().__init__(404, "missing")

    assert ask(raising(Missing())).status == 404


@pytest.mark.parametrize(
    "exception",
    [
        ValueError("what"),
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        MemoryError(),
        RecursionError("deep"),
        asyncio.CancelledError(),
        StopIteration(),
        BaseException("base"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "why"),
    ],
)
def test_an_exception_is_a_500_and_its_traceback_a_record(
    exception: BaseException,
) -> None:
    log = failure_of(raising(exception))
    first, *lines = log.split("\n")
    assert first == "api.Api.handler raised:"
    assert lines[0] == "Traceback (most recent call last):"
    assert any("raise exception" in line for line in lines)
    assert type(exception).__name__ in lines[-1]


def test_an_endless_recursion_is_a_500() -> None:
    def handler(request: Any) -> Any:
        return handler(request)

    assert "RecursionError" in failure_of(handler)


def test_a_long_traceback_keeps_its_ends() -> None:
    def deep(depth: int) -> int:
        return sideways(depth - 1) if depth else 1 // 0

    def sideways(depth: int) -> int:
        return deep(depth)

    log = failure_of(lambda request: deep(300))
    assert log.count("\n") < 410
    assert "lines ..." in log
    assert "ZeroDivisionError" in log.splitlines()[-1]


def test_a_chained_exception_is_told_whole() -> None:
    def handler(request: Any) -> None:
        try:
            raise ValueError("first")
        except ValueError as error:
            raise RuntimeError("second") from error

    log = failure_of(handler)
    assert log.index("ValueError: first") < log.index("RuntimeError: second")


def test_an_exception_whose_text_cannot_be_made_is_still_answered() -> None:
    class Nasty(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    class Worse(Exception):
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError("nothing")

    assert "Nasty" in failure_of(raising(Nasty()))
    assert "Worse" in failure_of(raising(Worse()))


def test_an_exception_with_surrogates_and_nul_is_logged() -> None:
    log = failure_of(raising(ValueError("a\ud800b\0c")))
    assert "a\\ud800b\\x00c" in log


def test_a_handler_with_the_wrong_arguments_is_a_500() -> None:
    assert "TypeError" in failure_of(lambda: "x")
    assert "TypeError" in failure_of(lambda request, more: "x")


def test_a_failure_does_not_keep_its_request() -> None:
    seen: list[int] = []

    def handler(request: Any) -> None:
        seen.append(id(request))
        raise ValueError

    for _ in range(3):
        ask(handler)
    assert len(set(seen)) == 1


# ---- what can be called ----


class Api:
    def __init__(self) -> None:
        self.word = "method"

    def method(self, request: Any) -> str:
        return self.word

    @classmethod
    def of_class(cls, request: Any) -> str:
        return cls.__name__

    @staticmethod
    def static(request: Any) -> str:
        return "static"

    def __call__(self, request: Any) -> str:
        return "called"


def test_every_kind_of_callable_is_a_handler() -> None:
    from functools import partial

    assert ask(Api().method).body == b"method"
    assert ask(Api.of_class).body == b"Api"
    assert ask(Api().static).body == b"static"
    assert ask(Api()).body == b"called"
    assert ask(partial(Api.method, Api())).body == b"method"
    assert ask(len, body=b"four").body == b"4"
    assert ask(bytes, body=b"four").body == b"four"
    assert ask(str, body=b"four").body == b"four"


def test_what_cannot_be_called_is_no_handler() -> None:
    with pytest.raises(TypeError, match="cannot be called"):
        build().bridge.endpoint("x", "name")


def test_an_endpoint_that_no_server_was_given_can_be_freed() -> None:
    bridge = build().bridge
    bridge.endpoint_free(bridge.endpoint(len, "name"))
    with pytest.raises(ValueError, match="address 0"):
        bridge.endpoint_free(0)
    with pytest.raises(TypeError):
        bridge.endpoint_free("x")


# ---- files ----


def test_a_file_is_sent_with_the_media_type_of_its_name(tmp_path: Path) -> None:
    page = tmp_path / "größe.html"
    page.write_bytes(b"<p>content")
    response = Response.file(page, headers={"X-A": "b"})
    answer = answer_to(response)
    assert answer == Answer(200, "text/html", [("X-A", "b")], b"<p>content")
    assert answer_to((response.body, 201)) == Answer(201, BYTES, [], b"<p>content")


def test_a_file_that_is_not_there_is_a_404_and_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("missing", "file/below", "missing/below", "x" * 256):
        answer = ask(
            lambda request, name=name: Response.file(
                tmp_path / name, status=201, headers={"X-A": "b"}
            )
        )
        assert answer == Answer(404, PLAIN, [], b"Not Found\n")
        assert answer.level == 30
        assert answer.log.startswith("api.Api.handler has no file to send: ")
        assert name in answer.log
        assert "\n" not in answer.log


def test_what_is_no_file_is_a_500(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    assert "IsADirectoryError" in refusal_of(Response.file(tmp_path))
    assert "no regular file" in refusal_of(Response.file(tmp_path / "fifo"))
    assert "loop" in refusal_of(Response.file(tmp_path / "loop"))


def test_a_file_that_is_not_sent_after_all_is_closed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        response = Response.file(tmp_path / "file")
        response.status = 1000
        refusal_of(response)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
