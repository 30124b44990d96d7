"""Response.file behind a real server; the finer points of files are the core's."""

import pytest

from tests.kit import Serve, get, measures_memory

CODE = """
import time
from pathlib import Path
import pyrs

folder = Path(__file__).parent

def hello(request):
    return "world"

def page(request):
    return pyrs.Response.file(folder / request.query_string, headers={"X-A": "b"})

def slow(request):
    time.sleep(0.01)
    return page(request)

def download(request):
    return pyrs.Response.file(folder / "main.py", download_name="größe.py")

def error(request):
    return pyrs.Response.file(folder / "main.py", status=503)
"""
MIB = 1 << 20


@pytest.mark.parametrize("path", ["/page", "/slow"])
def test_a_file_is_sent_and_asked_for_again_with_conditions(
    serve: Serve, path: str
) -> None:
    server = serve(CODE)
    content = CODE.lstrip("\n").encode()
    (server.folder / "a.html").write_bytes(content)
    with server.connect() as client:
        for _ in range(3):
            answer = client.ask(get(f"{path}?a.html"))
            assert (answer.status, answer.body) == (200, content)
            assert (answer["Content-Type"], answer["X-A"]) == ("text/html", "b")
            again = get(f"{path}?a.html", f"If-None-Match: {answer['ETag']}")
            assert client.ask(again).status == 304
            part = client.ask(get(f"{path}?a.html", "Range: bytes=7-9"))
            assert (part.status, part.body) == (206, content[7:10])
            head = client.ask(get(f"{path}?a.html", method="HEAD"))
            assert int(head["Content-Length"]) == len(content)


def test_a_file_may_be_a_download_or_an_error_page(serve: Serve) -> None:
    server = serve(CODE)
    assert "filename" in server.ask(get("/download"))["Content-Disposition"]
    answer = server.ask(get("/error", "Range: bytes=0-1"))
    assert (answer.status, b"import pyrs" in answer.body) == (503, True)


def test_what_is_not_there_is_a_404_and_a_warning(serve: Serve) -> None:
    server = serve(CODE)
    with server.connect() as client:
        answer = client.ask(get("/page?missing.html"))
        assert (answer.status, answer.body) == (404, b"Not Found\n")
        assert "X-A" not in answer
        assert client.ask(get("/page?.")).status == 500
        assert client.ask(get("/hello")).body == b"world"
    server.expect_log(
        r'WARNING "GET /page\?missing.html HTTP/1.1" main.page has no file to send: ',
        r"main.page returned what cannot be answered: IsADirectoryError",
    )


@measures_memory
@pytest.mark.parametrize("path", ["/page", "/slow"])
def test_a_large_file_to_a_slow_reader_needs_little_memory(
    serve: Serve, path: str
) -> None:
    server = serve(CODE, timeouts={"send": 600})
    with (server.folder / "large").open("wb") as large:
        large.truncate(50 * MIB)
    assert server.ask(get("/hello")).status == 200
    before = server.resident_bytes()
    slow, gone = (server.connect(small_window=True) for _ in range(2))
    for client in (slow, gone):
        client.send(get(f"{path}?large"))
        assert client.receive()
    gone.abort()
    assert server.ask(get("/hello")).body == b"world"
    assert len(slow.response().body) == 50 * MIB
    assert server.resident_bytes() - before < 4 * MIB
