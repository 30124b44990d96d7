"""pyrs.Request: what each attribute says, from a live request and from a kept one."""

import copy
import gc
import pickle
import weakref
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from pyrs.errors import HTTPError

from .bridge_kit import INT, PATH, STR, Made, ask, build, seen_by


def header(name: str, value: str | bytes) -> dict[str, Any]:
    return {"headers": [(name, value)]}


def text(media_type: str) -> dict[str, Any]:
    return header("Content-Type", media_type)


def raised_by(read: Any, **parts: Any) -> HTTPError:
    caught: list[HTTPError] = []

    def handler(request: Any) -> None:
        with pytest.raises(HTTPError) as raised:
            read(request)
        caught.append(raised.value)

    assert ask(handler, **parts).status == 204
    return caught[0]


# ---- the request line ----


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "TRACE", "PROPFIND", "get"])
def test_the_method_is_a_str_as_it_was_sent(method: str) -> None:
    assert seen_by(lambda request: request.method, method=method) == method


def test_a_common_method_is_the_same_object_each_time() -> None:
    assert seen_by(lambda request: request.method is request.method)
    methods: list[str] = []
    ask(lambda request: methods.append(request.method))
    ask(lambda request: methods.append(request.method))
    assert methods[0] is methods[1]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("/users/7", "/users/7"),
        ("/café", "/café"),
        (b"/a\0b", "/a/b"),
        (b"/caf\xe9", "/caf\ufffd"),
        (b"/\0\xff\0", "/" + "/\ufffd/"),
    ],
)
def test_the_path_is_decoded(path: str | bytes, expected: str) -> None:
    assert seen_by(lambda request: request.path, path=path) == expected


def test_the_raw_path_is_as_it_was_sent() -> None:
    assert seen_by(lambda request: request.raw_path, raw_path="/a%2Fb") == "/a%2Fb"


@pytest.mark.parametrize("query", ["", "a=1&b=%20"])
def test_the_query_string_is_as_it_was_sent(query: str) -> None:
    assert seen_by(lambda request: request.query_string, query=query) == query


@pytest.mark.parametrize(("minor", "version"), [(0, "1.0"), (1, "1.1")])
def test_the_version_is_1_0_or_1_1(minor: int, version: str) -> None:
    assert seen_by(lambda request: request.http_version, version_minor=minor) == version


def test_the_query_is_a_multi_value_mapping() -> None:
    read = seen_by(
        lambda request: (
            request.query["a"],
            request.query.getall("a"),
            len(request.query),
        ),
        query="a=1&a=2&b=3",
    )
    assert read == ("1", ["1", "2"], 3)


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("", []),
        ("a=", [("a", "")]),
        ("a", [("a", "")]),
        ("a=1+2%203", [("a", "1 2 3")]),
        ("caf%C3%A9=%C3%BC", [("café", "ü")]),
        ("a=%FF", [("a", "\ufffd")]),
        ("a=1;b=2", [("a", "1;b=2")]),
        ("&&a=1&", [("a", "1")]),
        ("&&a=%31&", [("a", "1")]),
        ("=1&=", [("", "1"), ("", "")]),
        ("a=b=c", [("a", "b=c")]),
    ],
)
def test_the_query_is_decoded(query: str, pairs: list[tuple[str, str]]) -> None:
    assert seen_by(lambda request: list(request.query.items()), query=query) == pairs


def test_a_query_of_a_thousand_fields_is_read() -> None:
    query = "&".join(f"a{at}={at}" for at in range(1000))
    assert seen_by(lambda request: len(request.query), query=query) == 1000


# ---- headers and cookies ----


def test_headers_are_found_in_any_case_and_keep_every_value() -> None:
    read = seen_by(
        lambda request: (
            request.headers["x-a"],
            request.headers.getall("X-A"),
            list(request.headers.items()),
        ),
        headers=[("X-A", "1"), ("Host", "h"), ("x-a", "2")],
    )
    assert read == ("1", ["1", "2"], [("X-A", "1"), ("Host", "h"), ("x-a", "2")])


