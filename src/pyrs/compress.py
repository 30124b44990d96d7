"""`pyrs compress`: siblings of a folder's files, for a static entry to send instead.

`page.html.br`, `page.html.zst` and `page.html.gz` lie beside `page.html`, and go to
clients that take such a coding. A sibling bears its original's time: one with another
time is stale. It is written under a hidden name and moved to its place when it is
whole, so that a folder can be compressed while it is served.

Nothing is ever deleted but a sibling that is stale and would not be smaller any more: a
`data.csv.gz` without a `data.csv` may be anybody's.
"""

from __future__ import annotations

import os
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import IO, Final, Protocol

from pyrs._files import media_type
from pyrs.errors import PyrsError, reason_of

__all__ = [
    "CODINGS",
    "Coding",
    "Folder",
    "Made",
    "Outcome",
    "Sibling",
    "available_codings",
    "look_through",
    "make_siblings",
]

# Less than this fits into one packet with its head, whatever its form.
SIZE_MIN: Final = 512
# Read at a time, whatever the size of the file. Brotli takes part of a second for as
# much, and whoever presses Ctrl-C waits for that.
PIECE_BYTES: Final = 1 << 17

# Types that shrink, besides all of text/*. Images, sound, films, fonts for the web and
# archives are compressed already.
COMPRESSIBLE: Final = frozenset(
    {
        "application/jsonl",
        "application/json",
        "application/manifest+json",
        "application/n-quads",
        "application/n-triples",
        "application/postscript",
        "application/rtf",
        "application/sql",
        "application/toml",
        "application/trig",
        "application/vnd.apple.mpegurl",
        "application/vnd.ms-fontobject",
        "application/wasm",
        "application/xml",
        "application/yaml",
        "font/otf",
        "font/ttf",
        "image/bmp",
        "image/vnd.microsoft.icon",
        "image/x-ms-bmp",
    }
)


