"""A child of the template: a process that runs one script as a fresh one would.

It begins with the template's memory, and with four descriptors: standard input, output
and error, and a file of texts that end with NUL: working directory, limits of memory
(bytes) and of processor time (seconds), 0 for none, and the environment.

The interpreter's own end would take several times as long as all the rest, since it
takes apart every module there is. `_end` does what of it can be noticed.
"""

from __future__ import annotations

import _signal
import atexit
import builtins
import gc
import os
import sys
from _weakref import ref
from importlib.machinery import SourceFileLoader

from cgi_kept import KeptModules, Script, compile_script

TYPE_CHECKING = False

if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import NoReturn
else:
    ModuleType = type(sys)

# Whether Python puts a script's folder before all others (not with -I or -P).
FOLDER_FIRST = not (sys.flags.isolated or getattr(sys.flags, "safe_path", False))

STATUS_NO_SCRIPT = 2  # Python's own: there is no such file,
STATUS_NOT_FLUSHED = 120  # standard output could not be written,
STATUS_NOT_BEGUN = 127  # and a shell's: the program could not be run

# Python itself sets it in an environment that names no locale (PEP 538).
_OWN_LOCALE = os.environb.get(b"LC_CTYPE")
_OWN_ARGUMENTS = len(sys.argv)


class Child:
    """What a child is made of."""

    def __init__(
        self, script: Script, descriptors: list[int], modules: KeptModules
    ) -> None:
        self._script = script
        self._descriptors = descriptors
        self._modules = modules

    def live(self) -> NoReturn:
        """From here to the end of the process."""
        try:
            self._become()
        except BaseException as error:
            _print(error)
            os._exit(STATUS_NOT_BEGUN)
        gc.enable()
        status = _run(self._script.path, self._script.code)
        try:
            _end(status, self._modules)
        except BaseException as error:
            _print(error)
        os._exit(STATUS_NOT_FLUSHED)

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
        sys.argv = [self._script.path]
        sys.orig_argv[-_OWN_ARGUMENTS:] = [self._script.path]
        if FOLDER_FIRST:
            sys.path.insert(0, self._script.folder)
            self._modules.forget(self._script.hidden)
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


def _run(script: str, code: CodeType | None) -> int:
    """Gives the exit status; that of a signal as its negative number."""
    main = ModuleType("__main__")
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


def _compile(script: str) -> CodeType:
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
    return -_signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1


def _print(error: BaseException) -> None:
    sys.__excepthook__(type(error), error, error.__traceback__)


def _without_own_frames(error: BaseException) -> BaseException:
    own = (__name__, compile_script.__module__)
    entry = error.__traceback__
    while entry and entry.tb_frame.f_globals.get("__name__") in own:
        entry = entry.tb_next
    return error.with_traceback(entry)


# ---- to end ----


def _end(status: int, modules: KeptModules) -> NoReturn:
    """As Py_FinalizeEx does it: threads, then what is registered for the exit, then
    objects, whose end may write files; and of these what nothing has written yet."""
    if threading := sys.modules.get("threading"):
        threading._shutdown()
    atexit._run_exitfuncs()
    is_flushed = _flush_standard()
    gc.collect()
    _take_apart(modules.loaded)
    modules.flush_files()
    is_flushed = is_flushed and _flush_standard()
    if status < 0:
        _signal.signal(-status, _signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status if is_flushed else STATUS_NOT_FLUSHED)


def _flush_standard() -> bool:
    try:
        if sys.stdout and not sys.stdout.closed:
            sys.stdout.flush()
    except BaseException as error:
        is_new = sys.version_info >= (3, 13)
        what = "on flushing sys.stdout:" if is_new else f"in: {sys.stdout!r}"
        print(f"Exception ignored {what}", file=sys.stderr)
        _print(error.with_traceback(None))
        return False
    if sys.stderr:
        sys.stderr.flush()
    return True


def _take_apart(loaded: dict[str, ModuleType]) -> None:
    """What only the script has imported: first as much as goes by itself, then the
    contents of modules that are held by something, the last one first."""
    names = ["__main__"]
    for name in reversed(sys.modules):  # all others would be copied when looked at
        if sys.modules[name] is loaded.get(name):
            break
        names.append(name)
    modules = [sys.modules.pop(name) for name in names]
    held = [ref(each) for each in modules if type(each) is ModuleType]
    del modules
    gc.collect()
    for module in filter(None, (each() for each in held)):
        contents = vars(module)
        for is_private in (True, False):  # as Python does
            for name in contents:
                if name.startswith("_") is is_private and name != "__builtins__":
                    contents[name] = None
    gc.collect()