def test_header_bytes_outside_ascii_are_latin_1() -> None:
    read = seen_by(lambda request: request.headers["X"], **header("X", b"caf\xe9"))
    assert read == "café"


def test_headers_and_query_cannot_be_changed() -> None:
    assert not seen_by(lambda request: hasattr(request.headers, "add"))
    assert not seen_by(lambda request: hasattr(request.query, "add"))


@pytest.mark.parametrize(
    ("lines", "cookies"),
    [
        ([], {}),
        (["a=1"], {"a": "1"}),
        (["a=1; b=2"], {"a": "1", "b": "2"}),
        (["a=1;b=2"], {"a": "1", "b": "2"}),
        (["a=1", "b=2"], {"a": "1", "b": "2"}),
        (["a=first; a=second"], {"a": "first"}),
        (['a="quoted"; b="'], {"a": "quoted", "b": '"'}),
        (["a=x=y; no-cookie; =nameless"], {"a": "x=y", "": "nameless"}),
        (["a="], {"a": ""}),
        (["a=caf\u00e9".encode()], {"a": "café"}),
        ([b"a=\xff"], {"a": "\ufffd"}),
    ],
)
def test_cookies_are_read(lines: list[Any], cookies: dict[str, str]) -> None:
    headers = [("Cookie", line) for line in lines]
    assert seen_by(lambda request: dict(request.cookies), headers=headers) == cookies


def test_cookies_cannot_be_changed() -> None:
    def change(request: Any) -> None:
        with pytest.raises(TypeError):
            request.cookies["a"] = "1"

    seen_by(change)


# ---- path parameters ----


def test_params_are_converted_by_their_kind() -> None:
    params = [("id", "-007", INT), ("name", b"a\0b", STR), ("rest", "x/y/", PATH)]
    read = seen_by(lambda request: request.params, params=params)
    assert read == {"id": -7, "name": "a/b", "rest": "x/y/"}


def test_the_longest_integer_parameter_is_read() -> None:
    params = [("id", "9" * 18, INT)]
    assert seen_by(lambda request: request.params, params=params) == {"id": 10**18 - 1}


def test_a_route_without_parameters_has_none() -> None:
    assert seen_by(lambda request: request.params) == {}


def test_params_are_decoded_with_replacement() -> None:
    params = [("name", b"\xffx", STR), ("größe", "ü", STR)]
    read = seen_by(lambda request: request.params, params=params)
    assert read == {"name": "\ufffdx", "größe": "ü"}


# ---- the body ----


@pytest.mark.parametrize("body", [b"", b"hello", b"\0\xff" * 50_000])
def test_the_body_is_bytes(body: bytes) -> None:
    assert seen_by(lambda request: request.body, body=body) == body
    assert seen_by(bytes, body=body) == body
    assert seen_by(len, body=body) == len(body)


def test_a_request_without_a_body_is_true() -> None:
    assert seen_by(bool) is True
    assert seen_by(len) == 0


def test_text_is_utf_8_unless_declared_otherwise() -> None:
    body = "größe €".encode()
    assert seen_by(lambda request: request.text, body=body) == "größe €"
    assert seen_by(str, body=body) == "größe €"
    assert seen_by(lambda request: f"{request}", body=body) == "größe €"
    assert seen_by(str, body=body, **text("text/plain")) == "größe €"


@pytest.mark.parametrize(
    ("media_type", "codec"),
    [
        ("text/plain; charset=latin1", "latin-1"),
        ('text/plain;CHARSET="ISO-8859-1"', "latin-1"),
        ("text/plain; format=flowed; charset=windows-1252", "cp1252"),
        ("text/plain; charset=utf-16", "utf-16"),
        ("text/plain; charset=windows-874", "cp874"),
        ("text/plain; charset=macintosh", "mac-roman"),
    ],
)
def test_text_follows_the_declared_charset(media_type: str, codec: str) -> None:
    word = "abc" if codec == "cp874" else "größe"
    assert seen_by(str, body=word.encode(codec), **text(media_type)) == word


