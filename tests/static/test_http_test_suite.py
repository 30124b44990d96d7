"""What the public http-test-suite for static servers asks, in the words of these tests.

Its folder is called httptest. Sizes are those of its files where they matter.
"""

import http.client
import socket
from collections.abc import Iterator

import pytest

from tests.kit import PATIENCE, RunningServer, running_server

LARGE = b"Wikimedia Foundation, Inc.\n" + bytes(954_824 - 27)
FILES = {
    "dir1/dir12/dir123/deep.txt": b"bingo, you found it\n",
    "dir2/index.html": b"<html>Directory index file</html>\n",
    "dir2/page.html": b"<html><body>Page Sample</body></html>\n",
    "large.html": LARGE,
    "space in name.txt": b"letters and spaces\n",
    "text..txt": b"hello",
    "splash.css": b"p { color: red }\n" * 5801,
    "jquery.js": b"var $;\n" * 38_340,
    "photo.jpg": b"\xff\xd8\xff" + bytes(267_034),
    "photo.jpeg": b"\xff\xd8\xff" + bytes(160_459),
    "logo.v2.png": b"\x89PNG\r\n\x1a\n" + bytes(1746),
    "ask.gif": b"GIF89a" + bytes(1741),
    "film.swf": b"CWS" + bytes(35_341),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("suite")
    for name, content in FILES.items():
        file = folder / "root" / "httptest" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (folder / "etc").mkdir()
    (folder / "etc/passwd").write_bytes(b"root:x:0:0")
    with running_server(folder, "", {"/": {"static": "root"}}) as running:
        yield running


def address_of(server: RunningServer) -> tuple[str, int]:
    assert isinstance(server.address, tuple)
    return server.address


def ask(
    server: RunningServer, path: str, method: str = "GET"
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(*address_of(server), timeout=PATIENCE)
    connection.request(method, path)
    response = connection.getresponse()
    answer = response.status, response.headers, response.read()
    connection.close()
    return answer


def talk(server: RunningServer, request: bytes) -> bytes:
    """All that comes until the server closes."""
    with socket.create_connection(address_of(server), PATIENCE) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65_536), b""))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("dir2/", "dir2/index.html"),
        ("dir1/dir12/dir123/deep.txt", "dir1/dir12/dir123/deep.txt"),
        ("dir2/page.html?arg1=value&arg2=value", "dir2/page.html"),
        ("dir2/%70%61%67%65%2e%68%74%6d%6c", "dir2/page.html"),
        ("space%20in%20name.txt", "space in name.txt"),
        ("text..txt", "text..txt"),
        ("large.html", "large.html"),
    ],
)
def test_a_file_comes_whole_and_with_its_length(
    server: RunningServer, path: str, name: str
) -> None:
    status, headers, body = ask(server, f"/httptest/{path}")
    assert (status, headers["Content-Length"]) == (200, str(len(FILES[name])))
    assert body == FILES[name]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("dir2/page.html", ["text/html"]),
        ("splash.css", ["text/css"]),
        ("jquery.js", ["text/javascript", "application/javascript"]),
        ("photo.jpg", ["image/jpeg"]),
        ("photo.jpeg", ["image/jpeg"]),
        ("logo.v2.png", ["image/png"]),
        ("ask.gif", ["image/gif"]),
        ("film.swf", ["application/x-shockwave-flash"]),
    ],
)
def test_a_file_has_its_media_type_and_no_charset(
    server: RunningServer, name: str, kinds: list[str]
) -> None:
    status, headers, body = ask(server, f"/httptest/{name}")
    assert (status, body) == (200, FILES[name])
    assert headers["Content-Type"] in kinds


@pytest.mark.parametrize(
    "path",
    [
        "/httptest/dir1/",  # a folder without an index
        "/httptest/",
        "/httptest/smdklcdsmvdfjnvdfjvdfvdfvdsfssdmfdsdfsd.html",
        "/httptest/dir2/page.html/",  # a slash behind a file
    ],
)
def test_what_is_not_there_is_404(server: RunningServer, path: str) -> None:
    assert ask(server, path)[0] == 404


@pytest.mark.parametrize("up", ["../", "%2e%2e/", "..%2f", "%2e%2e%2f", "..\\"])
def test_no_path_leads_out_of_the_root(server: RunningServer, up: str) -> None:
    for height in (1, 2, 3, 13):
        status, _, body = ask(server, f"/httptest/{up * height}etc/passwd")
        assert status in (400, 403, 404)
        assert b"root" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OTHER"])
def test_other_methods_are_405(server: RunningServer, method: str) -> None:
    status, headers, _ = ask(server, "/httptest/dir2/page.html", method)
    assert status == 405
    assert {"GET", "HEAD"} <= set(headers["Allow"].split(", "))


@pytest.mark.parametrize("host", [b"", b"Host: localhost\r\n"])
def test_head_over_http_1_0_has_no_body_and_is_closed(
    server: RunningServer, host: bytes
) -> None:
    answer = talk(
        server, b"HEAD /httptest/dir2/page.html HTTP/1.0\r\n" + host + b"\r\n"
    )
    head, blank, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ", 2)[1] == b"200"
    assert b"\r\nContent-Length: 38\r\n" in head + blank  # spelled so
    assert b"\r\nContent-Type: text/html\r\n" in head + blank
    assert body == b""


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /httptest/dir2/page.html HTTP/1.0",
        "GET /httptest/dir2/ HTTP/1.0",
        "HEAD /httptest/dir2/page.html HTTP/1.0",
        "GET /httptest/dir1/ HTTP/1.0",
        "GET /httptest/dir2 HTTP/1.0",
        "GET /httptest/missing HTTP/1.0",
        "GET /../../etc/passwd HTTP/1.0",
        "POST /httptest/dir2/page.html HTTP/1.0",
        "HEAD /httptest/missing HTTP/1.0",
        "nonsense",
    ],
)
def test_every_answer_tells_server_date_and_connection(
    server: RunningServer, request_line: str
) -> None:
    head, _, _ = talk(server, f"{request_line}\r\n\r\n".encode()).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")[1:]
    names = [line.split(b":")[0] for line in lines]
    assert {b"Server", b"Date", b"Connection"} <= set(names)
    assert len(set(names)) == len(names)
    assert b"Connection: close" in lines


def test_a_line_end_and_no_more_harms_nobody(server: RunningServer) -> None:
    with socket.create_connection(address_of(server), PATIENCE) as client:
        client.sendall(b"\n")
    assert ask(server, "/httptest/dir2/")[0] == 200


def test_requests_follow_each_other_on_one_connection(server: RunningServer) -> None:
    connection = http.client.HTTPConnection(*address_of(server), timeout=PATIENCE)
    for name in (*FILES, "missing", *FILES):
        connection.request("GET", "/httptest/" + name.replace(" ", "%20"))
        response = connection.getresponse()
        body = response.read()
        assert response.status == (200 if name in FILES else 404)
        assert body == FILES.get(name, body)
    connection.close()
