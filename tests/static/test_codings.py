"""Siblings in other codings: page.html.gz for page.html."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import Response, RunningServer, Serve, get, running_server

OLD = 1_700_000_000
CONTENTS = {
    "all.css": b"plain" * 10,
    "all.css.br": b"in brotli",
    "all.css.zst": b"in zstandard",
    "all.css.gz": b"in gzip",
    "large.js": b"plain" * 10_000,
    "large.js.gz": b"in gzip" * 5_000,
    "one.html": b"plain",
    "one.html.gz": b"in gzip",
    "stale.txt": b"plain",
    "stale.txt.gz": b"of an older one",
    "alone.txt": b"plain",
    "packed.gz": b"in gzip",
    "folder/index.html": b"index",
    "folder/index.html.br": b"index in brotli",
    "odd.txt": b"plain",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("codings")
    root = folder / "root"
    for name, content in CONTENTS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
        os.utime(root / name, (OLD, OLD))
    os.utime(root / "stale.txt.gz", (OLD - 1, OLD - 1))
    (root / "odd.txt.gz").mkdir()
    (root / "odd.txt.br").symlink_to("../secret")
    (folder / "secret").write_bytes(b"secret")
    with running_server(folder, "", {"/": {"static": "root"}}) as running:
        yield running


def ask(server: RunningServer, path: str, accept: str | None, *more: str) -> Response:
    """From the disk and from memory."""
    fields = [*more] if accept is None else [f"Accept-Encoding: {accept}", *more]
    with server.connect() as client:
        first, second = (client.ask(get(path, *fields)) for _ in range(2))
    assert (first.status, first.body) == (second.status, second.body)
    assert [pair for pair in first.fields if pair[0] != "Date"] == [
        pair for pair in second.fields if pair[0] != "Date"
    ]
    return second


@pytest.mark.parametrize(
    ("path", "accept", "name", "coding"),
    [
        ("/all.css", None, "all.css", None),
        ("/all.css", "", "all.css", None),
        ("/all.css", "gzip", "all.css.gz", "gzip"),
        ("/all.css", "gzip, deflate, br, zstd", "all.css.br", "br"),
        ("/all.css", "gzip;q=1.0, zstd;q=0.5", "all.css.gz", "gzip"),
        ("/all.css", "br;q=0, *", "all.css.zst", "zstd"),
        ("/all.css", "identity;q=0, gzip", "all.css.gz", "gzip"),
        ("/all.css", "deflate", "all.css", None),
        ("/large.js", "gzip", "large.js.gz", "gzip"),
        ("/large.js", "br", "large.js", None),
        ("/one.html", "br, gzip;q=0.1", "one.html.gz", "gzip"),
        ("/folder/", "br", "folder/index.html.br", "br"),
        ("/folder/", "gzip", "folder/index.html", None),
    ],
)
def test_who_takes_a_coding_gets_it(
    server: RunningServer, path: str, accept: str | None, name: str, coding: str | None
) -> None:
    answer = ask(server, path, accept)
    assert (answer.status, answer.body) == (200, CONTENTS[name])
    assert answer.all("Content-Encoding") == ([coding] if coding else [])
    assert answer["Vary"] == "Accept-Encoding"
    plain = ask(server, path, None)
    assert answer["Content-Type"] == plain["Content-Type"]


def test_every_coding_has_a_tag_of_its_own(server: RunningServer) -> None:
    tags = [
        ask(server, "/all.css", coding)["ETag"] for coding in ("br", "zstd", "gzip")
    ]
    tags.append(ask(server, "/all.css", None)["ETag"])
    assert len(set(tags)) == 4
    assert not [tag for tag in tags if tag.startswith("W/")]
    gzip = tags[2]
    assert ask(server, "/all.css", "gzip", f"If-None-Match: {gzip}").status == 304
    assert ask(server, "/all.css", "br", f"If-None-Match: {gzip}").status == 200
    part = ask(server, "/all.css", "gzip", f"If-Range: {gzip}", "Range: bytes=3-")
    assert (part.status, part.body) == (206, b"gzip")
    assert part["Content-Encoding"] == "gzip"
    whole = ask(server, "/all.css", "br", f"If-Range: {gzip}", "Range: bytes=3-")
    assert (whole.status, whole.body) == (200, b"in brotli")


def test_a_304_varies_as_its_200_does(server: RunningServer) -> None:
    tag = ask(server, "/one.html", "gzip")["ETag"]
    answer = ask(server, "/one.html", "gzip", f"If-None-Match: {tag}")
    assert (answer.status, answer["Vary"]) == (304, "Accept-Encoding")


@pytest.mark.parametrize("path", ["/stale.txt", "/alone.txt", "/odd.txt"])
def test_what_is_no_sibling_is_left_alone(server: RunningServer, path: str) -> None:
    """An older one, none at all, a folder, a link that leads out."""
    for accept in ("gzip, br", "*", "identity;q=0"):
        answer = ask(server, path, accept)
        assert (answer.status, answer.body) == (200, b"plain")
        assert "Vary" not in answer
        assert "Content-Encoding" not in answer


def test_a_sibling_is_a_file_as_well(server: RunningServer) -> None:
    for path in ("/all.css.gz", "/packed.gz"):
        answer = ask(server, path, "gzip")
        assert (answer.status, answer["Content-Type"]) == (200, "application/gzip")
        assert "Content-Encoding" not in answer


def test_who_takes_nothing_that_there_is_gets_406(server: RunningServer) -> None:
    for accept in ("identity;q=0", "*;q=0", "br, identity;q=0"):
        answer = ask(server, "/one.html", accept)
        assert (answer.status, answer["Vary"]) == (406, "Accept-Encoding")


def test_siblings_may_be_left_out(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"plain")
    (tmp_path / "a.txt.gz").write_bytes(b"in gzip")
    server = serve("", {"/": {"static": str(tmp_path), "precompressed": False}})
    answer = server.ask(get("/a.txt", "Accept-Encoding: gzip"))
    assert answer.body == b"plain"
    assert "Vary" not in answer