def test_every_charset_of_the_list_is_one_of_python_s() -> None:
    from pyrs._request_parts import CHARSETS, read_text

    for charset in CHARSETS:
        assert read_text(b"", f"text/plain; charset={charset}") == ""


@pytest.mark.parametrize("charset", ["klingon", "punycode", "rot13", "zip", "", "a b"])
def test_a_charset_that_is_not_known_is_415(charset: str) -> None:
    error = raised_by(str, body=b"a", **text(f"text/plain; charset={charset}"))
    assert error.status == 415


def test_bytes_that_are_not_of_the_charset_are_400() -> None:
    assert raised_by(str, body=b"\xff").status == 400
    assert raised_by(lambda request: request.text, body=b"\xff").status == 400


def test_json_is_decoded_anew_at_each_call() -> None:
    read = seen_by(
        lambda request: (request.json(), request.json() is request.json()),
        body=b'{"a": [1, null]}',
    )
    assert read == ({"a": [1, None]}, False)


class Point(msgspec.Struct):
    x: int
    y: int = 0


@dataclass
class Size:
    width: int


def test_json_is_converted_to_a_type() -> None:
    assert seen_by(lambda request: request.json(Point), body=b'{"x":1}') == Point(1)
    assert seen_by(
        lambda request: request.json(type=Size), body=b'{"width":2}'
    ) == Size(2)
    assert seen_by(lambda request: request.json(list[int]), body=b"[1]") == [1]


def test_json_of_another_type_is_422_and_says_where() -> None:
    error = raised_by(lambda request: request.json(Point), body=b'{"x":"1"}')
    assert (error.status, "$.x" in error.body) == (422, True)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{'a':1}", b'"\xff"', b"1 2", b"NaN", b"[" * 100_000]
)
def test_what_is_not_json_is_400(body: bytes) -> None:
    assert raised_by(lambda request: request.json(), body=body).status == 400


def test_a_body_that_was_refused_answers_with_its_status() -> None:
    answer = ask(lambda request: request.json(), body=b"{")
    assert (answer.status, answer.log) == (400, "")


# ---- where it came from ----


def test_client_and_server_are_address_and_port() -> None:
    read = seen_by(
        lambda request: (request.client, request.server),
        client=("2001:db8::1", 65535),
        server=("192.0.2.1", 80),
    )
    assert read == (("2001:db8::1", 65535), ("192.0.2.1", 80))


def test_a_unix_socket_has_a_path_and_port_0() -> None:
    read = seen_by(
        lambda request: (request.client, request.server),
        client=("", 0),
        server=("/run/größe.sock", 0),
    )
    assert read == (("", 0), ("/run/größe.sock", 0))


def test_scheme_host_and_url() -> None:
    read = seen_by(
        lambda request: (request.scheme, request.host, request.url),
        raw_path="/a%20b",
        query="c=d",
        headers=[("HOST", "example.com:8080")],
    )
    assert read == ("http", "example.com:8080", "http://example.com:8080/a%20b?c=d")


def test_a_url_without_a_host_names_the_server() -> None:
    for server, url in (
        (("192.0.2.1", 80), "http://192.0.2.1:80/"),
        (("::1", 8080), "http://[::1]:8080/"),
    ):
        assert seen_by(lambda request: request.url, server=server) == url
    assert seen_by(lambda request: request.host) == ""


def test_the_url_of_a_request_for_the_server_itself_has_no_path() -> None:
    read = seen_by(lambda request: request.url, raw_path="*", **header("Host", "h"))
    assert read == "http://h"


# ---- the object ----


def test_repr_shows_the_request_line() -> None:
    read = seen_by(repr, method="POST", raw_path="/a%20b", query="c")
    assert read == "<pyrs.Request POST /a%20b?c>"


def test_an_attribute_is_made_once() -> None:
    names = ["path", "query", "headers", "cookies", "params", "body", "text", "url"]
    names += ["client", "server", "host"]
    assert seen_by(
        lambda request: [getattr(request, n) is getattr(request, n) for n in names]
    ) == [True] * len(names)