class Compressor(Protocol):
    """What zlib and zstandard give, and brotli nearly so."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


@dataclass(frozen=True)
class Coding:
    """One way to write a sibling."""

    suffix: str
    package: str  # that it needs; "": none
    start: Callable[[int], Compressor]  # from the size of what is to be compressed


class _Brotli:
    def __init__(self, size: int) -> None:
        import brotli

        self._compressor = brotli.Compressor(quality=11)

    def compress(self, data: bytes, /) -> bytes:
        return bytes(self._compressor.process(data))

    def flush(self) -> bytes:
        return bytes(self._compressor.finish())


def _zstd(size: int) -> Compressor:
    """Level 19 is the last whose window keeps to the 8 MiB that RFC 9659 allows."""
    import zstandard

    return zstandard.ZstdCompressor(level=19).compressobj(size)


def _gzip(size: int) -> Compressor:
    """With no name and no time in it: the same file gives the same bytes."""
    return zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16, zlib.DEF_MEM_LEVEL)


CODINGS: Final = (
    Coding(".br", "brotli", _Brotli),
    Coding(".zst", "zstandard", _zstd),
    Coding(".gz", "", _gzip),
)


def available_codings() -> list[Coding]:
    """Those whose packages are installed."""
    return [
        coding for coding in CODINGS if not coding.package or find_spec(coding.package)
    ]


# ---- what there is to do ----


@dataclass(frozen=True)
class Sibling:
    """One that is missing or stale."""

    original: Path
    coding: Coding
    size: int  # of the original

    @property
    def path(self) -> Path:
        return self.original.with_name(self.original.name + self.coding.suffix)


@dataclass
class Folder:
    """What was found in one."""

    path: Path
    wanted: list[Sibling] = field(default_factory=list)
    current: int = 0  # siblings that are there already
    skipped: dict[str, list[Path]] = field(default_factory=dict)  # by the reason

    def skip(self, path: Path, reason: str) -> None:
        self.skipped.setdefault(reason, []).append(path)


def look_through(
    folder: str | os.PathLike[str], codings: list[Coding], *, force: bool = False
) -> Folder:
    """Finds what siblings the files of a folder need, in it and below.

    Left out are names that the server hides, symbolic links, siblings themselves,
    types that do not shrink and files that are too small. `force`: what is there
    counts as stale. PyrsError if it is no folder that can be read.
    """
    found = Folder(Path(folder))
    try:
        os.scandir(found.path).close()
    except OSError as error:
        raise PyrsError(f"{folder}: {reason_of(error)}, expected a folder") from None
    for path in _files(found):
        _look_at(found, path, codings, force)
    return found


def _files(found: Folder) -> Iterator[Path]:
    """Regular files, in an order that is the same each time."""
    waiting = [found.path]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            found.skip(folder, reason_of(error))
            continue
        names = {entry.name for entry in entries}
        for entry in entries:
            if _is_hidden(entry.name) or _is_sibling(entry.name, names):
                continue
            path = folder / entry.name
            if entry.is_symlink():
                found.skip(path, "symbolic links")
            elif entry.is_dir():
                waiting.append(path)
            elif entry.is_file():
                yield path


def _is_hidden(name: str) -> bool:
    return name.startswith(".") and name != ".well-known"


def _is_sibling(name: str, names: set[str]) -> bool:
    return any(
        name.endswith(coding.suffix) and name.removesuffix(coding.suffix) in names
        for coding in CODINGS
    )


def _look_at(found: Folder, path: Path, codings: list[Coding], force: bool) -> None:
    kind = media_type(path.name)
    if not _shrinks(kind):
        found.skip(path, f"{kind} does not shrink")
        return
    try:
        facts = path.stat(follow_symlinks=False)
    except OSError as error:
        found.skip(path, reason_of(error))
        return
    if facts.st_size < SIZE_MIN:
        found.skip(path, f"under {SIZE_MIN} bytes")
        return
    for coding in codings:
        sibling = Sibling(path, coding, facts.st_size)
        if not force and _is_current(sibling.path, facts):
            found.current += 1
        else:
            found.wanted.append(sibling)


def _shrinks(kind: str) -> bool:
    return (
        kind.startswith("text/")
        or kind.endswith(("+xml", "+json"))
        or kind in COMPRESSIBLE
    )


def _is_current(sibling: Path, original: os.stat_result) -> bool:
    try:
        facts = sibling.stat(follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_mtime_ns == original.st_mtime_ns


# ---- doing it ----


class Outcome(Enum):
    MADE = "made"
    NO_SMALLER = "would not be smaller"
    CHANGED = "changed while it was read"
    FAILED = "failed"


@dataclass(frozen=True)
class Made:
    """What has become of one that was wanted."""

    sibling: Sibling
    outcome: Outcome
    size: int = 0  # of the sibling
    reason: str = ""  # of a failure


def make_siblings(
    wanted: list[Sibling], threads: int, advance: Callable[[int], None]
) -> Iterator[Made]:
    """Makes them, the largest first, and tells of each.

    `advance` is called by any of the threads with the number of bytes that it has read.
    Whoever stops asking, by an exception perhaps, stops the work too.
    """
    stop = Event()
    ordered = sorted(wanted, key=lambda sibling: -sibling.size)
    with ThreadPoolExecutor(threads) as pool:
        try:
            yield from pool.map(partial(_make, advance=advance, stop=stop), ordered)
        finally:
            stop.set()


class _Stopped(Exception):
    """Nobody wants it any more."""


def _make(sibling: Sibling, advance: Callable[[int], None], stop: Event) -> Made:
    try:
        return _written(sibling, advance, stop)
    except OSError as error:
        return Made(sibling, Outcome.FAILED, reason=reason_of(error))
    except _Stopped:
        return Made(sibling, Outcome.FAILED, reason="stopped")


def _written(sibling: Sibling, advance: Callable[[int], None], stop: Event) -> Made:
    with (
        open(sibling.original, "rb", opener=_open_no_link) as source,
        _temporary(sibling.original.parent) as target,
    ):
        before = os.fstat(source.fileno())
        compressor = sibling.coding.start(before.st_size)
        left = before.st_size  # a log that grows while it is read has no end
        while piece := source.read(min(left, PIECE_BYTES)):
            if stop.is_set():
                raise _Stopped
            left -= len(piece)
            target.write(compressor.compress(piece))
            advance(len(piece))
        target.write(compressor.flush())
        target.flush()
        if _identity(os.fstat(source.fileno())) != _identity(before):
            return Made(sibling, Outcome.CHANGED)
        size = target.tell()
        if size >= before.st_size:
            sibling.path.unlink(missing_ok=True)  # what is there is stale
            return Made(sibling, Outcome.NO_SMALLER)
        _resemble(target.fileno(), before)
        Path(target.name).replace(sibling.path)
        return Made(sibling, Outcome.MADE, size)


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def _identity(facts: os.stat_result) -> tuple[int, int]:
    return facts.st_size, facts.st_mtime_ns


@contextmanager
def _temporary(folder: Path) -> Iterator[IO[bytes]]:
    """A file under a hidden name; gone at the end, unless it was moved."""
    with tempfile.NamedTemporaryFile(
        dir=folder, prefix=".pyrs-compress-", delete=False
    ) as target:
        try:
            yield target
        finally:
            Path(target.name).unlink(missing_ok=True)


def _resemble(target: int, original: os.stat_result) -> None:
    """Who may read the original may read the sibling."""
    with suppress(PermissionError):  # only root may give files away
        os.fchown(target, original.st_uid, original.st_gid)
    os.fchmod(target, stat.S_IMODE(original.st_mode))
    os.utime(target, ns=(original.st_atime_ns, original.st_mtime_ns))
