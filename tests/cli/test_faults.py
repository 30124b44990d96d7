"""Projects whose file is sound, and which name things that are not there, or not fit.

`pyrs check` tells the same as a start.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .command_kit import run

MAIN = """\
from helper import boom

class Api:
    limit = 5
    def answer(self, request): return ""
    def alone(self): return ""
    @property
    def broken(self): boom()

class Database:
    def __init__(self):
        boom()

class Leaver:
    def __init__(self):
        raise SystemExit(3)

class Needy:
    def __init__(self, name): pass

def answer(request): return ""
"""
HELPER = "def boom():\n    raise RuntimeError('no database')\n"

Told = Callable[..., list[str]]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Checks a project of the given entries, and gives its faults' lines."""
    (tmp_path / "main.py").write_text(MAIN)
    (tmp_path / "helper.py").write_text(HELPER)

    def told(*entries: str) -> list[str]:
        lines = ",\n".join(f"{{{entry}}}" for entry in entries)
        (tmp_path / "project.pyrs").write_text(f'{{"modules": [\n{lines}\n]}}')
        done = run("check", "project.pyrs", cwd=tmp_path)
        assert done.returncode == 1
        head, *faults = done.stderr.splitlines()
        assert head.startswith("pyrs: ")
        assert head.endswith(" in project.pyrs")
        return faults

    return told


def python(module: str, handler: str, owner: str = "", path: str = "/") -> str:
    kind = f'"class": "{owner}", ' if owner else ""
    return f'"path": "{path}", "module": "{module}", {kind}"handler": "{handler}"'


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (
            python("mian", "answer"),
            'modules[0].module: there is no module "mian" in {folder}; '
            'did you mean "main"?',
        ),
        (
            python("main.deep", "answer"),
            'modules[0].module: there is no module "main.deep" in {folder}; '
            'did you mean "main"?',
        ),
        (
            python("main", "answer", "Appi"),
            'modules[0].class: module main has no "Appi"; did you mean "Api"?',
        ),
        (
            python("main", "answer", "answer"),
            "modules[0].class: found a function, expected a class",
        ),
        (
            python("main", "anwser", "Api"),
            'modules[0].handler: class Api has no "anwser"; did you mean "answer"?',
        ),
        (
            python("main", "anwser"),
            'modules[0].handler: module main has no "anwser"; did you mean "answer"?',
        ),
        (
            python("main", "limit", "Api"),
            "modules[0].handler: found a int, expected a method or function",
        ),
        (
            python("main", "alone", "Api"),
            "modules[0].handler: found alone(), expected one argument: the request",
        ),
        (
            '"path": "/", "native": "./none.so", "symbol": "hello"',
            "modules[0].native: there is no file {folder}/none.so",
        ),
        (
            '"path": "/", "cgi": ".", "preload": ["json"]',
            'modules[0].preload: this needs "warm": true beside it',
        ),
        (
            '"path": "/", "static": "./none"',
            "modules[0].static: there is no folder {folder}/none",
        ),
        (
            '"path": "/", "methods": ["GET"], "static": "."',
            "modules[0].methods: static files answer GET and HEAD: leave it out",
        ),
    ],
)
def test_a_name_of_nothing_is_told_with_the_nearest_one(
    told: Told, tmp_path: Path, entry: str, fault: str
) -> None:
    (line,) = told(entry)
    place, message = line.split(": ", 1)
    assert place.startswith("project.pyrs:2:")
    assert message == fault.format(folder=tmp_path)


def test_a_constructor_that_raises_is_told_with_the_users_frames_only(
    told: Told, tmp_path: Path
) -> None:
    lines = told(python("main", "answer", "Database"))
    carets = re.compile(r"\s*[~^]+")  # some Pythons underline what raised
    assert [line for line in lines if not carets.fullmatch(line)] == [
        "project.pyrs:2:42: modules[0].class: making a Database failed",
        "  Traceback (most recent call last):",
        f'    File "{tmp_path}/main.py", line 12, in __init__',
        "      boom()",
        f'    File "{tmp_path}/helper.py", line 2, in boom',
        "      raise RuntimeError('no database')",
        "  RuntimeError: no database",
    ]


@pytest.mark.parametrize(
    ("owner", "last"),
    [
        ("Leaver", "SystemExit: 3"),
        ("Needy", "missing 1 required positional argument: 'name'"),
    ],
)
def test_a_constructor_that_cannot_be_called_or_leaves(
    told: Told, owner: str, last: str
) -> None:
    assert told(python("main", "answer", owner))[-1].endswith(last)


def test_an_attribute_that_raises(told: Told) -> None:
    first, *_, last = told(python("main", "broken", "Api"))
    assert first.endswith('modules[0].handler: reading "broken" failed')
    assert last == "  RuntimeError: no database"


