"""A file that came with a form: while it arrives, and as a handler gets it."""

from __future__ import annotations

import os
import shutil
from io import BufferedRandom, BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

from multidict import CIMultiDictProxy

__all__ = ["MemoryBudget", "Upload", "UploadWriter"]

NAME_BYTES_MAX: Final = 255  # what nearly every file system takes
_CONTROL_CHARACTERS: Final = dict.fromkeys([*range(32), 127])


class Upload:
    """A file that came with a form.

    `filename` is as it was sent, so it may be anything: use `name` to make a path of
    it. `content_type` is what the client said too, "" if it said nothing. `file` is a
    binary file object, closed with the form, or when nothing refers to it any more.
    """

    __slots__ = ("content_type", "file", "filename", "headers", "size")

    def __init__(
        self,
        filename: str,
        headers: CIMultiDictProxy[str],
        file: IO[bytes],
        size: int,
    ) -> None:
        self.filename = filename
        self.headers = headers
        self.content_type = headers.get("Content-Type", "")
        self.file = file
        self.size = size

    @property
    def name(self) -> str:
        """The file's own name, without folders, control characters and leading dots, of
        at most 255 bytes; "upload" if nothing is left.

        Two files may have the same one, and one that is there already would be
        overwritten.
        """
        name = self.filename.replace("\\", "/").rpartition("/")[2]
        name = name.translate(_CONTROL_CHARACTERS).strip().lstrip(".")
        stem, dot, extension = name.rpartition(".")
        while len(os.fsencode(name)) > NAME_BYTES_MAX:
            stem, extension = (stem[:-1], extension) if stem else ("", extension[:-1])
            name = f"{stem}{dot}{extension}".lstrip(".")
        return name or "upload"

    def read(self, size: int | None = None) -> bytes:
        """The whole content; or, if so many bytes are asked for, the next ones."""
        if size is not None:
            return self.file.read(size)
        self.file.seek(0)
        return self.file.read()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the content to a file, in place of one that is there. OSError."""
        self.file.seek(0)
        with Path(path).open("wb") as target:
            shutil.copyfileobj(self.file, target)

    def __repr__(self) -> str:
        return f"<pyrs.Upload {self.filename!r}, {self.size} bytes>"


class MemoryBudget:
    """How many bytes of a form's files may still stay in memory."""

    def __init__(self, size: int) -> None:
        self.left = size


class _FileWithoutName(BufferedRandom):
    """A temporary file of which nothing is left, whatever happens. A handler need not
    close it: that would be a ResourceWarning otherwise."""

    def __del__(self) -> None:
        self.close()


class UploadWriter:
    """A file that arrives: in memory until the form's budget is spent, then on disk."""

    def __init__(
        self, filename: str, headers: CIMultiDictProxy[str], budget: MemoryBudget
    ) -> None:
        self._filename = filename
        self._headers = headers
        self._budget = budget
        self._file: IO[bytes] = BytesIO()
        self._in_memory = True
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """OSError if the disk is full."""
        if self._in_memory and len(chunk) > self._budget.left:
            self._move_to_disk()
        if self._in_memory:
            self._budget.left -= len(chunk)
        self.size += len(chunk)
        self._file.write(chunk)

    def _move_to_disk(self) -> None:
        with self._file as memory:
            self._file = _FileWithoutName(TemporaryFile(buffering=0))  # noqa: SIM115
            memory.seek(0)
            shutil.copyfileobj(memory, self._file)
        self._in_memory = False
        self._budget.left += self.size

    def finish(self) -> Upload:
        """The file, read from its begin on."""
        self._file.seek(0)
        return Upload(self._filename, self._headers, self._file, self.size)

    def close(self) -> None:
        """Instead of `finish`."""
        self._file.close()
