"""What the public http-test-suite asks of a static server, in our own words."""

import socket
from collections.abc import Iterator

import pytest

from tests.kit import PATIENCE, RunningServer, get, running_server

FILES = {
    "dir1/dir12/dir123/deep.txt": b"bingo, you found it\n",
    "dir2/index.html": b"<html>Directory index file</html>\n",
    "dir2/page.html": b"<html><body>Page Sample</body></html>\n",
    "space in name.txt": b"letters and spaces\n",
    "text..txt": b"hello",
    "large.html": b"x" * 954_824,
    "160313.jpg": b"j" * 267_037,
    "ef35c.jpeg": b"j" * 160_462,
    "jquery-1.9.1.js": b"s" * 268_381,
    "logo.v2.png": b"p" * 1_754,
    "pic_ask.gif": b"g" * 1_747,
    "b16261023.swf": b"f" * 35_344,
    "splash.css": b"c" * 98_620,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("suite")
    for name, content in FILES.items():
        file = folder / "root" / "httptest" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    with running_server(folder, "", {"/": {"static": "root"}}) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("dir2/", "dir2/index.html"),
        ("dir1/dir12/dir123/deep.txt", "dir1/dir12/dir123/deep.txt"),
        ("dir2/page.html?arg1=value&arg2=value", "dir2/page.html"),
        ("space%20in%20name.txt", "space in name.txt"),
        ("dir2/%70%61%67%65%2e%68%74%6d%6c", "dir2/page.html"),
        ("large.html", "large.html"),
        ("text..txt", "text..txt"),
    ],
)
def test_files_are_found(server: RunningServer, path: str, name: str) -> None:
    answer = server.ask(get(f"/httptest/{path}"))
    assert (answer.status, answer.body) == (200, FILES[name])
    lengths = [value for name, value in answer.fields if name == "Content-Length"]
    assert lengths == [str(len(FILES[name]))]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("dir2/page.html", "text/html"),
        ("splash.css", "text/css"),
        ("jquery-1.9.1.js", "text/javascript"),
        ("160313.jpg", "image/jpeg"),
        ("ef35c.jpeg", "image/jpeg"),
        ("logo.v2.png", "image/png"),
        ("pic_ask.gif", "image/gif"),
        ("b16261023.swf", "application/x-shockwave-flash"),
    ],
)
def test_media_types_are_exact(server: RunningServer, name: str, kind: str) -> None:
    answer = server.ask(get(f"/httptest/{name}"))
    assert (answer.status, answer["Content-Type"]) == (200, kind)


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("/httptest/dir1/", {404}),
        ("/httptest/smdklcdsmvdfjnvdfjvdfvdfvdsfssdmfdsdfsd.html", {404}),
        ("/httptest/dir2/page.html/", {404}),
        ("/httptest/" + "../" * 13 + "etc/passwd", {400, 403, 404}),
    ],
)
def test_what_is_not_there(
    server: RunningServer, path: str, statuses: set[int]
) -> None:
    assert server.ask(get(path)).status in statuses


def test_post_is_refused(server: RunningServer) -> None:
    answer = server.ask(get("/httptest/dir2/page.html", method="POST"))
    assert (answer.status, answer["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_head_over_http_1_0_ends_with_the_connection(server: RunningServer) -> None:
    """No Host, and whatever else such a client leaves out."""
    assert isinstance(server.address, tuple)
    with socket.create_connection(server.address, PATIENCE) as client:
        client.sendall(b"HEAD /httptest/dir2/page.html HTTP/1.0\r\n\r\n")
        received = b""
        while data := client.recv(1024):
            received += data
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    fields = dict(line.split(b": ", 1) for line in lines)
    assert status.split(b" ")[1] == b"200"
    assert body == b""
    assert fields[b"Content-Length"] == b"38"
    assert {b"Server", b"Date"} <= set(fields)
    assert fields[b"Connection"] == b"close"


def test_what_is_no_request_does_no_harm(server: RunningServer) -> None:
    assert isinstance(server.address, tuple)
    with socket.create_connection(server.address, PATIENCE) as client:
        client.sendall(b"\n")
    answer = server.ask(get("/httptest/"))
    assert "Server" in answer