@pytest.mark.parametrize(
    ("content", "first", "last"),
    [
        ("import nothing_there", "line 1, in <module>", "named 'nothing_there'"),
        ("def f(:", "line 1", "SyntaxError: invalid syntax"),
        ("1 / 0", "line 1, in <module>", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_module_that_cannot_be_imported(
    told: Told, tmp_path: Path, content: str, first: str, last: str
) -> None:
    (tmp_path / "kaput.py").write_text(content)
    fault, *trace = told(python("kaput", "answer"))
    assert fault.endswith("modules[0].module: importing it failed")
    frames = [line for line in trace if "File" in line]
    assert len(frames) == 1
    assert frames[0].strip().startswith(f'File "{tmp_path}/kaput.py", {first}')
    assert trace[-1].endswith(last)


@pytest.mark.parametrize("name", ["signal", "selectors"])
def test_a_module_with_the_name_of_one_that_is_taken(project: Path, name: str) -> None:
    inside = project / "inside"
    inside.mkdir()
    (inside / f"{name}.py").write_text("def answer(request): return ''")
    (inside / "project.pyrs").write_text(
        f'{{"modules": [{{{python(name, "answer")}}}]}}'
    )
    told = run("check", "inside/project.pyrs", cwd=project).stderr
    assert f"{name}.py has the name of a module that is already imported" in told
    assert str(Path(os.__file__).parent / f"{name}.py") in told


def test_what_asyncio_needs_is_not_taken_from_a_project(tmp_path: Path) -> None:
    code = """
import sys
import pyrs.cli

before = set(sys.modules)
import asyncio

names = {name.partition(".")[0] for name in set(sys.modules) - before}
files = [getattr(sys.modules[name], "__file__", None) for name in names]
from pyrs.user_code import OF_ASYNCIO

found = [name for name, file in zip(names, files) if (file or "").endswith(".py")]
print(sorted(set(found) - set(OF_ASYNCIO)), "asyncio" in found)
"""
    result = run(code, cwd=tmp_path, program=("-c",))
    assert (result.stdout, result.stderr) == ("[] True\n", "")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/a", "(line 2 has this path too)"),
        ("/a/", "(line 2 has this path too)"),
        ("/{a", "the brace of"),
        ("/{a:float}", "unknown type"),
        ("/a//{x}/{x}", 'two parameters are named "x"'),
    ],
)
def test_a_path_that_is_malformed_or_taken(told: Told, path: str, message: str) -> None:
    (line,) = told(
        python("main", "answer", path="/a"), python("main", "answer", path=path)
    )
    assert line.startswith("project.pyrs:3:10: modules[1].path: ")
    assert message in line


def test_the_same_path_with_other_methods_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("def answer(request): return ''")
    entry = python("main", "answer")
    first, second = (
        f'{entry}, "methods": ["GET"]',
        f'{entry}, "methods": ["PUT", "POST"]',
    )
    (tmp_path / "project.pyrs").write_text(
        f'{{"modules": [{{{first}}}, {{{second}}}]}}'
    )
    done = run("check", cwd=tmp_path)
    assert done.stdout == (
        "/  GET       main.answer\n/  PUT,POST  main.answer\n"
        "project.pyrs: 2 routes, no fault\n"
    )


def test_all_faults_of_all_entries_are_told_at_once(told: Told) -> None:
    lines = told(
        '"module": "nope", "handler": "answer"',
        python("main", "answer", "Database", "no slash"),
        '"path": "/c", "methods": ["get"], "module": "main", "handler": "none"',
        python("main", "answer", "Api", "/d") + ', "clas": 1',
    )
    keys = [line.split(": ")[1] for line in lines if line.startswith("project.pyrs:")]
    assert keys == [
        "modules[0]",
        "modules[0].module",
        "modules[1].path",
        "modules[1].class",
        "modules[2].methods[0]",
        "modules[2].handler",
        "modules[3].clas",
    ]


def test_a_native_library_that_is_none_or_lacks_the_symbol(
    told: Told, tmp_path: Path
) -> None:
    import pyrs._core

    (tmp_path / "text.so").write_text("no library")
    library = pyrs._core.__file__
    first, second = told(
        '"path": "/a", "native": "text.so", "symbol": "hello"',
        f'"path": "/b", "native": "{library}", "symbol": "no_such_function"',
    )
    assert "modules[0].native: cannot load the shared library" in first
    assert "modules[1].native: no such function in the library" in second


def test_a_start_tells_the_same_and_never_listens(told: Told, tmp_path: Path) -> None:
    checked = told(python("mian", "answer"))
    done = run("project.pyrs", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == checked
    assert done.stdout == "Starting pyrs server...\n"


def test_a_log_that_cannot_be_opened(project: Path) -> None:
    done = run("project.pyrs", "--log", "none/a.log", cwd=project)
    assert done.returncode == 1
    assert "cannot open the log none/a.log: No such file or directory" in done.stderr


def test_an_interrupt_while_loading_ends_quietly(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
        "def answer(request): return ''"
    )
    (tmp_path / "project.pyrs").write_text(
        f'{{"modules": [{{{python("main", "answer")}}}]}}'
    )
    done = run("project.pyrs", cwd=tmp_path)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
