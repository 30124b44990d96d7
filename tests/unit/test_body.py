"""Does a request body keep its contract (csrc/serve/body.h)?"""

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .c_core import ffi, lib
from .http_kit import bytes_of, slice_

LIMIT = 1000


class Body:
    def __init__(self, memory_bytes_max: int = LIMIT) -> None:
        self.body = ffi.new("struct body *")
        self._allocations = ffi.new("counter *")
        lib.body_init(self.body, memory_bytes_max, self._allocations)

    def append(self, data: bytes) -> bool:
        return bool(lib.body_append(self.body, slice_(data)))

    def whole(self) -> bytes:
        found = ffi.new("slice *")
        assert lib.body_whole(self.body, found)
        return bytes_of(found)

    def is_in_file(self) -> bool:
        return int(self.body.file) >= 0

    def allocations(self) -> int:
        return int(self._allocations.value)


MakeBody = Callable[[int], Body]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeBody]:
    """Bodies whose files are made in tmp_path, where none may be seen."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    made = []

    def make(memory_bytes_max: int) -> Body:
        made.append(Body(memory_bytes_max))
        return made[-1]

    yield make
    for body in made:
        lib.body_fini(body.body)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def body(make: MakeBody) -> Body:
    return make(LIMIT)


# ---- in memory ----


def test_a_body_without_a_byte_is_empty(body: Body) -> None:
    assert body.whole() == b""
    assert body.append(b"")
    assert body.whole() == b""
    assert body.allocations() == 0


def test_the_pieces_are_one_body(body: Body) -> None:
    for piece in (b"one ", b"", b"two ", b"three"):
        assert body.append(piece)
    assert body.whole() == b"one two three"
    assert not body.is_in_file()


def test_memory_grows_with_what_has_arrived(make: MakeBody) -> None:
    body = make(1 << 20)
    for _ in range(1024):
        assert body.append(b"x" * 1024)
        assert body.body.length <= body.body.capacity < 2 * body.body.length + 16384
    assert body.whole() == b"x" * (1 << 20)
    assert body.allocations() <= 7  # 16 KiB, doubled up to 1 MiB


# ---- in a file ----


def test_at_the_limit_a_body_is_in_memory_and_beyond_it_in_a_file(body: Body) -> None:
    assert body.append(b"x" * LIMIT)
    assert not body.is_in_file()
    assert body.append(b"y")
    assert body.is_in_file()
    assert body.body.capacity == 0
    assert body.whole() == b"x" * LIMIT + b"y"


def test_a_piece_without_a_byte_moves_nothing_to_a_file(body: Body) -> None:
    assert body.append(b"x" * LIMIT)
    assert body.append(b"")
    assert not body.is_in_file()


def test_a_first_piece_beyond_the_limit_goes_to_the_file_at_once(body: Body) -> None:
    assert body.append(b"x" * (LIMIT + 1))
    assert body.is_in_file()
    assert body.allocations() == 0
    assert body.whole() == b"x" * (LIMIT + 1)


def test_the_file_has_no_name_and_is_not_inherited(body: Body, tmp_path: Path) -> None:
    assert body.append(b"x" * 2 * LIMIT)
    assert list(tmp_path.iterdir()) == []
    found = os.fstat(body.body.file)
    assert (found.st_nlink, found.st_size) == (0, 2 * LIMIT)
    assert not os.get_inheritable(body.body.file)


def test_the_file_goes_with_the_body(body: Body) -> None:
    assert body.append(b"x" * 2 * LIMIT)
    file = body.body.file
    assert body.whole() == b"x" * 2 * LIMIT
    lib.body_fini(body.body)
    assert not body.is_in_file()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


def test_a_body_may_be_asked_for_twice(body: Body) -> None:
    assert body.append(b"x" * 2 * LIMIT)
    assert body.whole() == body.whole() == b"x" * 2 * LIMIT


@given(
    st.integers(0, 100),
    st.lists(st.binary(max_size=60), max_size=10),
)
def test_however_it_arrives_the_body_is_what_arrived(
    memory_bytes_max: int, pieces: list[bytes]
) -> None:
    body = Body(memory_bytes_max)
    try:
        assert all(body.append(piece) for piece in pieces)
        assert body.whole() == b"".join(pieces)
        assert body.is_in_file() == (len(body.whole()) > memory_bytes_max)
    finally:
        lib.body_fini(body.body)


# ---- no file ----


def check_refused(body: Body, number: int) -> None:
    """The next byte is refused for that reason; what was there before stays."""
    assert body.append(b"x" * LIMIT)
    assert not body.append(b"y")
    assert ffi.errno == number
    assert not body.is_in_file()
    assert body.whole() == b"x" * LIMIT


def test_a_missing_folder_for_files_is_told(
    body: Body, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    check_refused(body, errno.ENOENT)


def test_a_folder_with_too_long_a_name_is_told(
    body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "/" + "x" * 5000)
    check_refused(body, errno.ENAMETOOLONG)


@pytest.mark.parametrize("folder", [None, ""])
def test_without_a_folder_for_files_it_is_the_system_s(
    body: Body, monkeypatch: pytest.MonkeyPatch, folder: str | None
) -> None:
    if folder is None:
        monkeypatch.delenv("TMPDIR")
    else:
        monkeypatch.setenv("TMPDIR", folder)
    assert body.append(b"x" * 2 * LIMIT)
    assert body.whole() == b"x" * 2 * LIMIT


@contextmanager
def files_of_at_most(length: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_takes_no_more_is_told(body: Body) -> None:
    assert body.append(b"x" * (LIMIT + 1))
    with files_of_at_most(LIMIT + 100):
        taken, number = body.append(b"y" * 500), ffi.errno
    assert not taken
    assert number == errno.EFBIG
