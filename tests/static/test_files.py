"""Which file answers which path."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import Response, RunningServer, Serve, get, running_server

FILES = {
    "index.html": b"<title>home</title>",
    "a.txt": b"hello",
    "empty": b"",
    "DATA.JSON": b"{}",
    "no extension": b"\0\1\2",
    "docs/index.html": b"<title>docs</title>",
    "docs/page.html": b"page",
    "bare/file.css": b"p {}",
    ".hidden": b"secret",
    ".git/config": b"secret",
    ".well-known/security.txt": b"contact",
    "x.tar.gz": b"packed",
}


def write_files(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("static")
    write_files(folder / "site", FILES)
    routes = {"/": {"static": "site"}, "/files": {"static": "site"}}
    with running_server(folder, "", routes) as running:
        yield running


@pytest.mark.parametrize("mount", ["", "/files"])
@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [
        ("/", "index.html", "text/html"),
        ("/a.txt", "a.txt", "text/plain"),
        ("/empty", "empty", "application/octet-stream"),
        ("/DATA.JSON", "DATA.JSON", "application/json"),
        ("/no%20extension", "no extension", "application/octet-stream"),
        ("/docs/", "docs/index.html", "text/html"),
        ("//docs//page.html?a=b", "docs/page.html", "text/html"),
        ("/docs/../%61.txt", "a.txt", "text/plain"),
        ("/bare/file.css", "bare/file.css", "text/css"),
        ("/x.tar.gz", "x.tar.gz", "application/gzip"),
        ("/.well-known/security.txt", ".well-known/security.txt", "text/plain"),
    ],
)
def test_a_path_leads_to_a_file(
    server: RunningServer, mount: str, path: str, name: str, kind: str
) -> None:
    answer = server.ask(get(mount + path))
    assert (answer.status, answer.body) == (200, FILES[name])
    assert answer["Content-Type"] == kind
    head = server.ask(get(mount + path, method="HEAD"))
    assert (head.status, head.body) == (200, b"")
    assert head["Content-Length"] == str(len(FILES[name]))


@pytest.mark.parametrize(
    "path",
    [
        "/none",
        "/a.txt/",
        "/a.txt/none",
        "/bare/",
        "/.hidden",
        "/.git/config",
        "/.git/",
        "/docs%2fpage.html",
        "/DOCS/",
    ],
)
def test_what_is_not_there_is_a_404(server: RunningServer, path: str) -> None:
    answer = server.ask(get(path))
    assert (answer.status, answer.body) == (404, b"404 Not Found\n")


def test_a_folder_without_its_slash_is_redirected(server: RunningServer) -> None:
    for path, location in {
        "/docs": "/docs/",
        "/docs?a=b&c": "/docs/?a=b&c",
        "//docs": "/docs/",
        "/files": "/files/",
        "/files/docs": "/files/docs/",
    }.items():
        answer = server.ask(get(path))
        assert (answer.status, answer["Location"]) == (301, location)


def test_other_methods_are_refused(server: RunningServer) -> None:
    answer = server.ask(get("/a.txt", "Content-Length: 0", method="POST"))
    assert (answer.status, answer["Allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("sendfile", [True, False])
def test_a_file_of_gigabytes_has_its_length_and_its_ranges(
    serve: Serve, tmp_path: Path, sendfile: bool
) -> None:
    """More than 32 bits can count; its blocks are holes."""
    size, at = 5_000_000_000, 3_000_000_000
    told = bytes(range(251)) * 400  # more than is read at once
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(size)
        file.seek(at)
        file.write(told)
        file.seek(size - 4)
        file.write(b"last")
    server = serve("", {"/": {"static": str(tmp_path)}}, sendfile=sendfile)
    with server.connect() as client:
        for _ in range(2):
            head = client.ask(get("/huge", method="HEAD"))
            assert (head.status, head["Content-Length"]) == (200, str(size))
            for length in (1, 100, len(told)):
                last = at + length - 1
                part = client.ask(get("/huge", f"Range: bytes={at}-{last}"))
                assert (part.status, part.body) == (206, told[:length])
                assert part["Content-Range"] == f"bytes {at}-{last}/{size}"
            end = client.ask(get("/huge", f"Range: bytes={size - 4}-"))
            assert end.body == client.ask(get("/huge", "Range: bytes=-4")).body
            assert end.body == b"last"
            several = client.ask(get("/huge", f"Range: bytes={at}-{at + 9},-4"))
            assert told[:10] in several.body
            assert b"\r\n\r\nlast\r\n" in several.body
            assert client.ask(get("/huge", f"Range: bytes={size}-")).status == 416


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/a.txt", "/empty", "/docs/"])
def test_the_second_answer_says_what_the_first_did(
    server: RunningServer, path: str, method: str
) -> None:
    # The first is assembled or made ready, the others are made ready: with another head
    # to HTTP/1.0, and at the end of a connection.
    with server.connect() as client:
        first, second = (client.ask(get(path, method=method)) for _ in range(2))
        last = client.ask(get(path, "Connection: close", method=method))
    old = server.ask(get(path, "Connection: keep-alive", version="1.0", method=method))

    def said(answer: Response) -> tuple[object, ...]:
        fields = [
            line for line in answer.fields if line[0] not in ("Date", "Connection")
        ]
        return answer.status, fields, answer.body

    assert said(first) == said(second) == said(last) == said(old)
    assert ("Connection" in first, "Connection" in second) == (False, False)
    assert (last["Connection"], old["Connection"]) == ("close", "keep-alive")
