"""What a template keeps for its children: scripts' code, and modules of pyrs.

Code that would have something to say when it is compiled is not kept: the child
compiles it itself, and says it where a fresh process would.
"""

from __future__ import annotations

import importlib.util
import os
import stat
import sys
import time
import types
import warnings
from importlib.machinery import ModuleSpec, SourceFileLoader

CODES_MAX = 256
CODE_BYTES_MAX = 1024 * 1024  # of a script
# A file may change twice within one tick of the clock that stamps it: the code of one
# that has changed this recently is not kept.
SETTLED_NS = 100_000_000


def compile_script(path: str) -> types.CodeType:
    """OSError, or what Python says of what it cannot compile."""
    with open(path, "rb") as file:
        return compile(file.read(), path, "exec", dont_inherit=True)


class KeptCode:
    """Code of scripts that have not changed since they were compiled."""

    def __init__(self) -> None:
        self._codes: dict[str, tuple[object, types.CodeType]] = {}

    def get(self, path: str) -> types.CodeType | None:
        """None: the child is to compile it."""
        try:
            state = self._state(path)
            kept = self._codes.get(path)
            if kept and kept[0] == state:
                return kept[1]
            self._codes.pop(path, None)
            return self._compile(path, state) if state else None
        except Exception:
            return None

    def _compile(self, path: str, state: object) -> types.CodeType | None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            code = compile_script(path)
        if self._state(path) != state:
            return None
        while len(self._codes) >= CODES_MAX:
            del self._codes[next(iter(self._codes))]
        self._codes[path] = state, code
        return code

    @staticmethod
    def _state(path: str) -> object:
        """Equal only while the file has not changed; None if that cannot be told."""
        file = os.stat(path)
        is_script = stat.S_ISREG(file.st_mode) and file.st_size <= CODE_BYTES_MAX
        if not is_script or time.time_ns() - file.st_ctime_ns < SETTLED_NS:
            return None
        return (
            file.st_dev,
            file.st_ino,
            file.st_size,
            file.st_mtime_ns,
            file.st_ctime_ns,
        )


class KeptLoader(SourceFileLoader):
    """Loads a module from code that is there already."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, path)
        self._code = super().get_code(name)

    def get_code(self, fullname: str) -> types.CodeType | None:
        return self._code


class KeptModules:
    """Modules that the template has loaded, of which a child must not notice more than
    that they come quickly.

    A script's folder stands before all others, so a module of a name that it has too is
    forgotten. And what has an effect when it is imported is loaded, but not run: of
    those this is a finder.
    """

    def __init__(self, at_first: frozenset[str]) -> None:
        """`at_first`: the modules that a fresh process has."""
        self._specs: dict[str, ModuleSpec] = {}
        loaded = {name.partition(".")[0] for name in sys.modules.keys() - at_first}
        self._may_be_elsewhere = {
            name for name in loaded if not _is_part_of_python(name)
        }
        sys.meta_path.insert(0, self)

    def keep(self, name: str) -> None:
        """Loads a module of pyrs, if it is there; it is run when it is imported."""
        pyrs = sys.modules.get("pyrs")
        spec = importlib.util.find_spec(name) if pyrs else None
        if pyrs and spec and spec.origin and spec.origin.startswith(pyrs.__path__[0]):
            loader = KeptLoader(name, spec.origin)
            kept = importlib.util.spec_from_file_location(name, loader=loader)
            if kept:
                self._specs[name] = kept
                self._may_be_elsewhere.add(name.partition(".")[0])

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        return self._specs.get(name)

    def forget_those_in(self, folder: str) -> None:
        """Lets the modules of a folder be found instead."""
        here = {entry.partition(".")[0] for entry in os.listdir(folder)}
        for top in here & self._may_be_elsewhere:
            for names in (sys.modules, self._specs):
                for name in [each for each in names if each.partition(".")[0] == top]:
                    del names[name]


def _is_part_of_python(name: str) -> bool:
    """Whether it is found before any folder is looked at."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return spec is not None and spec.origin in ("built-in", "frozen")
