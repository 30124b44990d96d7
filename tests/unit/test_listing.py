"""csrc/serve/listing.h: the page of a folder, as a browser reads it.

How it looks, and that it is served, is tested in tests/static/test_listing.py.
"""

import base64
import errno
import hashlib
import os
import re
import socket
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.folder_page import FolderPage, read_folder_page

from .c_core import ffi, lib
from .http_kit import bytes_of, kept_slice

NOON = datetime(2026, 3, 1, 12, 0, 7, tzinfo=timezone.utc)
FOLDER = os.O_RDONLY | os.O_DIRECTORY


def listing_bytes(
    folder: Path,
    query: str = "",
    *,
    path: bytes = b"/",
    root: bytes = b"/",
    most: int = 1000,
    follow: Any = ffi.NULL,
) -> bytes:
    """The page; OSError if there is none."""
    return written(os.open(folder, FOLDER), folder, query, path, root, most, follow)


def written(
    descriptor: int,
    folder: Path,
    query: str,
    path: bytes,
    root: bytes,
    most: int,
    follow: Any,
) -> bytes:
    """Descriptors are as before, in any case."""
    context = ffi.new("int *", os.open(folder, FOLDER))
    told = {
        "folder": descriptor,
        "path": kept_slice(path),
        "root_length": len(root),
        "query": kept_slice(query.encode()),
        "entries_max": most,
        "follow": follow,
        "context": context,
    }
    length = ffi.new("size_t *")
    page = lib.listing_write(ffi.new("struct listing *", told), length)
    reason = ffi.errno
    os.close(context[0])
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    if page == ffi.NULL:
        raise OSError(reason, os.strerror(reason))
    text = bytes(ffi.buffer(page, length[0]))
    lib.kit_free(page)
    return text


def listing(folder: Path, query: str = "", **told: Any) -> FolderPage:
    return read_folder_page(listing_bytes(folder, query, **told))


def fill(folder: Path, names: Iterable[str | bytes], size: int = 0) -> None:
    for name in names:
        file = os.open(
            folder / os.fsdecode(name),
            os.O_CREAT | os.O_WRONLY,
        )
        os.ftruncate(file, size)
        os.close(file)


# ---- what is shown ----


