"""The template: what a script can notice is the same as in a fresh process.

Every script here is run both ways, and what it wrote, what it said and how it ended are
compared with each other: a fresh process is the judge.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cgi.script_kit import (
    ENDED,
    READY,
    STARTED,
    TIMEOUT,
    Template,
    environment_of,
    run_fresh,
    template,
)
from tests.kit import is_there, wait_until

Script = Callable[..., Path]

SAME = {
    "the environment": "import os; print(sorted(os.environ.items()))",
    "the environment in C": "import subprocess; subprocess.run('env | sort', shell=1)",
    "arguments": "import sys; print(sys.argv)",
    "the module": """
        import sys
        for name in sorted(globals()):
            print(name, type(globals()[name]))
        print(__name__, __file__, __annotations__, __builtins__)
        print(sys.modules["__main__"].__dict__ is globals(), __loader__.path)
    """,
    "the path of modules": "import sys; print(sys.path)",
    "the working directory": "import os; print(os.getcwd())",
    "descriptors": """
        import os
        print(sorted(os.listdir("/proc/self/fd"))[:-1])
        for descriptor in (0, 1, 2):
            print(os.get_inheritable(descriptor), os.get_blocking(descriptor))
    """,
    "streams": """
        import sys
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            print(stream, stream.errors, stream.newlines, stream.line_buffering)
            print(stream.fileno(), stream.isatty(), stream.seekable(), stream.closed)
    """,
    "signals": """
        import signal
        print([signal.getsignal(number) for number in sorted(signal.valid_signals())])
        print(signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.set_wakeup_fd(-1))
    """,
    "the process": """
        import gc, os, resource, sys, threading
        print(os.getpgrp() == os.getpid(), gc.isenabled(), gc.get_threshold())
        print(os.umask(0), resource.getrlimit(resource.RLIMIT_AS))
        print(threading.main_thread().name, threading.active_count())
        print(sys.flags, sys.gettrace(), sys.excepthook, sys.executable)
        print(sys.orig_argv[1:], sys.getrecursionlimit(), sys.warnoptions)
    """,
    "standard input": "import sys; print(repr(sys.stdin.read()))",
    "an exception": "def f():\n    raise ValueError('\\u00e4')\nf()",
    "an exception with a cause": """
        try:
            {}["a"]
        except KeyError as error:
            raise ValueError("b") from error
    """,
    "an exception in a module": "import json; print(1); json.loads('{')",
    "an exception group of one's own": """
        class Odd(BaseException): pass
        raise Odd
    """,
    "no syntax": "print(1)\nthis is none",
    "a warning of the compiler": "print(1 is 1)",
    "a warning": "import warnings; warnings.warn('careful')",
    "an assertion": "assert not __debug__, __file__",
    "a status": "raise SystemExit(7)",
    "a large status": "import sys; sys.exit(258)",
    "a status of text": "import sys; print('a'); sys.exit('message')",
    "a status of None": "import sys; sys.exit()",
    "a status of another kind": "import sys; sys.exit([1, 2])",
    "the end in the middle": "import os; print('lost'); os._exit(3)",
    "a signal": "import os; print('lost'); os.kill(os.getpid(), 15)",
    "an interrupt": "print('kept'); raise KeyboardInterrupt",
    "an abort": "import os; os.abort()",
    "an excepthook": """
        import sys
        sys.excepthook = lambda *error: print("hooked", error[0])
        raise ValueError
    """,
    "an excepthook that fails": """
        import sys
        def fail(*error): raise KeyError("again")
        sys.excepthook = fail
        raise ValueError("first")
    """,
    "a file that cannot be flushed": """
        import io, sys
        class File(io.RawIOBase):
            def flush(self): no_such_name
        sys.unraisablehook = lambda *failure: None
        files = [File()]
        files.append(files)
        print("kept")
    """,
    "what is registered for the exit": """
        import atexit
        atexit.register(print, "last")
        class Fails:
            def __call__(self): 1 / 0
            def __repr__(self): return "one that fails"
        atexit.register(Fails())
        atexit.register(print, "first")
        print("before")
        raise SystemExit(4)
    """,
    "threads that still run": """
        import threading, time
        said = threading.Event()
        late = lambda: (said.wait(), time.sleep(0.05), print("thread"))
        threading.Thread(target=late).start()
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        print("main")
        said.set()
    """,
    "a pool that still runs": """
        from concurrent.futures import ThreadPoolExecutor
        ThreadPoolExecutor().submit(print, "pool")
    """,
    "objects that are left": """
        class Last:
            def __init__(self, name): self.name = name
            def __del__(self): print("deleted", self.name, __name__)
        a = Last("global")
        b = Last("cycle")
        b.self = b
        del b
        print("end")
    """,
    "a file that is not closed": """
        import sys
        file = open("left.txt", "w")
        file.write("written " * 3)
        sys.held_by_another_module = open("held.txt", "w")
        sys.held_by_another_module.write("held")
        import atexit
        atexit.register(lambda: print(open("left.txt").read()))
    """,
    "a closed output": "import sys; print('a'); sys.stdout.close()",
    "an output that fails": """
        import os, sys
        print("lost")
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    """,
    "no buffer between": "import os, sys; print('a'); os.write(1, b'b'); print('c')",
    "another process": """
        import multiprocessing, os
        if __name__ == "__main__":
            child = multiprocessing.get_context("fork").Process(target=print, args=[1])
            child.start(); child.join(); print(child.exitcode)
        if os.fork() == 0:
            print("forked"); raise SystemExit
        os.wait()
    """,
    "pickles": """
        import pickle
        class Thing: pass
        print(pickle.loads(pickle.dumps(Thing)) is Thing, Thing.__module__)
    """,
    "its own source": """
        import inspect, linecache, sys
        def function(): return 1
        print(inspect.getsource(function), linecache.getline(__file__, 2))
        print(inspect.getsourcefile(sys.modules["__main__"]))
    """,
    "dataclasses and types": """
        from __future__ import annotations
        import dataclasses, typing
        @dataclasses.dataclass
        class Point: x: int
        print(Point(1), typing.get_type_hints(Point))
        y: int = 1
        print(__annotations__)
    """,
    "a module beside it": "import beside; print(beside.NAME, beside.__file__)",
    "a module with the name of a library's": "import socket; print(socket.NAME)",
}


@pytest.fixture(scope="module")
def warm() -> Iterator[Template]:
    with template() as made:
        yield made


@pytest.mark.parametrize("what", SAME)
def test_the_same_as_in_a_fresh_process(
    warm: Template, script: Script, what: str, tmp_path: Path
) -> None:
    script("NAME = 'beside'", name="beside.py")
    if "library" in what:
        script("NAME = 'of the script'", name="socket.py")
    path = script(SAME[what])
    left = []
    outcomes = []
    for run in (run_fresh, warm.run):
        outcomes.append(run(path, b"body", HTTP_X="\u00e4", EMPTY=""))
        left.append([file.read_text() for file in sorted(tmp_path.glob("*.txt"))])
        for file in tmp_path.glob("*.txt"):
            file.unlink()
    assert outcomes[0] == outcomes[1]
    assert left[0] == left[1]


def test_nothing_of_a_request_is_there_for_the_next(
    warm: Template, script: Script
) -> None:
    path = script("""
        import os, sys
        print(sys.modules.get("left"), os.environ.get("SECRET"), hasattr(os, "mark"))
        sys.modules["left"] = os.mark = True
        os.chdir("/")
        os.environ["MORE"] = "secret"
    """)
    assert warm.run(path, SECRET="one").output == b"None one False\n"
    assert warm.run(path).output == b"None None False\n"


def test_the_memory_of_the_template_never_has_the_environment(
    warm: Template, script: Script
) -> None:
    """Read whole through the kernel, by a child of it."""
    secret = os.urandom(16).hex()
    quiet = script("print('done')", name="quiet.py")
    assert warm.run(quiet, HTTP_COOKIE=secret, QUERY_STRING=secret).output == b"done\n"
    memory = Path(f"/proc/{warm.process.pid}/mem")
    found = []
    with memory.open("rb", buffering=0) as file:
        for line in Path(f"/proc/{warm.process.pid}/maps").read_text().splitlines():
            span, access, *_ = line.split()
            if access.startswith("rw"):
                begin, end = (int(number, 16) for number in span.split("-"))
                file.seek(begin)
                found.append(secret.encode() in (file.read(end - begin) or b""))
    assert found
    assert not any(found)


def test_random_numbers_are_new_in_each_process(warm: Template, script: Script) -> None:
    path = script("import random, uuid; print(random.random(), uuid.uuid4())")
    numbers = {warm.run(path).output for _ in range(4)}
    assert len(numbers) == 4


def test_a_changed_script_is_seen_at_once(warm: Template, script: Script) -> None:
    """Also when it was changed twice at nearly the same time, in the same size."""
    for number in range(10):
        assert warm.run(script(f"print({number})")).output == b"%d\n" % number


def test_the_code_of_a_script_is_kept_until_it_changes(
    warm: Template, script: Script
) -> None:
    path = script("print(1)")
    settled = path.stat().st_ctime_ns + 1_000_000_000
    wait_until(lambda: time.time_ns() > settled)
    for _ in range(3):
        assert warm.run(path).output == b"1\n"
    replaced = script("print(2)", name="other.py")
    os.utime(replaced, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    replaced.replace(path)
    assert warm.run(path).output == b"2\n"


def test_a_script_that_is_gone_ends_as_python_does(
    warm: Template, tmp_path: Path
) -> None:
    path = tmp_path / "gone.py"
    assert warm.run(path) == run_fresh(path)


def test_limits_are_those_of_the_script(warm: Template, script: Script) -> None:
    path = script("""
        import resource
        print(resource.getrlimit(resource.RLIMIT_CPU)[0])
        print(resource.getrlimit(resource.RLIMIT_AS))
        bytearray(2**30)
    """)
    limits = (2**29, 77)
    outcome = warm.run_with(path, b"", environment_of(b"", {}), limits)
    assert outcome.output == b"77\n(536870912, 536870912)\n"
    assert outcome.errors.endswith("MemoryError\n")


def test_modules_to_preload_are_there_already(script: Script) -> None:
    path = script("import sys; print('decimal' in sys.modules, 'wave' in sys.modules)")
    with template("decimal") as made:
        assert made.run(path).output == b"True False\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        (
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
            "importing preloaded has left threads running",
        ),
    ],
)
def test_a_module_that_cannot_be_preloaded_ends_the_template(
    script: Script, tmp_path: Path, code: str, message: str
) -> None:
    script(code, name="preloaded.py")
    made = Template("preloaded", PYTHONPATH=str(tmp_path))
    printed, _ = made.process.communicate(timeout=TIMEOUT)
    made.close()
    assert made.process.returncode == 1
    assert message in printed


# ---- processes ----


def begin(made: Template, path: Path, output: int) -> tuple[int, int]:
    """Has a script run that nobody waits for: its id, and that of its process."""
    with Path(os.devnull).open("r+b") as nothing:
        descriptors = [nothing.fileno(), output, nothing.fileno()]
        id = made.begin(path, descriptors, environment_of(b"", {}))
    return id, made.expect(STARTED, id)


SLEEPER = """
    import subprocess, sys, time
    child = subprocess.Popen(["sleep", "600"])
    print(child.pid, flush=True)
    time.sleep(600)
