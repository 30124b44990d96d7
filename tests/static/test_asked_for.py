"""Conditions and ranges, of files that are held ready as bytes, and of those that are
sent from their descriptor: RFC 9110, 13.2.2 and 14, row by row.

Each is asked for twice: what the first request finds on the disk, the second finds in
the loop's memory. That both are answered alike is asserted of every row.
"""

import os
from collections.abc import Iterator
from email import message_from_bytes
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.kit import Client, Response, RunningServer, get, running_server

CHANGED = 1_700_000_000
EXACT = formatdate(CHANGED, usegmt=True)
BEFORE = formatdate(CHANGED - 1, usegmt=True)
AFTER = formatdate(CHANGED + 1, usegmt=True)
SIZES = {"small": 1000, "large": 100_000}


def content_of(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("asked")
    (folder / "root").mkdir()
    options = {"static": "root", "cache_control": "max-age=60"}
    with running_server(folder, "", {"/": options}) as running:
        yield running


@pytest.fixture(params=SIZES)
def file(
    server: RunningServer, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator["File"]:
    """One that no test before has asked for."""
    path = server.folder / "root" / f"{tmp_path.name}.txt"
    path.write_bytes(content_of(SIZES[request.param]))
    os.utime(path, (CHANGED, CHANGED))
    with server.connect() as client:
        yield File(client, path, SIZES[request.param])
    path.unlink()


class File:
    def __init__(self, client: Client, path: Path, size: int) -> None:
        self._client = client
        self.size = size
        self.content = content_of(size)
        self.name = f"/{path.name}"

    def ask(self, *fields: str, method: str = "GET") -> Response:
        """From the disk, and from memory: both answers are the same."""
        request = get(self.name, *fields, method=method)
        first, second = (self._client.ask(request) for _ in range(2))
        assert told(first) == told(second)
        return second

    def tag(self) -> str:
        return self.ask(method="HEAD")["ETag"]


def told(response: Response) -> tuple[int, dict[str, str], bytes]:
    """Without what differs from answer to answer: the time, a boundary."""
    fields = {name: value for name, value in response.fields if name != "Date"}
    body = response.body
    if "boundary=" in fields.get("Content-Type", ""):
        boundary = fields["Content-Type"].rpartition("=")[2]
        fields["Content-Type"] = fields["Content-Type"].replace(boundary, "B")
        body = body.replace(boundary.encode(), b"B")
    return response.status, fields, body


def test_the_whole(file: File) -> None:
    answer = file.ask()
    assert (answer.status, answer.body) == (200, file.content)
    assert answer["Content-Type"] == "text/plain"
    assert answer["Last-Modified"] == EXACT
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["Cache-Control"] == "max-age=60"
    assert answer["ETag"].startswith('"')
    assert "Vary" not in answer
    head = file.ask(method="HEAD")
    assert head.body == b""
    assert told(head)[1] == told(answer)[1]


# In the order of 13.2.2; {tag} is the file's own.
CONDITIONS: list[tuple[list[str], int, int]] = [
    # 1. If-Match
    (["If-Match: {tag}"], 200, 200),
    (['If-Match: "other", {tag}'], 200, 200),
    (["If-Match: *"], 200, 200),
    (['If-Match: "other"'], 412, 412),
    (["If-Match: W/{tag}"], 412, 412),
    ([f"If-Unmodified-Since: {BEFORE}", "If-Match: {tag}"], 200, 200),
    # 2. If-Unmodified-Since, without If-Match
    ([f"If-Unmodified-Since: {EXACT}"], 200, 200),
    ([f"If-Unmodified-Since: {AFTER}"], 200, 200),
    ([f"If-Unmodified-Since: {BEFORE}"], 412, 412),
    (["If-Unmodified-Since: yesterday"], 200, 200),
    # 3. If-None-Match
    (["If-None-Match: {tag}"], 304, 304),
    (["If-None-Match: W/{tag}"], 304, 304),
    (["If-None-Match: *"], 304, 304),
    (['If-None-Match: "other"'], 200, 200),
    (["If-Match: {tag}", "If-None-Match: {tag}"], 304, 304),
    (['If-Match: "other"', "If-None-Match: {tag}"], 412, 412),
    (['If-None-Match: "other"', f"If-Modified-Since: {AFTER}"], 200, 200),
    # 4. If-Modified-Since, without If-None-Match
    ([f"If-Modified-Since: {EXACT}"], 304, 304),
    ([f"If-Modified-Since: {AFTER}"], 304, 304),
    ([f"If-Modified-Since: {BEFORE}"], 200, 200),
    (["If-Modified-Since: tomorrow"], 200, 200),
    # 5. Range with If-Range, to GET alone
    (["Range: bytes=0-1", "If-Range: {tag}"], 206, 200),
    (["Range: bytes=0-1", f"If-Range: {EXACT}"], 206, 200),
    (["Range: bytes=0-1", "If-Range: W/{tag}"], 200, 200),
    (["Range: bytes=0-1", 'If-Range: "other"'], 200, 200),
    (["Range: bytes=0-1", f"If-Range: {AFTER}"], 200, 200),
    (["If-None-Match: {tag}", "Range: bytes=0-1"], 304, 304),
    (['If-Match: "other"', "Range: bytes=0-1"], 412, 412),
    # 6. Otherwise
    (["Range: bytes=0-1"], 206, 200),
    ([], 200, 200),
]


def test_conditions_in_their_order_of_precedence(file: File) -> None:
    tag = file.tag()
    for fields, to_get, to_head in CONDITIONS:
        lines = [field.replace("{tag}", tag) for field in fields]
        assert (file.ask(*lines).status, fields) == (to_get, fields)
        assert (file.ask(*lines, method="HEAD").status, fields) == (to_head, fields)


def test_a_304_says_what_a_cache_needs_and_nothing_of_the_content(file: File) -> None:
    answer = file.ask(f"If-None-Match: {file.tag()}")
    names = {name for name, _ in answer.fields}
    assert {"ETag", "Cache-Control", "Date"} <= names
    assert not names & {"Content-Type", "Content-Length", "Last-Modified"}


# {n} is the file's length, {last} one less; first and length of what is sent.
RANGES: list[tuple[str, tuple[int, int] | int]] = [
    ("bytes=0-0", (0, 1)),
    ("bytes=0-99", (0, 100)),
    ("bytes=500-", (500, -500)),
    ("bytes=-1", (-1, 1)),
    ("bytes=-500", (-500, 500)),
    ("bytes=0-{last}", (0, 0)),
    ("bytes=0-{n}", (0, 0)),
    ("bytes=0-99999999999999999999", (0, 0)),
    ("bytes=-{n}", (0, 0)),
    ("bytes=-99999999999999999999", (0, 0)),
    ("bytes=999-", (999, -999)),
    ("bytes={last}-{last}", (-1, 1)),
    ("Bytes=0-0", (0, 1)),
    # Nothing of it is there: 416.
    ("bytes={n}-", 416),
    ("bytes={n}-{n}", 416),
    ("bytes=-0", 416),
    ("bytes={n}-,99999999999-", 416),
    # Not to be obeyed: 200.
    ("bytes=1-0", 200),
    ("bytes=", 200),
    ("bytes", 200),
    ("bytes=-", 200),
    ("bytes=a-b", 200),
    ("bytes=0x1-2", 200),
    ("bytes=+1-2", 200),
    ("lines=0-1", 200),
    ("bytes=0-10,5-15", 200),
    ("bytes=" + ",".join(f"{at}-{at}" for at in range(0, 60, 2)), 200),
]


def test_ranges(file: File) -> None:
    for text, expected in RANGES:
        value = text.format(n=file.size, last=file.size - 1)
        answer = file.ask(f"Range: {value}")
        if expected == 416:
            assert (answer.status, value) == (416, value)
            assert answer["Content-Range"] == f"bytes */{file.size}"
        elif expected == 200:
            assert (answer.status, answer.body == file.content, value) == (
                *(200, True),
                value,
            )
        else:
            assert isinstance(expected, tuple)
            first, length = expected
            first = first if first >= 0 else file.size + first
            length = length if length > 0 else file.size + length
            assert (answer.status, value) == (206, value)
            assert answer.body == file.content[first : first + length]
            last = first + length - 1
            assert answer["Content-Range"] == f"bytes {first}-{last}/{file.size}"
            assert answer["Content-Type"] == "text/plain"


def test_several_ranges_are_the_parts_of_one_body(file: File) -> None:
    asked = "bytes=0-4, 990-994, -3, 100000-"
    parts = [(0, 5), (990, 5), (file.size - 3, 3)]
    answer = file.ask(f"Range: {asked}")
    assert answer.status == 206
    assert "Content-Range" not in answer
    head = f"Content-Type: {answer['Content-Type']}\r\n\r\n".encode()
    message = message_from_bytes(head + answer.body)
    assert message.get_content_type() == "multipart/byteranges"
    found = message.get_payload()
    assert isinstance(found, list)
    for (first, length), part in zip(parts, found, strict=True):
        last = first + length - 1
        assert part["Content-Range"] == f"bytes {first}-{last}/{file.size}"
        assert part.get_content_type() == "text/plain"
        bytes_of_part = part.get_payload(decode=True)
        assert bytes_of_part == file.content[first : first + length]


def test_of_an_empty_file_there_are_no_parts(server: RunningServer) -> None:
    (server.folder / "root" / "empty").write_bytes(b"")
    with server.connect() as client:
        for fields in ([], ["Range: bytes=0-"], ["Range: bytes=-1"]):
            for _ in range(2):
                answer = client.ask(get("/empty", *fields))
                assert (answer.status, answer.body) == (200, b"")
