"""Answers that are files: whole, in part, conditionally, and to clients of every kind.

A native endpoint answers with the file that the request names; see tests/kit/native.c.
"""

import email
import email.message
import email.utils
import os
import signal
import time
from pathlib import Path

import pytest

from tests.kit import (
    Client,
    Response,
    RunningServer,
    Serve,
    get,
    measures_memory,
    post,
    wait_until,
)

CODE = """
def hello(request):
    return "world"
"""
ROUTES = {
    "/file": "native:native_file",
    "/twice": "native:native_file_twice",
    "/later": "native:native_file_later",
    "/too-late": "native:native_file_too_late",
    "/hello": "hello",
    "/megabyte": "native:native_megabyte",
}
MIB = 1 << 20
CHANGED = 1_700_000_000
CHANGED_DATE = email.utils.formatdate(CHANGED, usegmt=True)
BEFORE = email.utils.formatdate(CHANGED - 1, usegmt=True)
AFTER = email.utils.formatdate(CHANGED + 1, usegmt=True)

# Up to 16 KiB are read and sent with the head, more by sendfile; 1 MiB at a time.
SIZES = [1, 1000, 16 * 1024, 16 * 1024 + 1, 100_000, 3 * MIB + 1]


@pytest.fixture(scope="module")
def shared_server(serve_module: Serve) -> RunningServer:
    return serve_module(CODE, ROUTES)


@pytest.fixture
def client(server: RunningServer) -> Client:
    return server.connect()


