"""What a template keeps for its children: modules, and scripts' code."""

from __future__ import annotations

import gc
import os
import sys
import time
from _io import _IOBase  # of which io.IOBase is but an interface
from _weakref import ref
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, ModuleType

SCRIPTS_MAX = 256
CODE_BYTES_MAX = 1024 * 1024  # of a script
# A file may change twice within one tick of the clock that stamps it: what has changed
# this recently is not kept.
SETTLED_NS = 100_000_000

# What is behind names of pyrs.cgi, and is too much for scripts that do not use it:
# loaded when there is a script that has the name in it.
BEHIND_NAMES = {"GET": "urllib.parse", "POST": "pyrs.form", "STATUS": "http"}


# ---- modules ----


class WaitingSpec(ModuleSpec):
    """Of a module that is loaded, but for its effect on the process, which comes when
    it is imported.

    To import what is loaded costs nothing: Python only asks the module's spec whether
    it is still being initialized, by another thread. That is when a script imports it.
    """

    def __init__(self, module: ModuleType, effect: Callable[[], None]) -> None:
        spec = module.__spec__
        assert spec is not None
        self._effect = effect
        super().__init__(spec.name, spec.loader, origin=spec.origin)

    @property
    def _initializing(self) -> bool:
        self._effect()
        return False

    @_initializing.setter
    def _initializing(self, value: bool) -> None:
        pass


class KeptModules:
    """Modules that the template has loaded, of which a child must not notice more than
    that they come quickly.

    A script's folder stands before all others: modules of names that are there too are
    forgotten in a child.
    """

    def __init__(self, at_first: frozenset[str]) -> None:
        """`at_first`: the modules that a fresh process has."""
        self._at_first = at_first
        self._may_be_elsewhere: set[str] = set()
        self._waiting: dict[str, ModuleSpec | None] = {}
        self._was_asked = self._is_child = False
        self.loaded: dict[str, ModuleType] = {}
        self._files: list[ref[_IOBase]] = []

    def load(self, names: list[str]) -> None:
        """Imports modules, and of pyrs what every script of it imports."""
        for name in names:
            __import__(name)
        if _try_to_import("pyrs.cgi"):
            self._let_wait()
        self._take_note()

    def load_for(self, code: CodeType) -> None:
        """Imports what a script is likely to want of pyrs."""
        if not self._waiting:
            return
        wanted = {BEHIND_NAMES.get(name) for name in names_in(code)}
        missing = [name for name in wanted if name and name not in sys.modules]
        for name in missing:
            _try_to_import(name)
        if missing:
            self._take_note()

    def hidden_by(self, folder: str) -> list[str]:
        """Names of modules that a script of this folder finds there."""
        here = {entry.partition(".")[0] for entry in os.listdir(folder)}
        return [*(here & self._may_be_elsewhere)]

    def forget(self, names: list[str]) -> None:
        """In a child: they are found where a fresh process would find them."""
        for top in names:
            for name in [each for each in sys.modules if each.partition(".")[0] == top]:
                del sys.modules[name]

    def files(self) -> Iterator[_IOBase]:
        """Those that modules have opened, and those of a child's own."""
        yield from filter(None, (file() for file in self._files))
        for thing in gc.get_objects():  # not of what was frozen
            if issubclass(type(thing), _IOBase):
                yield thing

    def flush_files(self) -> None:
        for file in self.files():
            try:
                file.flush()
            except Exception:
                pass  # nobody is there to be told

    def _take_note(self) -> None:
        gc.collect()
        self.flush_files()  # else each child would write it
        self._files = [ref(file) for file in self.files()]
        gc.freeze()  # the collector leaves alone what is here: it stays shared
        self.loaded = dict(sys.modules)
        tops = {name.partition(".")[0] for name in self.loaded.keys() - self._at_first}
        self._may_be_elsewhere = {name for name in tops if not _is_part_of_python(name)}

    # ---- modules that wait ----

    def _let_wait(self) -> None:
        """pyrs.cgi, and pyserve if it is the one of pyrs. Without a request in the
        environment, to import them has had no effect."""
        own_folder = os.path.dirname(sys.modules["pyrs"].__file__ or "")
        _try_to_import("pyserve")
        for name in ("pyrs.cgi", "pyserve"):
            module = sys.modules.get(name)
            if module and (module.__file__ or "").startswith(own_folder):
                self._waiting[name] = module.__spec__
                module.__spec__ = WaitingSpec(module, self._on_import)
        __import__("pyrs.cgi")
        if not self._was_asked:  # another kind of Python: a child imports them anew
            for name in self._waiting:
                del sys.modules[name]
        self._is_child = True

    def _on_import(self) -> None:
        self._was_asked = True
        if self._is_child:
            for name, spec in self._waiting.items():
                sys.modules[name].__spec__ = spec
            from pyrs._cgi_output import answer_with_output

            answer_with_output(sys.modules["pyrs.cgi"].http.HEADER)