def test_a_file_has_name_size_and_date(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(bytes(954_824))
    os.utime(tmp_path / "a.txt", (0, NOON.timestamp()))
    (row,) = listing(tmp_path).rows
    assert (row.text, row.link, row.is_folder) == ("a.txt", "a.txt", False)
    assert (row.size, row.size_text) == (954_824, "955 kB")
    assert row.modified == NOON


def test_a_folder_has_no_size_and_its_link_ends_with_a_slash(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    os.utime(tmp_path / "images", (0, NOON.timestamp()))
    (row,) = listing(tmp_path).rows
    assert (row.text, row.link, row.is_folder) == ("images", "images/", True)
    assert (row.size, row.modified) == (None, NOON)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (34, "34 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1049, "1.0 kB"),
        (1051, "1.1 kB"),
        (9_949, "9.9 kB"),
        (9_951, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (734_003_200, "734 MB"),
        (2**43, "8.8 TB"),
    ],
)
def test_sizes_are_rounded_to_what_a_person_wants(
    tmp_path: Path, size: int, text: str
) -> None:
    fill(tmp_path, ["a"], size)
    (row,) = listing(tmp_path).rows
    assert (row.size, row.size_text) == (size, text)


def test_a_date_that_html_has_no_form_for_is_left_out(tmp_path: Path) -> None:
    fill(tmp_path, ["early"])
    os.utime(tmp_path / "early", (0, -1))
    (tmp_path / "late").symlink_to("early")
    early, late = listing(tmp_path, follow=lib.kit_follow_late).rows
    assert early.modified == datetime(1969, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
    assert late.modified is None


def test_the_first_lines_tell_where_one_is_and_how_much_there_is(
    tmp_path: Path,
) -> None:
    fill(tmp_path, ["a", "b"], 1500)
    (tmp_path / "c").mkdir()
    page = listing(tmp_path, path=b"/files/docs/", root=b"/files/")
    assert page.title == "/files/docs/"
    assert page.notes == ["1 folder, 2 files, 3.0 kB"]


@pytest.mark.parametrize(
    ("files", "folders", "note"),
    [
        ([], [], "Nothing in here"),
        (["a"], [], "1 file, 0 B"),
        ([], ["a"], "1 folder"),
        ([], ["a", "b"], "2 folders"),
    ],
)
def test_what_there_is_is_counted(
    tmp_path: Path, files: list[str], folders: list[str], note: str
) -> None:
    fill(tmp_path, files)
    for name in folders:
        (tmp_path / name).mkdir()
    page = listing(tmp_path)
    assert page.notes == [note]
    assert len(page.rows) == len(files + folders)


def test_hidden_names_and_what_is_no_file_are_not_shown(tmp_path: Path) -> None:
    fill(tmp_path, [".htpasswd", "..odd", "a"])
    (tmp_path / ".git").mkdir()
    (tmp_path / ".well-known").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(os.path.relpath(tmp_path / "socket"))
        assert listing(tmp_path).names == [b".well-known", b"a"]


def test_a_symbolic_link_is_shown_as_what_it_leads_to_if_it_is_followed(
    tmp_path: Path,
) -> None:
    shown = tmp_path / "shown"
    shown.mkdir()
    fill(tmp_path, ["outside"], 77)
    (shown / "file").symlink_to("../outside")
    (shown / "folder").symlink_to("..")
    (shown / "broken").symlink_to("nowhere")
    (shown / "turning").symlink_to("turning")
    assert listing(shown).rows == []
    page = listing(shown, follow=lib.kit_follow)
    assert [(row.link, row.size) for row in page.rows] == [
        ("folder/", None),
        ("file", 77),
    ]


# ---- the way up ----


def test_each_part_of_the_path_leads_to_its_folder(tmp_path: Path) -> None:
    page = listing(tmp_path, path=b"/my/files/a/b c/d/", root=b"/my/files/")
    assert page.crumbs == [
        ("/my/files/", "../../../"),
        ("a/", "../../"),
        ("b c/", "../"),
        ("d/", None),
    ]
    assert page.parent == "../"


def test_no_link_leads_above_the_folder_that_is_served(tmp_path: Path) -> None:
    page = listing(tmp_path, path=b"/my/files/", root=b"/my/files/")
    assert (page.crumbs, page.parent) == ([("/my/files/", None)], None)
    page = listing(tmp_path)
    assert (page.crumbs, page.parent) == ([("/", None)], None)
    page = listing(tmp_path, path=b"/a/")
    assert (page.crumbs, page.parent) == ([("/", "../"), ("a/", None)], "../")


# ---- order ----


def order(folder: Path, query: str) -> list[str]:
    return [row.text for row in listing(folder, query).rows]


def test_names_are_in_the_order_that_people_use(tmp_path: Path) -> None:
    names = [
        "a", "A1", "a2", "a02", "a10", "a10b", "apple", "Zoo", "file9.jpg",
        "file10.jpg", "file99999999999999999999.jpg", "file100000000000000000000.jpg",
        "\u00e4", "_", "1", "02", "10",
    ]  # fmt: skip
    fill(tmp_path, names)
    assert order(tmp_path, "") == [
        "1", "02", "10", "_", "a", "A1", "a02", "a2", "a10", "a10b", "apple",
        "file9.jpg", "file10.jpg", "file99999999999999999999.jpg",
        "file100000000000000000000.jpg", "Zoo", "\u00e4",
    ]  # fmt: skip


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Files and folders that each key puts into another order."""
    for at, (name, size) in enumerate([("b", 10), ("c", 3000), ("a", 10), ("d", 0)]):
        fill(tmp_path, [name], size)
        os.utime(tmp_path / name, (0, 1000 * at))
    for at, name in enumerate(["y", "z", "x"]):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, 1000 * at))
    return tmp_path


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "xyz abcd"),
        ("sort=name&order=asc", "xyz abcd"),
        ("sort=name&order=desc", "zyx dcba"),
        ("sort=size&order=asc", "xyz dabc"),
        ("sort=size&order=desc", "xyz cabd"),
        ("sort=date&order=asc", "yzx bcad"),
        ("sort=date&order=desc", "xzy dacb"),
        ("order=desc", "zyx dcba"),
        ("sort=size", "xyz dabc"),
        ("order=desc&sort=size", "xyz cabd"),
        ("sort=size&sort=date", "yzx bcad"),
        ("utm_source=x&sort=date&&order=desc&", "xzy dacb"),
        ("sort=colour&order=up", "xyz abcd"),
        ("SORT=size", "xyz abcd"),
        ("sort", "xyz abcd"),
        ("sort=", "xyz abcd"),
        ("&", "xyz abcd"),
        ("sort=size%26order=desc", "xyz abcd"),
    ],
)
def test_entries_are_sorted_as_asked_with_folders_first(
    mixed: Path, query: str, expected: str
) -> None:
    assert order(mixed, query) == list(expected.replace(" ", ""))


@pytest.mark.parametrize(
    ("query", "sorts", "links"),
    [
        ("", "+..", ["name desc", "size desc", "date desc"]),
        ("order=desc", "-..", ["name asc", "size desc", "date desc"]),
        ("sort=size&order=desc", ".-.", ["name asc", "size asc", "date desc"]),
        ("sort=date", "..+", ["name asc", "size desc", "date desc"]),
    ],
)
def test_the_columns_say_what_sorts_and_lead_to_the_other_orders(
    tmp_path: Path, query: str, sorts: str, links: list[str]
) -> None:
    columns = listing(tmp_path, query).columns
    assert [title for title, _, _ in columns] == ["Name", "Size", "Modified (UTC)"]
    assert [link for _, link, _ in columns] == [
        "?sort={}&order={}".format(*link.split()) for link in links
    ]
    signs = {"+": "ascending", "-": "descending", ".": None}
    assert [sort for _, _, sort in columns] == [signs[sign] for sign in sorts]


# ---- names of any bytes ----

NAMES = [
    b"with blanks and+plus", b"100%.txt", b"a&amp;b", b"a;b,c'd\"e", b"<script>",
    b"a?b#c", b"javascript:alert(1)", b"c:\\windows", b"two\nlines", b"\r\n\r\n",
    b"\x1b[31mred", b"\x01\x7f", b"latin-\xe9\xff", "gr\u00fc\u00df".encode(),
    "\u202egpj.exe".encode(), "\U0001f600".encode(), b" ", b"~", b"-", b"x" * 255,
    b"\xff" * 255, b'"' * 255, b"...a"[1:].replace(b".", b"%2e"),
]  # fmt: skip


def test_every_name_leads_to_its_file(tmp_path: Path) -> None:
    fill(tmp_path, NAMES)
    page = listing(tmp_path)
    assert sorted(page.names) == sorted(NAMES)
    for row in page.rows:
        assert re.fullmatch(r"[A-Za-z0-9%._~-]+", row.link)
        assert row.text
        assert len(row.text.splitlines()) == 1


@given(name=st.binary(min_size=1, max_size=60))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_leads_to_its_file(tmp_path: Path, name: bytes) -> None:
    name = b"a" + name.translate(None, b"\0/")
    fill(tmp_path, [name])
    try:
        assert listing(tmp_path).names == [name]
    finally:
        (tmp_path / os.fsdecode(name)).unlink()


@given(path=st.binary(max_size=60))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_path_is_shown(tmp_path: Path, path: bytes) -> None:
    path = b"/" + path + b"/"
    page = listing(tmp_path, path=path)
    assert page.title == "".join(text for text, _ in page.crumbs)
    assert [link for _, link in page.crumbs if link] == [
        "../" * up for up in range(path.count(b"/") - 1, 0, -1)
    ]


# ---- many ----


def test_a_folder_with_more_entries_is_shown_in_part_and_says_so(
    tmp_path: Path,
) -> None:
    fill(tmp_path, [*(f"file{at}" for at in range(20)), ".hidden"])
    page = listing(tmp_path, most=20)
    assert (len(page.rows), len(page.notes)) == (20, 1)
    page = listing(tmp_path, "sort=name&order=desc", most=19)
    assert len(page.rows) == 19
    assert page.notes[0] == "19 files, 0 B"
    assert page.notes[1].startswith("There are more than 19 entries in this folder.")
    texts = [row.text for row in page.rows]
    assert texts == sorted(texts, key=lambda text: -int(text[4:]))


# ---- what goes wrong ----


def test_what_is_no_folder_cannot_be_listed(tmp_path: Path) -> None:
    fill(tmp_path, ["file"])
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    with pytest.raises(OSError, match=os.strerror(errno.ENOTDIR)):
        written(descriptor, tmp_path, "", b"/", b"/", 10, ffi.NULL)


def test_a_folder_that_was_removed_is_empty(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    descriptor = os.open(folder, FOLDER)
    folder.rmdir()
    page = read_folder_page(written(descriptor, tmp_path, "", b"/", b"/", 10, ffi.NULL))
    assert page.notes == ["Nothing in here"]


# ---- its header ----


def test_the_fields_allow_the_style_of_the_page_and_nothing_else(
    tmp_path: Path,
) -> None:
    style = listing(tmp_path).style.encode()
    hashed = base64.b64encode(hashlib.sha256(style).digest()).decode()
    assert bytes_of(lib.listing_fields()).decode() == (
        "Content-Security-Policy: default-src 'none'; img-src data:; "
        f"style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'\r\n"
        "Cache-Control: no-cache\r\n"
    )
