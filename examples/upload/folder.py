"""The folder of uploaded files: which names there may be, and how a file gets in."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from unicodedata import category

NAME_BYTES_MAX = 200  # file systems take 255; " (2)" must still fit
SAME_NAME_MAX = 1000
CONTROL = (
    "Cc",
    "Cs",
    "Zl",
    "Zp",
)  # control characters, line ends, halves of a character
PARTS = ".arriving-"  # what files are called until they are whole


class BadName(ValueError):
    """No file here may be called so; the text says why."""


class Folder:
    def __init__(self, path):
        self.path = Path(path)

    def names(self):
        """The newest file first."""
        if not self.path.is_dir():
            return []
        files = [
            entry
            for entry in self.path.iterdir()
            if not entry.name.startswith(".") and entry.is_file()
        ]
        files.sort(key=lambda entry: entry.stat().st_mtime_ns, reverse=True)
        return [entry.name for entry in files]

    def file(self, name):
        """Where a file of this name is, or would be: always in the folder itself."""
        return self.path / checked(name)

    @contextmanager
    def arriving(self):
        """A file to write to, without a name that anybody sees. It is gone at the end,
        unless `keep` has given it one."""
        self.path.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.path, prefix=PARTS) as file:
            yield file

    def keep(self, file, name):
        """Gives a whole file its name, or one like it if that is taken: "a (2).txt".

        A link fails if there is such a file, so that of two at once none is lost.
        FileExistsError if there are too many already.
        """
        file.flush()
        Path(file.name).chmod(0o644)
        wanted = self.file(name)
        for count in range(1, SAME_NAME_MAX):
            path = wanted
            if count > 1:
                path = wanted.with_name(f"{wanted.stem} ({count}){wanted.suffix}")
            try:
                os.link(file.name, path)
            except FileExistsError:
                continue
            return path.name
        raise FileExistsError("too many files have this name")


def checked(name):
    """The name, if it is one for a file of this folder: it leads nowhere else, is not
    hidden, and can be written in a list."""
    if not name or name.startswith("."):
        raise BadName("a name is not empty and does not begin with a dot")
    if any(char in "/\\" or category(char) in CONTROL for char in name):
        raise BadName("a name has no slash, backslash or control character")
    if len(name.encode()) > NAME_BYTES_MAX:
        raise BadName(f"a name has at most {NAME_BYTES_MAX} bytes")
    return name