def _try_to_import(name: str) -> bool:
    try:
        __import__(name)
    except ImportError:
        return False  # this Python has no pyrs, or another one
    return True


def _is_part_of_python(name: str) -> bool:
    """Whether it is found before any folder is looked at."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return spec is not None and spec.origin in ("built-in", "frozen")


def names_in(code: CodeType) -> Iterator[str]:
    """The names of attributes and variables, in functions too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from names_in(constant)


# ---- scripts ----


def compile_script(path: str) -> CodeType:
    """OSError, or what Python says of what it cannot compile."""
    with open(path, "rb") as file:
        code: CodeType = compile(file.read(), path, "exec", dont_inherit=True)
    return code


class Script:
    """One that a child is to run."""

    __slots__ = ("code", "folder", "hidden", "path", "state")

    def __init__(self, path: str, modules: KeptModules) -> None:
        self.path = path
        self.code: CodeType | None = None  # None: the child is to compile it
        self.folder = os.path.dirname(os.path.realpath(path))
        self.hidden = modules.hidden_by(self.folder)  # modules that its own hide
        self.state: object = None


class KeptScripts:
    """What is known of scripts that have not changed since.

    Code that would have something to say when it is compiled is not kept: the child
    compiles it itself, and says it where a fresh process would.
    """

    def __init__(self, modules: KeptModules) -> None:
        self._modules = modules
        self._scripts: dict[str, Script] = {}

    def get(self, path: str) -> Script:
        """OSError if its folder is gone."""
        kept = self._scripts.get(path)
        if kept and self._state(kept) == kept.state:
            return kept
        self._scripts.pop(path, None)
        script = Script(path, self._modules)
        if self._state(script):
            self._keep(script)
        return script

    def _keep(self, script: Script) -> None:
        try:
            script.code = _compile_quietly(script.path)
        except Exception:
            return
        self._modules.load_for(script.code)
        script.hidden = self._modules.hidden_by(script.folder)
        script.state = self._state(script)
        if not script.state:
            script.code = None  # it has changed meanwhile
            return
        while len(self._scripts) >= SCRIPTS_MAX:
            del self._scripts[next(iter(self._scripts))]
        self._scripts[script.path] = script

    def _state(self, script: Script) -> object:
        """Equal only while nothing has changed; None if that cannot be told."""
        try:
            file, folder = os.stat(script.path), os.stat(script.folder)
        except OSError:
            return None
        settled = time.time_ns() - SETTLED_NS
        if file.st_size > CODE_BYTES_MAX or settled < max(
            file.st_ctime_ns, folder.st_ctime_ns
        ):
            return None
        return (*_identity(file), *_identity(folder), len(self._modules.loaded))


def _identity(file: os.stat_result) -> tuple[int, ...]:
    times = file.st_mtime_ns, file.st_ctime_ns
    return file.st_dev, file.st_ino, file.st_size, *times


def _compile_quietly(path: str) -> CodeType:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return compile_script(path)
