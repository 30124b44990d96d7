"""csrc/serve/folder.h: by openat2 and by the walk, which give the same answers."""

import ctypes
import errno
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest

from .c_core import ffi, lib

WAYS = {"at once": False, "name by name": True}


class Folder:
    def __init__(self, path: Path, walk: bool, links_out: bool = False) -> None:
        self._folder = ffi.new("struct folder *")
        error = ffi.new("struct pyrs_error *")
        opened = lib.folder_init(
            self._folder, os.fsencode(path), links_out, walk, error
        )
        if not opened:
            raise OSError(error.code, ffi.string(error.message).decode())
        self.walks = bool(self._folder.walk)

    def close(self) -> None:
        lib.folder_fini(self._folder)

    def open(self, path: str) -> str:
        """The content of a file, "folder", "other", or the name of an errno."""
        descriptor = lib.folder_open(self._folder, os.fsencode(path))
        if descriptor < 0:
            return errno.errorcode[-descriptor]
        try:
            return os.read(descriptor, 100).decode()
        except IsADirectoryError:
            return "folder"
        except OSError:
            return "other"
        finally:
            os.close(descriptor)

    def look(self, path: str) -> str:
        """As open, but what can only be looked at is "file" or "other"."""
        descriptor = lib.folder_look(self._folder, os.fsencode(path))
        if descriptor < 0:
            return errno.errorcode[-descriptor]
        mode = os.fstat(descriptor).st_mode
        os.close(descriptor)
        kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder"}
        return kinds.get(stat.S_IFMT(mode), "other")


@contextmanager
def opened(path: Path, walk: bool, links_out: bool = False) -> Iterator[Folder]:
    folder = Folder(path, walk, links_out)
    try:
        yield folder
    finally:
        folder.close()


@pytest.fixture(params=WAYS)
def walk(request: pytest.FixtureRequest) -> bool:
    return WAYS[request.param]


def test_openat2_is_used_where_it_is(tmp_path: Path) -> None:
    with opened(tmp_path, walk=True) as folder:
        assert folder.walks
    if tuple(map(int, os.uname().release.split(".")[:2])) >= (5, 6):
        with opened(tmp_path, walk=False) as folder:
            assert not folder.walks


def test_what_is_no_folder_is_told(tmp_path: Path, walk: bool) -> None:
    (tmp_path / "file").touch()
    for name, code in {"file": errno.ENOTDIR, "none": errno.ENOENT}.items():
        with pytest.raises(OSError, match="cannot open the folder") as told:
            Folder(tmp_path / name, walk)
        assert told.value.errno == code


NAMES = ["a", "b", "l"]
TARGETS = ["a", "b", "l", "a/b", "..", "../a", "../..", ".", "a/../b", "/", "b/", ""]


def test_both_ways_give_the_same_answers(tmp_path: Path) -> None:
    """Of every path of up to three names in many small worlds of links."""
    paths = ["/".join(names) for n in (1, 2, 3) for names in product(NAMES, repeat=n)]
    for number, (first, second) in enumerate(product(TARGETS, repeat=2)):
        root = tmp_path / f"{number}" / "root"
        (root / "a" / "b").mkdir(parents=True)
        (root.parent / "a").write_text("outside")
        (root / "b").write_text("b")
        (root / "a" / "a").write_text("a/a")
        if first:
            (root / "l").symlink_to(first)
        if second:
            (root / "a" / "l").symlink_to(second)
        with opened(root, False) as at_once, opened(root, True) as walked:
            found = {path: at_once.open(path) for path in paths}
            assert found == {path: walked.open(path) for path in paths}, (first, second)
            assert "outside" not in found.values()
            seen = {path: at_once.look(path) for path in paths}
            assert seen == {path: walked.look(path) for path in paths}, (first, second)
            assert seen == {path: _without_content(found[path]) for path in paths}


def _without_content(told: str) -> str:
    return told if told == "folder" or told in errno.errorcode.values() else "file"


def test_a_folder_is_opened_by_the_empty_path(tmp_path: Path, walk: bool) -> None:
    (tmp_path / "sub").mkdir()
    with opened(tmp_path, walk) as folder:
        assert folder.open("") == folder.open("sub") == "folder"
        assert folder.look("") == folder.look("sub") == "folder"


def test_many_folders_below_each_other(tmp_path: Path, walk: bool) -> None:
    deep = Path(*["d"] * 60)
    (tmp_path / deep).mkdir(parents=True)
    (tmp_path / deep / "file").write_text("deep")
    with opened(tmp_path, walk) as folder:
        assert folder.open(f"{deep}/file") == "deep"
        assert folder.open("/".join(["d"] * 2000)) in ("ENOENT", "ENAMETOOLONG")


def test_links_may_lead_out_if_so_opened(tmp_path: Path, walk: bool) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "file").write_text("outside")
    (tmp_path / "root" / "out").symlink_to("../file")
    (tmp_path / "root" / "loop").symlink_to("loop")
    with opened(tmp_path / "root", walk, links_out=True) as folder:
        assert folder.open("out") == "outside"
        assert folder.look("out") == "file"
        assert folder.open("loop") == folder.look("loop") == "ENOENT"


@pytest.mark.timeout(60)
def test_a_fifo_is_not_waited_for(tmp_path: Path, walk: bool) -> None:
    os.mkfifo(tmp_path / "fifo")
    with opened(tmp_path, walk) as folder:
        assert folder.open("fifo") == ""
        assert folder.look("fifo") == "other"
        assert folder.open("fifo/file") == "ENOTDIR"


def test_names_that_change_under_way_lead_nobody_out(
    tmp_path: Path, walk: bool
) -> None:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("outside")
    (root / "folder" / "file").write_text("inside")
    (root / "file").write_text("inside")
    (root / "up").symlink_to("folder/../file")
    over = threading.Event()

    def change() -> None:
        while not over.is_set():
            (root / "new").symlink_to("../outside/file")
            (root / "new").replace(root / "file")
            (root / "folder").rename(tmp_path / "moved")
            (root / "folder").symlink_to("../outside")
            (root / "folder").unlink()
            (tmp_path / "moved").rename(root / "folder")
            (root / "new").write_text("inside")
            (root / "new").replace(root / "file")

    thread = threading.Thread(target=change)
    thread.start()
    try:
        with opened(root, walk) as folder:
            for _ in range(2000):
                for path in ("file", "folder/file", "up"):
                    assert folder.open(path) in ("inside", "ENOENT", "ENOTDIR", "")
    finally:
        over.set()
        thread.join()


def without_rights() -> None:
    """This thread is bound by permissions from now on, root's too."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this thread
    data = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(header, data) == 0
    for index in (0, 1, 2):  # DAC_OVERRIDE and DAC_READ_SEARCH are capabilities 1 and 2
        data[index] &= ~0b110
    assert libc.capset(header, data) == 0


def test_what_may_not_be_read_is_told_apart(tmp_path: Path, walk: bool) -> None:
    (tmp_path / "file").write_text("secret")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("secret")
    (tmp_path / "file").chmod(0)
    (tmp_path / "folder").chmod(0)
    found: list[str] = []
    seen: list[str] = []

    def look() -> None:
        without_rights()
        with opened(tmp_path, walk) as folder:
            names = ("file", "folder", "folder/file", "none")
            found.extend(map(folder.open, names))
            seen.extend(map(folder.look, names))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    (tmp_path / "folder").chmod(0o700)
    assert found == ["EACCES", "EACCES", "EACCES", "ENOENT"]
    assert seen == ["file", "folder", "EACCES", "ENOENT"]