class File:
    """Each byte tells where it stands."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.content = (bytes(range(251)) * (size // 251 + 1))[:size]
        path.write_bytes(self.content)
        os.utime(path, (CHANGED, CHANGED))

    def request(self, *fields: str, method: str = "GET", path: str = "/file") -> bytes:
        named = [f"X-Path: {self.path}", "X-Type: text/plain", *fields]
        return get(path, *named, method=method)

    def part(self, first: int, length: int) -> tuple[str, bytes]:
        """Content-Range and content."""
        last, size = first + length - 1, len(self.content)
        return f"bytes {first}-{last}/{size}", self.content[first : last + 1]


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "file", 100_000)


def names(response: Response) -> set[str]:
    return {name.lower() for name, _ in response.fields}


# ---- whole ----


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_sent_whole(client: Client, tmp_path: Path, size: int) -> None:
    file = File(tmp_path / "file", size)
    response = client.ask(file.request())
    assert response.status == 200
    assert response.body == file.content
    assert response["Content-Length"] == str(size)
    assert response["Content-Type"] == "text/plain"
    assert response["Accept-Ranges"] == "bytes"
    assert response["Last-Modified"] == CHANGED_DATE
    assert response["ETag"].startswith('"')


def test_an_empty_file_is_a_body_too(client: Client, tmp_path: Path) -> None:
    empty = File(tmp_path / "empty", 0)
    for fields in [[], ["Range: bytes=0-"], ["Range: bytes=-5"]]:
        response = client.ask(empty.request(*fields))
        assert (response.status, response.body) == (200, b"")
        assert response["Content-Length"] == "0"


def test_head_has_the_fields_of_get_and_no_body(client: Client, file: File) -> None:
    whole = client.ask(file.request())
    head = client.ask(file.request(method="HEAD"))
    assert (head.status, head.body) == (200, b"")
    same = set(whole.fields) - {("Date", whole["Date"])}
    assert set(head.fields) - {("Date", head["Date"])} == same


def test_in_http_1_0_the_file_comes_and_the_connection_ends(
    client: Client, file: File
) -> None:
    request = file.request().replace(b"HTTP/1.1", b"HTTP/1.0")
    assert client.ask(request).body == file.content
    assert client.is_closed()


# ---- conditions ----


def test_another_content_has_another_tag(client: Client, file: File) -> None:
    tags = {client.ask(file.request())["ETag"]}
    assert client.ask(file.request())["ETag"] in tags
    os.utime(file.path, ns=(CHANGED * 10**9, CHANGED * 10**9 + 1))
    tags.add(client.ask(file.request())["ETag"])
    with file.path.open("ab") as opened:
        opened.write(b"x")
    os.utime(file.path, (CHANGED, CHANGED))
    tags.add(client.ask(file.request())["ETag"])
    moved = file.path.with_name("new")
    moved.write_bytes(file.content)
    os.utime(moved, (CHANGED, CHANGED))
    moved.replace(file.path)
    tags.add(client.ask(file.request())["ETag"])
    assert len(tags) == 4


def test_who_has_the_file_gets_304(client: Client, file: File) -> None:
    tag = client.ask(file.request())["ETag"]
    for field in [
        f"If-None-Match: {tag}",
        f'If-None-Match: "other", W/{tag}',
        "If-None-Match: *",
        f"If-Modified-Since: {CHANGED_DATE}",
        f"If-Modified-Since: {AFTER}",
    ]:
        for method in ("GET", "HEAD"):
            response = client.ask(file.request(field, method=method))
            assert (response.status, response.body) == (304, b""), field
            assert names(response) == {"date", "server", "etag"}
            assert response["ETag"] == tag


def test_who_has_another_file_gets_this_one(client: Client, file: File) -> None:
    for field in ['If-None-Match: "other"', f"If-Modified-Since: {BEFORE}"]:
        response = client.ask(file.request(field))
        assert (response.status, response.body) == (200, file.content)


def test_who_wants_another_file_gets_412(client: Client, file: File) -> None:
    for field in ['If-Match: "other"', f"If-Unmodified-Since: {BEFORE}"]:
        response = client.ask(file.request(field))
        assert (response.status, response.body) == (412, b"412 Precondition Failed\n")
        assert response["Content-Type"] == "text/plain; charset=utf-8"
        head = client.ask(file.request(field, method="HEAD"))
        assert (head.status, head.body) == (412, b"")


def test_who_wants_just_this_file_gets_it(client: Client, file: File) -> None:
    tag = client.ask(file.request())["ETag"]
    for field in [f"If-Match: {tag}", f"If-Unmodified-Since: {CHANGED_DATE}"]:
        assert client.ask(file.request(field)).body == file.content


def test_last_modified_is_never_ahead(client: Client, file: File) -> None:
    os.utime(file.path, (time.time() + 3600, time.time() + 3600))
    response = client.ask(file.request())
    assert response["Last-Modified"] == response["Date"]


def test_a_file_from_before_1970_can_be_sent(client: Client, file: File) -> None:
    os.utime(file.path, (-100, -100))
    response = client.ask(file.request())
    assert response["Last-Modified"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert response.body == file.content


# ---- ranges ----


@pytest.mark.parametrize(
    ("asked", "first", "length"),
    [
        ("0-0", 0, 1),
        ("10-19", 10, 10),
        ("0-", 0, 100_000),
        ("99999-", 99_999, 1),
        ("-10", 99_990, 10),
        ("-200000", 0, 100_000),
        ("50000-200000", 50_000, 50_000),
        ("1-50000", 1, 50_000),
        ("5-9,200000-", 5, 5),
    ],
)
def test_a_part_is_sent(
    client: Client, file: File, asked: str, first: int, length: int
) -> None:
    response = client.ask(file.request(f"Range: bytes={asked}"))
    assert response.status == 206
    assert (response["Content-Range"], response.body) == file.part(first, length)
    assert response["Content-Type"] == "text/plain"
    assert response["Last-Modified"] == CHANGED_DATE
    assert "ETag" in response


def read_parts(response: Response) -> list[email.message.Message]:
    kind, _, boundary = response["Content-Type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    head = f"Content-Type: {response['Content-Type']}\r\n\r\n".encode()
    mail = email.message_from_bytes(head + response.body)
    assert mail.get_boundary() == boundary
    assert not mail.defects
    parts = mail.get_payload()
    assert isinstance(parts, list)
    return parts  # type: ignore[return-value]


def test_several_parts_are_sent(client: Client, tmp_path: Path) -> None:
    file = File(tmp_path / "file", 300_000)
    ranges = [(200_000, 10), (0, 1), (1000, 100_000), (299_999, 1)]
    asked = ",".join(f"{first}-{first + length - 1}" for first, length in ranges)
    response = client.ask(file.request(f"Range: bytes={asked}"))
    assert response.status == 206
    assert "Content-Range" not in response
    parts = read_parts(response)
    assert [part["Content-Type"] for part in parts] == ["text/plain"] * 4
    for part, (first, length) in zip(parts, ranges, strict=True):
        expected_range, expected = file.part(first, length)
        assert part["Content-Range"] == expected_range
        assert expected in response.body
    # As letters, since mail would mend line ends in the parts themselves.
    boundary = response["Content-Type"].partition("boundary=")[2]
    assert response.body == b"".join(
        b"\r\n--%b\r\nContent-Type: text/plain\r\nContent-Range: %b\r\n\r\n%b"
        % (boundary.encode(), content_range.encode(), content)
        for content_range, content in (file.part(*range_) for range_ in ranges)
    ) + (b"\r\n--%b--\r\n" % boundary.encode())


def test_no_two_boundaries_are_the_same(client: Client, file: File) -> None:
    request = file.request("Range: bytes=0-0,2-2")
    types = {client.ask(request)["Content-Type"] for _ in range(10)}
    assert len(types) == 10


@pytest.mark.parametrize("asked", ["100000-", "-0", "200000-300000"])
def test_a_part_that_is_not_there_is_416(
    client: Client, file: File, asked: str
) -> None:
    response = client.ask(file.request(f"Range: bytes={asked}"))
    assert response.status == 416
    assert response["Content-Range"] == "bytes */100000"
    assert response.body == b"416 Range Not Satisfiable\n"
    assert "Last-Modified" not in response


@pytest.mark.parametrize(
    "fields",
    [
        ["Range: bytes=5-1"],
        ["Range: lines=1-5"],
        ["Range: bytes=0-9,5-20"],
        ["Range: bytes=" + ",".join(f"{at}-{at}" for at in range(17))],
        ["Range: bytes=0-9", "Range: bytes=20-29"],
    ],
)
def test_a_range_that_is_ignored_gets_the_whole(
    client: Client, file: File, fields: list[str]
) -> None:
    response = client.ask(file.request(*fields))
    assert (response.status, response.body) == (200, file.content)


def test_head_ignores_ranges(client: Client, file: File) -> None:
    head = client.ask(file.request("Range: bytes=0-9", method="HEAD"))
    assert (head.status, head["Content-Length"]) == (200, "100000")


def test_if_range_sends_the_part_of_the_same_file_only(
    client: Client, file: File
) -> None:
    tag = client.ask(file.request())["ETag"]
    for validator in (tag, CHANGED_DATE):
        request = file.request("Range: bytes=0-9", f"If-Range: {validator}")
        assert client.ask(request).status == 206
    for validator in ('"other"', f"W/{tag}", BEFORE, AFTER, "x"):
        request = file.request("Range: bytes=0-9", f"If-Range: {validator}")
        assert client.ask(request).body == file.content


def test_a_condition_comes_before_a_range(client: Client, file: File) -> None:
    tag = client.ask(file.request())["ETag"]
    range_ = "Range: bytes=200000-"
    for field, status in [
        (f"If-None-Match: {tag}", 304),
        ('If-Match: "other"', 412),
        (f"If-Match: {tag}", 416),
    ]:
        assert client.ask(file.request(range_, field)).status == status


# ---- what the endpoint brings itself ----


def test_fields_of_the_endpoint_stand_in_the_place_of_ours(
    client: Client, file: File
) -> None:
    own = [
        'X-Field: ETag: "mine"',
        f"X-Field: last-modified: {BEFORE}",
        "X-Field: Cache-Control: max-age=60",
        "X-Field: X-Mine: 1",
    ]
    response = client.ask(file.request(*own))
    assert response["ETag"] == '"mine"'
    assert response["Last-Modified"] == BEFORE
    assert (response["Cache-Control"], response["X-Mine"]) == ("max-age=60", "1")

    response = client.ask(file.request(*own, 'If-None-Match: "mine"'))
    assert response.status == 304
    assert names(response) == {
        *("date", "server", "etag", "last-modified", "cache-control", "x-mine")
    }
    assert client.ask(file.request(*own, f"If-Modified-Since: {BEFORE}")).status == 304


def test_a_304_leaves_out_what_describes_the_file(client: Client, file: File) -> None:
    own = ["Content-Encoding: gzip", "Content-Language: en", "Vary: Accept-Encoding"]
    fields = [f"X-Field: {field}" for field in own]
    assert {"content-encoding", "vary"} < names(client.ask(file.request(*fields)))
    response = client.ask(file.request(*fields, "If-None-Match: *"))
    assert names(response) == {"date", "server", "etag", "vary"}


def test_a_coding_has_a_tag_of_its_own(client: Client, file: File) -> None:
    plain, coded = (
        client.ask(file.request(*fields))["ETag"]
        for fields in ([], ["X-Field: Content-Encoding: gzip"])
    )
    assert coded == f'{plain[:-1]}-gzip"'
    odd = client.ask(file.request("X-Field: Content-Encoding: gzip, br"))
    assert odd["ETag"] == plain


@pytest.mark.parametrize(
    ("field", "status"), [("Range: bytes=200000-", 416), ('If-Match: "x"', 412)]
)
def test_an_error_page_is_not_taken_for_the_file(
    client: Client, file: File, field: str, status: int
) -> None:
    own = [
        *("Content-Encoding: gzip", 'ETag: "mine"', "Cache-Control: max-age=60"),
        *("Expires: 0", "Content-Disposition: attachment", "Set-Cookie: a=b"),
    ]
    fields = [f"X-Field: {line}" for line in own]
    response = client.ask(file.request(*fields, field))
    assert response.status == status
    assert names(response) - {"content-range"} == {
        *("date", "server", "content-type", "content-length", "set-cookie")
    }


def test_accept_ranges_none_means_no_ranges(client: Client, file: File) -> None:
    own = "X-Field: Accept-Ranges: none"
    response = client.ask(file.request(own, "Range: bytes=0-9"))
    assert (response.status, response.body) == (200, file.content)
    assert response["Accept-Ranges"] == "none"


@pytest.mark.parametrize(
    ("tag", "is_sent"), [('"mine"', True), ('W/"mine"', True), ("mine", False)]
)
def test_a_tag_that_comes_with_the_file_is_its_tag(
    client: Client, file: File, tag: str, is_sent: bool
) -> None:
    response = client.ask(file.request(f"X-Tag: {tag}"))
    assert (response["ETag"] == tag) == is_sent
    again = file.request(f"X-Tag: {tag}", f"If-None-Match: {response['ETag']}")
    assert client.ask(again).status == 304


def test_a_malformed_tag_of_the_endpoint_equals_nothing(
    client: Client, file: File
) -> None:
    own = ["X-Field: ETag: mine", "X-Field: Last-Modified: today"]
    response = client.ask(file.request(*own, "If-None-Match: mine"))
    assert (response.status, response["ETag"]) == (200, "mine")
    assert client.ask(file.request(*own, "If-Match: mine")).status == 412
    assert client.ask(file.request(*own, f"If-Modified-Since: {AFTER}")).status == 200
    assert client.ask(file.request(*own, f"If-Unmodified-Since: {BEFORE}")).body


def test_many_fields_find_room(client: Client, file: File) -> None:
    fields = [f"X-Field: X-{number}: {'x' * 150}" for number in range(60)]
    response = client.ask(file.request(*fields, "Range: bytes=0-9"))
    assert response.status == 206
    assert len([name for name in names(response) if name.startswith("x-")]) == 60


# ---- other answers with a file ----


@pytest.mark.parametrize("status", [201, 404, 503])
def test_another_status_has_the_file_whole(
    client: Client, file: File, status: int
) -> None:
    asked = ["Range: bytes=0-9", "If-None-Match: *", f"X-Status: {status}"]
    response = client.ask(file.request(*asked, "X-Field: Cache-Control: no-store"))
    assert (response.status, response.body) == (status, file.content)
    assert response["Cache-Control"] == "no-store"
    assert names(response).isdisjoint({"etag", "last-modified", "accept-ranges"})


def test_what_came_of_a_post_is_sent_whole(client: Client, file: File) -> None:
    asked = ["Range: bytes=0-9", 'If-Match: "x"', f"X-Path: {file.path}"]
    response = client.ask(post("/file", b"x", *asked))
    assert (response.status, response.body) == (200, file.content)
    assert "ETag" not in response


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none(
    client: Client, file: File, status: int
) -> None:
    response = client.ask(file.request(f"X-Status: {status}"))
    assert (response.status, response.body) == (status, b"")
    assert client.ask(get("/hello")).body == b"world"


@pytest.mark.parametrize("path", ["/", "/dev/null", "/nowhere"])
def test_what_is_no_regular_file_is_500(server: RunningServer, path: str) -> None:
    response = server.ask(get("/file", f"X-Path: {path}"))
    assert response.status == 500
    server.expect_log("answered with what is no regular file")


def test_a_file_that_is_answered_with_twice_is_sent_once(
    server: RunningServer, file: File
) -> None:
    with server.connect() as client:
        assert client.ask(file.request(path="/twice")).body == file.content
        assert client.ask(get("/hello")).body == b"world"
    server.expect_log("answered twice")


def test_a_status_that_there_is_not_sends_no_file(
    server: RunningServer, file: File
) -> None:
    assert server.ask(file.request("X-Status: 700")).status == 500
    server.expect_log("status outside 200 to 599")


# ---- among other requests ----


def test_files_keep_their_place_in_a_pipeline(client: Client, tmp_path: Path) -> None:
    small, large = File(tmp_path / "small", 100), File(tmp_path / "large", 400_000)
    client.send(
        b"".join(
            [
                large.request(),
                get("/hello"),
                small.request("Range: bytes=-1"),
                large.request(method="HEAD"),
                large.request("If-None-Match: *"),
                large.request("Range: bytes=1-300000,399999-"),
                get("/megabyte"),
                small.request(),
                large.request("Range: bytes=-20000", "Connection: close"),
            ]
        )
    )
    methods = ["GET", "GET", "GET", "HEAD", *["GET"] * 5]
    found = [client.response(method) for method in methods]
    assert [response.status for response in found] == [
        *(200, 200, 206, 200, 304, 206, 200, 200, 206)
    ]
    assert found[0].body == large.content
    assert found[1].body == b"world"
    assert found[2].body == small.content[-1:]
    assert large.content[1:300_001] in found[5].body
    assert len(found[6].body) == MIB
    assert found[7].body == small.content
    assert found[8].body == large.content[-20_000:]
    assert client.is_closed()


def test_many_files_in_one_pipeline(client: Client, tmp_path: Path) -> None:
    files = [File(tmp_path / f"file-{at}", at * 700) for at in range(100)]
    client.send(b"".join(file.request() for file in files))
    for file in files:
        assert client.response().body == file.content


def test_a_file_from_another_thread_is_sent_like_any_other(
    client: Client, file: File
) -> None:
    whole = client.ask(file.request(path="/later"))
    assert whole.body == file.content
    tag = whole["ETag"]
    for field, status in [
        (f"If-None-Match: {tag}", 304),
        ("Range: bytes=0-9", 206),
        ("Range: bytes=200000-", 416),
    ]:
        assert client.ask(file.request(field, path="/later")).status == status
    own = file.request('X-Tag: "mine"', path="/later")
    assert client.ask(own)["ETag"] == '"mine"'


def test_a_file_for_a_client_that_has_left_is_closed(
    server: RunningServer, file: File
) -> None:
    client = server.connect()
    client.send(file.request(path="/too-late"))
    wait_until(lambda: server.counter("exchanges_open") == 1)
    client.abort()
    server.wait_until_quiet()  # and at the end no descriptor is left


def test_a_warm_connection_allocates_nothing_for_files(
    serve: Serve, tmp_path: Path
) -> None:
    # A loop that is handed on, since its thread had to wait for a processor, allocates.
    server = serve(CODE, ROUTES, access_log=False, handoff_after=0)
    small, large = File(tmp_path / "small", 100), File(tmp_path / "large", 50_000)
    with server.connect() as client:

        def ask(times: int) -> None:
            for _ in range(times):
                client.ask(small.request())
                client.ask(small.request("If-None-Match: *"))
                client.ask(large.request("Range: bytes=0-9,20-29"))
                client.ask(small.request("Range: bytes=200-"))

        ask(5)
        before = server.counter("allocations")
        ask(30)
        assert server.counter("allocations") == before


# ---- clients that are slow or leave, files that change ----


@measures_memory
def test_a_large_file_goes_to_a_slow_reader_in_little_memory(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve(CODE, ROUTES)
    file = File(tmp_path / "large", 50 * MIB)
    with server.connect(small_window=True) as client:
        client.ask(get("/hello"))
        before = server.resident_bytes()
        client.send(file.request() + get("/hello"))
        received = 0
        for _ in range(20):
            received += len(client.receive())
            assert server.ask(get("/hello")).body == b"world"
        assert server.resident_bytes() - before < 2 * MIB
        assert client.response().body == file.content
        assert client.response().body == b"world"
        assert server.resident_bytes() - before < 2 * MIB


def test_clients_that_leave_in_the_middle_leave_no_descriptor(
    server: RunningServer, tmp_path: Path
) -> None:
    file = File(tmp_path / "large", 10 * MIB)
    for _ in range(10):
        client = server.connect(small_window=True)
        client.send(file.request() * 3)
        client.receive()
        client.abort()
    server.wait_until_quiet()


def test_a_file_that_becomes_shorter_is_cut_and_told_of(
    server: RunningServer, tmp_path: Path
) -> None:
    file = File(tmp_path / "large", 50 * MIB)
    with server.connect(small_window=True) as client:
        client.send(file.request())
        client.receive()
        os.truncate(file.path, 20 * MIB)
        received = bytearray()
        while data := client.socket.recv(MIB):
            received += data
        assert len(received) < 20 * MIB + 1000
    server.expect_log("a file changed or could not be read while it was being sent")


def test_a_file_that_is_replaced_is_sent_as_it_was(
    server: RunningServer, tmp_path: Path
) -> None:
    file = File(tmp_path / "large", 20 * MIB)
    with server.connect(small_window=True) as client:
        client.send(file.request())
        client.receive()
        new = tmp_path / "new"
        new.write_bytes(b"something else")
        new.replace(file.path)
        assert client.response().body == file.content
        assert client.ask(file.request()).body == b"something else"


def test_a_stop_lets_a_file_be_sent_to_its_end(serve: Serve, tmp_path: Path) -> None:
    server = serve(CODE, ROUTES)
    file = File(tmp_path / "large", 20 * MIB)
    with server.connect(small_window=True) as client:
        client.send(file.request())
        client.receive()
        server.signal(signal.SIGTERM)
        assert client.response().body == file.content
        assert client.is_closed()
    server.check_end()


def test_the_access_log_says_how_much_was_sent(serve: Serve, file: File) -> None:
    server = serve(CODE, ROUTES, access_log=True)
    with server.connect() as client:
        client.ask(file.request())
        client.ask(file.request("Range: bytes=0-9"))
        client.ask(file.request("If-None-Match: *"))
        client.ask(file.request(method="HEAD"))
    server.allow_log("INFO 127.0.0.1:")
    server.stop()
    ends = [
        line.split(" - ")[1]
        for line in server.log_text().splitlines()
        if "/file HTTP" in line
    ]
    assert ends == [
        '"GET /file HTTP/1.1" 200 OK 100000',
        '"GET /file HTTP/1.1" 206 Partial Content 10',
        '"GET /file HTTP/1.1" 304 Not Modified 0',
        '"HEAD /file HTTP/1.1" 200 OK 0',
    ]
