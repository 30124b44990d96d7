"""What an entry, or Server.add_static, may say of a folder."""

from pathlib import Path

import pytest

import pyrs
from pyrs.config import StaticOptions
from pyrs.errors import PyrsError
from tests.kit import Serve, get


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "docs").mkdir(parents=True)
    for name in ("a.html", "a.txt", "a.json", "a.gmi", "docs/start.htm"):
        (root / name).write_text(name)
    return root


def test_text_has_a_charset_if_one_is_said(serve: Serve, root: Path) -> None:
    types = {".GMI": "text/gemini; lang=en", "json": "application/x-json"}
    entry = {"static": str(root), "charset": "utf-8", "media_types": types}
    server = serve("", {"/": entry})
    for name, kind in {
        "a.html": "text/html; charset=utf-8",
        "a.txt": "text/plain; charset=utf-8",
        "a.json": "application/x-json",
        "a.gmi": "text/gemini; lang=en",
    }.items():
        assert server.ask(get(f"/{name}"))["Content-Type"] == kind


def test_another_index_and_none(serve: Serve, root: Path) -> None:
    routes = {
        "/a": {"static": str(root), "index": "start.htm"},
        "/b": {"static": str(root), "index": ""},
    }
    server = serve("", routes)
    assert server.ask(get("/a/docs/")).body == b"docs/start.htm"
    assert server.ask(get("/b/docs/")).status == 404
    assert server.ask(get("/b/docs/start.htm")).status == 200


def test_the_longest_name_may_be_an_index(serve: Serve, root: Path) -> None:
    """With the longest path before it, and a sibling's extension behind it."""
    name = "n" * 255
    server = serve("", {"/": {"static": str(root), "index": name}})
    (root / "docs" / name).write_text("found")
    assert server.ask(get("/docs/")).body == b"found"
    for length in range(4080, 4100):
        path = "/" + "d/" * (length // 2) + "d" * (length % 2) + "/"
        assert server.ask(get(path)).status == 404


def test_a_folder_is_listed_if_that_is_asked_for(serve: Serve, root: Path) -> None:
    (root / "docs" / ".hidden").touch()
    (root / "docs" / "inside").symlink_to("../a.txt")
    (root / "docs" / "outside").symlink_to(__file__)
    routes = {
        "/": {"static": str(root), "listing": True},
        "/named": {"static": str(root), "listing": True, "index": "start.htm"},
    }
    server = serve("", routes)
    page = server.ask(get("/docs/?sort=size"))
    assert (page.status, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"start.htm" in page.body
    assert b"inside" in page.body
    assert b"outside" not in page.body
    assert b".hidden" not in page.body
    assert b"docs" in server.ask(get("/")).body
    assert server.ask(get("/named/docs/")).body == b"docs/start.htm"
    for path in ("/none/", "/a.txt/", "/.hidden/"):
        assert server.ask(get(path)).status == 404
    assert server.ask(get("/docs")).status == 301


def test_cache_control_is_said_of_files_alone(serve: Serve, root: Path) -> None:
    entry = {"static": str(root), "cache_control": "public, max-age=3600"}
    server = serve("", {"/": entry})
    for path in ("/a.txt", "/a.txt"):
        assert server.ask(get(path))["Cache-Control"] == "public, max-age=3600"
    assert "Cache-Control" not in server.ask(get("/none"))
    assert "Cache-Control" not in server.ask(get("/docs"))


def test_folders_at_several_paths_are_told_apart(serve: Serve, root: Path) -> None:
    other = root.parent / "other"
    other.mkdir()
    (other / "a.txt").write_text("another")
    routes = {
        "/one": {"static": str(root)},
        "/two": {"static": str(other)},
        "/{user}/files": {"static": str(other)},
        "/one/a.json": "handler",
    }
    server = serve("def handler(request):\n    return 'handled'\n", routes)
    for _ in range(2):
        assert server.ask(get("/one/a.txt")).body == b"a.txt"
        assert server.ask(get("/two/a.txt")).body == b"another"
        assert server.ask(get("/x/files/a.txt")).body == b"another"
        assert server.ask(get("/one/a.json")).body == b"handled"
    assert server.ask(get("/two")).status == 301
    assert server.ask(get("/a%2fb/files"))["Location"] == "/a%2Fb/files/"


def test_what_cannot_be_served_is_refused_at_the_start(tmp_path: Path) -> None:
    with pyrs.Server() as server:
        for folder in (tmp_path / "none", Path(__file__)):
            with pytest.raises(PyrsError, match="cannot open the folder"):
                server.add_static("/", folder)
        for options, key in [
            (StaticOptions(index="a/b"), "index"),
            (StaticOptions(cache_control="a\nb"), "cache_control"),
            (StaticOptions(cache_control="a" * 1001), "cache_control"),
            (StaticOptions(media_types={"html": "text"}), "media_types"),
        ]:
            with pytest.raises(PyrsError, match=rf"settings: .*\$\.{key}"):
                server.add_static("/", tmp_path, options)
        server.add_static("/", tmp_path)
        with pytest.raises(PyrsError, match="same path"):
            server.add_static("/*", tmp_path)


def test_what_may_not_be_read_is_403(serve: Serve, root: Path) -> None:
    entry = {"static": str(root), "listing": True}
    server = serve("", {"/": entry}, heeds_permissions=True)
    (root / "a.txt").chmod(0)
    (root / "docs").chmod(0)
    for path in ("/a.txt", "/docs/", "/docs/start.htm"):
        assert server.ask(get(path)).status == 403
    (root / "docs").chmod(0o300)  # names may be tried, but not listed
    assert server.ask(get("/docs/start.htm")).status == 200
    assert server.ask(get("/docs/")).status == 403
    (root / "docs").chmod(0o700)