"""


def test_a_process_group_may_be_signalled_until_it_is_released(
    warm: Template, script: Script
) -> None:
    """Its leader has ended, and is not to be mixed up with another process."""
    with _Reader() as reader:
        id, pid = begin(warm, script(SLEEPER), reader.output)
        child = int(reader.line())
        assert os.getpgid(child) == pid
        os.kill(pid, signal.SIGTERM)
        assert warm.expect(ENDED, id) == -signal.SIGTERM
        assert os.getpgid(pid) == pid
        os.killpg(pid, signal.SIGKILL)
        wait_until(lambda: not is_there(child))
        warm.release(id)
        wait_until(lambda: not Path(f"/proc/{pid}").exists())


def test_all_that_runs_ends_with_the_server(script: Script) -> None:
    made = Template()
    made.expect(READY)
    with _Reader() as reader:
        _, pid = begin(made, script(SLEEPER), reader.output)
        child = int(reader.line())
        assert made.close() == ""
        assert made.process.returncode == 0
        wait_until(lambda: not (is_there(pid) or is_there(child)))


def test_several_run_at_once_and_end_as_they_like(
    warm: Template, script: Script
) -> None:
    path = script("import sys; sys.exit(int(sys.stdin.readline()))")
    running = []
    for _ in range(5):
        stdin, tap = os.pipe()
        with Path(os.devnull).open("wb") as nothing:
            descriptors = [stdin, nothing.fileno(), nothing.fileno()]
            id = warm.begin(path, descriptors, environment_of(b"", {}))
        os.close(stdin)
        warm.expect(STARTED, id)
        running.append((id, tap))
    for status, (id, tap) in enumerate(reversed(running)):
        os.write(tap, b"%d\n" % status)
        os.close(tap)
        assert warm.expect(ENDED, id) == status
        warm.release(id)


class _Reader:
    """A pipe that a script writes to."""

    def __enter__(self) -> _Reader:
        descriptor, self.output = os.pipe()
        self._file = os.fdopen(descriptor, "rb")
        return self

    def line(self) -> bytes:
        return self._file.readline()

    def __exit__(self, *error: object) -> None:
        os.close(self.output)
        self._file.close()
