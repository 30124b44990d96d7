"""A child of the template: a process that runs one script as a fresh one would.

It begins with the template's memory, and with four descriptors: standard input, output
and error, and a file of texts that end with NUL: working directory, limits of memory
(bytes) and of processor time (seconds), 0 for none, and the environment.

The interpreter's own end would take several times as long as all the rest, since it
takes apart every module there is. `_end` does what of it can be noticed.
"""

from __future__ import annotations

import atexit
import builtins
import gc
import io
import os
import signal
import sys
import traceback
import types
import weakref
from contextlib import suppress
from importlib.machinery import SourceFileLoader

from cgi_kept import KeptModules, compile_script

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NoReturn

# Whether Python puts a script's folder before all others (not with -I or -P).
FOLDER_FIRST = not (sys.flags.isolated or getattr(sys.flags, "safe_path", False))

STATUS_NO_SCRIPT = 2  # Python's own: there is no such file,
STATUS_NOT_FLUSHED = 120  # standard output could not be written,
STATUS_NOT_BEGUN = 127  # and a shell's: the program could not be run

# Python itself sets it in an environment that names no locale (PEP 538).
_OWN_LOCALE = os.environb.get(b"LC_CTYPE")
_OWN_ARGUMENTS = len(sys.argv)


class Child:
    def __init__(
        self,
        script: str,
        code: types.CodeType | None,
        descriptors: list[int],
        modules: KeptModules,
    ) -> None:
        """Without code it is compiled, and may turn out to be wrong."""
        self._script = script
        self._code = code
        self._descriptors = descriptors
        self._modules = modules
        self._shared = frozenset(sys.modules)

    def live(self) -> NoReturn:
        """From here to the end of the process."""
        try:
            self._become()
        except BaseException:
            traceback.print_exc()
            os._exit(STATUS_NOT_BEGUN)
        gc.enable()
        status = _run(self._script, self._code)
        _end(status, self._shared)

    # ---- to be as a fresh process ----

    def _become(self) -> None:
        os.setpgid(0, 0)
        *standard, details = self._descriptors
        for target, descriptor in enumerate(standard):
            os.dup2(descriptor, target)
        folder, memory, processor, *environment = _read_texts(details)
        for descriptor in self._descriptors:
            os.close(descriptor)
        os.chdir(folder)
        _set_environment(environment)
        sys.argv = [self._script]
        sys.orig_argv[-_OWN_ARGUMENTS:] = [self._script]
        if FOLDER_FIRST:
            script_folder = os.path.dirname(os.path.realpath(self._script))
            sys.path.insert(0, script_folder)
            self._modules.forget_those_in(script_folder)
        _limit("RLIMIT_CPU", int(processor))
        _limit("RLIMIT_AS", int(memory))


def _read_texts(descriptor: int) -> list[bytes]:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).split(b"\0")[:-1]


def _set_environment(entries: list[bytes]) -> None:
    os.environb.clear()
    if _OWN_LOCALE is not None:
        os.environb[b"LC_CTYPE"] = _OWN_LOCALE
    for entry in entries:
        name, _, value = entry.partition(b"=")
        os.environb[name] = value


def _limit(name: str, most: int) -> None:
    if most == 0:
        return
    import resource

    kind = getattr(resource, name)
    _, bound = resource.getrlimit(kind)
    if bound == resource.RLIM_INFINITY or most < bound:
        bound = most
    resource.setrlimit(kind, (bound, bound))


# ---- to run ----


def _run(script: str, code: types.CodeType | None) -> int:
    """Gives the exit status; that of a signal as its negative number."""
    main = types.ModuleType("__main__")
    main.__file__ = script
    main.__loader__ = SourceFileLoader("__main__", script)
    vars(main).update(__builtins__=builtins, __cached__=None)
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    try:
        if code is None:
            code = _compile(script)
        exec(code, vars(main))
    except SystemExit as end:
        return _exit_status(end.code)
    except BaseException as error:
        return _report(error)
    return 0


def _compile(script: str) -> types.CodeType:
    try:
        return compile_script(script)
    except OSError as error:
        reason = f"[Errno {error.errno}] {error.strerror}"
        print(
            f"{sys.executable}: can't open file {script!r}: {reason}", file=sys.stderr
        )
        raise SystemExit(STATUS_NO_SCRIPT) from None


def _exit_status(code: object) -> int:
    """As sys.exit is documented."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    if sys.stderr:
        print(code, file=sys.stderr)
    return 1


def _report(error: BaseException) -> int:
    """Says what the script has not caught, as a fresh process does."""
    error = _without_own_frames(error)
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except BaseException as failure:
        if failure.__context__ is error:
            failure.__context__ = None
        print("Error in sys.excepthook:", file=sys.stderr)
        _print(_without_own_frames(failure))
        print("\nOriginal exception was:", file=sys.stderr)
        _print(error)
    return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1


def _print(error: BaseException) -> None:
    traceback.print_exception(type(error), error, error.__traceback__)


def _without_own_frames(error: BaseException) -> BaseException:
    own = (__name__, compile_script.__module__)
    entry = error.__traceback__
    while entry and entry.tb_frame.f_globals.get("__name__") in own:
        entry = entry.tb_next
    return error.with_traceback(entry)


# ---- to end ----


def _end(status: int, shared: frozenset[str]) -> NoReturn:
    """As Py_FinalizeEx does it: threads, then what is registered for the exit, then
    objects, whose end may write files; and of these what nothing has written yet."""
    if threading := sys.modules.get("threading"):
        threading._shutdown()
    atexit._run_exitfuncs()
    is_flushed = _flush_standard()
    gc.collect()
    _take_apart(
        [name for name in sys.modules if name not in shared or name == "__main__"]
    )
    _flush_files()
    is_flushed = is_flushed and _flush_standard()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status if is_flushed else STATUS_NOT_FLUSHED)


def _flush_standard() -> bool:
    try:
        if sys.stdout and not sys.stdout.closed:
            sys.stdout.flush()
    except BaseException as error:
        print(f"Exception ignored in: {sys.stdout!r}", file=sys.stderr)
        traceback.print_exception(type(error), error, None)
        return False
    if sys.stderr:
        sys.stderr.flush()
    return True


def _take_apart(names: list[str]) -> None:
    """What only the script has imported: first as much as goes by itself, then the
    contents of modules that are held by something, the last one first."""
    held = [weakref.ref(sys.modules.pop(name)) for name in names]
    gc.collect()
    for module in filter(None, (ref() for ref in reversed(held))):
        contents = vars(module)
        for is_private in (True, False):  # as Python does
            for name in contents:
                if name.startswith("_") is is_private and name != "__builtins__":
                    contents[name] = None
    gc.collect()


def _flush_files() -> None:
    """Of objects that are held by what is left."""
    for thing in gc.get_objects():
        if issubclass(type(thing), io.IOBase):
            with suppress(OSError, ValueError):  # nobody is there to be told
                thing.flush()