def test_attributes_cannot_be_set() -> None:
    def handler(request: Any) -> None:
        for name in ("method", "anything"):
            with pytest.raises(AttributeError):
                setattr(request, name, "x")

    assert ask(handler).status == 204


def test_a_request_cannot_be_made_subclassed_copied_or_pickled() -> None:
    kind = build().bridge.Request
    with pytest.raises(TypeError):
        kind()
    with pytest.raises(TypeError):
        object.__new__(kind)
    with pytest.raises(TypeError):
        type("Mine", (kind,), {})
    with pytest.raises(TypeError):
        kind.extra = 1
    kept: list[Any] = []
    ask(kept.append)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(kept[0], protocol)
    with pytest.raises(TypeError, match="copy"):
        copy.copy(kept[0])


def test_requests_are_equal_to_themselves_only() -> None:
    kept: list[Any] = []
    ask(kept.append)
    ask(kept.append)
    first, second = kept
    assert first == first
    assert first != second
    assert len({first, second}) == 2


# ---- kept or not ----


def test_a_kept_request_has_its_own_data_when_others_follow() -> None:
    kept: list[Any] = []
    for at in range(100):
        ask(
            kept.append,
            Made(
                path=f"/{at}",
                body=b"%d" % at,
                headers=[("X", str(at))],
                params=[("id", str(at), INT)],
            ),
        )
    for at, request in enumerate(kept):
        assert request.path == f"/{at}"
        assert request.body == b"%d" % at
        assert request.headers["x"] == str(at)
        assert request.params == {"id": at}


def test_what_was_read_before_stays_the_same_object_in_a_kept_request() -> None:
    kept: list[Any] = []

    def handler(request: Any) -> None:
        kept.extend([request, request.headers, request.body])

    ask(handler, body=b"x" * 100, **header("A", "b"))
    assert kept[0].headers is kept[1]
    assert kept[0].body is kept[2]


def test_a_request_that_nobody_kept_is_used_again() -> None:
    seen: list[int] = []
    for _ in range(3):
        ask(lambda request: seen.append(id(request)))
    assert len(set(seen)) == 1


def test_a_request_used_again_remembers_nothing() -> None:
    seen: list[Any] = []
    for at in range(3):
        ask(
            lambda request: seen.append((request.path, request.text, request.params)),
            Made(path=f"/{at}", body=b"%d" % at, params=[("id", str(at), INT)]),
        )
    assert seen == [(f"/{at}", str(at), {"id": at}) for at in range(3)]


def test_a_weak_reference_does_not_keep_a_request_and_is_told() -> None:
    told: list[Any] = []
    references: list[Any] = []
    ask(lambda request: references.append(weakref.ref(request, told.append)))
    assert references[0]() is None
    assert told == references


def test_a_cycle_through_params_is_collected() -> None:
    references: list[Any] = []

    def handler(request: Any) -> None:
        request.params["self"] = request
        references.append(weakref.ref(request))

    ask(handler)
    assert references[0]() is not None
    gc.collect()
    assert references[0]() is None


def test_a_request_found_after_it_is_over_has_no_data() -> None:
    ask(lambda request: None)
    kind = build().bridge.Request
    found = [thing for thing in gc.get_objects() if type(thing) is kind]
    assert found
    for request in found:
        if repr(request) == "<pyrs.Request, over>":
            with pytest.raises(RuntimeError, match="over"):
                _ = request.path
            with pytest.raises(RuntimeError, match="over"):
                len(request)
    # One that somebody got hold of like that is not used for the next request.
    seen: list[Any] = []
    ask(seen.append)
    assert all(seen[0] is not request for request in found)


def test_a_destructor_left_in_params_may_run_anything() -> None:
    ran: list[str] = []

    class Last:
        def __del__(self) -> None:
            ask(lambda request: ran.append(request.path), path="/inner")

    def handler(request: Any) -> str:
        request.params["last"] = Last()
        return "outer"

    assert ask(handler).body == b"outer"
    assert ran == ["/inner"]
