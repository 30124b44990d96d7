"""Request.form: when it is read, what it costs, and when its files are closed."""

from collections.abc import Iterator
from typing import Any

import pytest

from pyrs._request_parts import RequestSettings
from pyrs.form import Form, FormLimits, Upload
from pyrs.forwarded import TrustedProxies

from .bridge_kit import ask, ask_often

FIELDS: dict[str, Any] = {
    "headers": [("Content-Type", "application/x-www-form-urlencoded")],
    "body": b"a=1&b=gr%C3%B6%C3%9Fe&a=2",
}
MULTIPART: dict[str, Any] = {
    "headers": [("Content-Type", "multipart/form-data; boundary=X")],
    "body": (
        b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--X\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\n" + b"content" * 100 + b"\r\n--X--\r\n"
    ),
}
WAYS: list[dict[str, Any]] = [
    {},
    {"body_streams": True},
    {"body_streams": True, "body_piece": 7, "on_threads": True},
]
every_way = pytest.mark.parametrize("way", WAYS, ids=["whole", "all", "pieces"])


def limits(**parts: Any) -> RequestSettings:
    return RequestSettings(TrustedProxies(), FormLimits(**parts))


@every_way
def test_fields_are_read(way: dict[str, Any]) -> None:
    def handler(request: Any) -> Any:
        return [list(pair) for pair in request.form().items()]

    answer = ask(handler, **FIELDS, **way)
    assert answer.body.decode() == '[["a","1"],["b","größe"],["a","2"]]'


@every_way
def test_files_are_read(way: dict[str, Any]) -> None:
    def handler(request: Any) -> Any:
        upload = request.form()["f"]
        return [request.form()["a"], upload.name, upload.size, upload.read().decode()]

    answer = ask(handler, **MULTIPART, **way)
    assert answer.body.decode() == f'["1","x.txt",700,"{"content" * 100}"]'


@every_way
def test_a_form_is_read_once(way: dict[str, Any]) -> None:
    answer = ask(lambda request: str(request.form() is request.form()), **FIELDS, **way)
    assert answer.body == b"True"


@every_way
def test_what_is_no_form_is_answered(way: dict[str, Any]) -> None:
    def status(**parts: Any) -> int:
        return ask(lambda request: request.form() and None, **parts, **way).status

    assert status(body=b"a=1") == 415
    assert status(**{**MULTIPART, "body": b"nonsense"}) == 400
    assert status(**FIELDS, settings=limits(fields=2)) == 413
    assert status(**FIELDS, settings=limits(fields=3)) == 204


def test_a_form_is_read_from_the_beginning_of_a_whole_body() -> None:
    def handler(request: Any) -> Any:
        return [request.read(3).decode(), request.form()["b"], request.read().decode()]

    body = ask(handler, **FIELDS).body.decode()
    assert body == '["a=1","größe","&b=gr%C3%B6%C3%9Fe&a=2"]'


def test_a_form_is_not_made_of_the_rest_of_a_body() -> None:
    answer = ask(lambda request: (request.read(3), request.form()), **FIELDS, **WAYS[1])
    assert "a part of this body was read already" in answer.log


# ---- the files ----


def test_files_are_closed_when_the_request_is_over() -> None:
    uploads: list[Upload] = []

    def handler(request: Any) -> None:
        uploads.append(request.form()["f"])
        assert not uploads[-1].file.closed

    ask(handler, **MULTIPART)
    assert uploads[0].file.closed


def test_files_are_open_until_a_stream_has_ended() -> None:
    states: list[bool] = []
    uploads: list[Upload] = []

    def handler(request: Any) -> Iterator[bytes]:
        uploads.append(request.form()["f"])
        for _ in range(3):
            yield uploads[0].file.read(7)
            states.append(uploads[0].file.closed)

    answer = ask(handler, room=1, **MULTIPART)
    assert (answer.body, states) == (b"content" * 3, [False] * 3)
    assert uploads[0].file.closed


def test_a_kept_request_keeps_its_files_open() -> None:
    kept: list[Any] = []

    def handler(request: Any) -> None:
        request.form()
        kept.append(request)

    ask(handler, **MULTIPART)
    upload = kept[0].form()["f"]
    assert upload.read() == b"content" * 100
    kept.clear()
    assert upload.file.closed


def test_the_form_of_a_kept_request_may_be_read_later() -> None:
    kept: list[Any] = []
    ask(kept.append, **MULTIPART, settings=limits(files=0))
    with pytest.raises(Exception, match="more than 0 files"):
        kept[0].form()
    ask(kept.append, **FIELDS)
    assert isinstance(kept[1].form(), Form)
    assert kept[1].form().getall("a") == ["1", "2"]


def test_forms_leave_nothing_behind() -> None:
    uploads: list[Any] = []

    def handler(request: Any) -> None:
        uploads[:] = [request.form()["f"].file]

    ask_often(handler, 200, **MULTIPART, settings=limits(memory_bytes=0))
    assert uploads[0].closed
