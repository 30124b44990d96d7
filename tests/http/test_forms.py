"""Forms and proxies' headers behind a real server."""

from typing import Any

import pytest

from tests.kit import Serve, get, post

CODE = """
import hashlib

def fields(request):
    with request.form() as form:
        return [[name, value] for name, value in form.items()]

def upload(request):
    upload = request.form()["file"]
    digest = hashlib.sha256(upload.read()).hexdigest()
    return [upload.name, upload.size, digest, request.form()["note"]]

def origin(request):
    return [request.client[0], request.scheme, request.host, request.url]
"""
FIELDS = "Content-Type: application/x-www-form-urlencoded"
MIB = 1 << 20

ways = pytest.mark.parametrize("body", ["whole", "stream"])


def routes(body: str) -> dict[str, Any]:
    names = ("fields", "upload", "origin")
    return {f"/{name}": {"handler": name, "body": body} for name in names}


def multipart(content: bytes) -> bytes:
    head = b'--XX\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
    return (
        head % (b"file", b'; filename="a.bin"')
        + content
        + b"\r\n"
        + head % (b"note", b"")
        + b"a note\r\n--XX--\r\n"
    )


@ways
def test_forms_are_read_and_answered(serve: Serve, body: str) -> None:
    server = serve(CODE, routes(body), limits={"form_fields": 3})
    with server.connect() as client:
        for cut in (0, 3):
            wire = post("/fields", b"a=1&b=x+y&a=%C3%B6", FIELDS)
            client.send(wire[: len(wire) - cut], wire[len(wire) - cut :])
            answer = client.response("POST")
            assert answer.body.decode() == '[["a","1"],["b","x y"],["a","ö"]]'
        assert client.ask(post("/fields", b"a=1&" * 3 + b"b=2", FIELDS)).status == 413
        assert client.ask(post("/fields", b"{}")).status == 415


@ways
def test_an_upload_is_kept_on_disk_and_gone_afterwards(serve: Serve, body: str) -> None:
    server = serve(CODE, routes(body), limits={"form_memory": 100_000})
    content = bytes(range(250)) * 40_000  # 10 MB
    wire = post(
        "/upload", multipart(content), "Content-Type: multipart/form-data; boundary=XX"
    )
    with server.connect() as client:
        for _ in range(3):
            answer = client.ask(wire)
            assert answer.status == 200
            assert b'["a.bin",10000000,"' in answer.body
            assert b'"a note"' in answer.body


def test_a_trusted_proxy_tells_where_a_request_came_from(serve: Serve) -> None:
    fields = ["X-Forwarded-For: 198.51.100.9", "X-Forwarded-Proto: https"]
    told = '["198.51.100.9","https","example.com","https://example.com/origin"]'
    own = '["127.0.0.1","http","example.com","http://example.com/origin"]'
    for proxies, expected in ((["127.0.0.1"], told), (["10.0.0.0/8"], own), ([], own)):
        server = serve(CODE, routes("whole"), trusted_proxies=proxies)
        answer = server.ask(get("/origin", *fields))
        assert answer.body.decode() == expected
