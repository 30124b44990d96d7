"""What the build promises: a core without Python, loaded once, small on the outside."""

import json
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import pyrs

ROOT = Path(__file__).parents[2]
PACKAGE = Path(pyrs.__file__).parent
CORE_LAYERS = ("http", "net", "serve")


@pytest.fixture(scope="module")
def compile_commands(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, list[str]]:
    """How the wheel's build would compile each file of csrc."""
    cmake = shutil.which("cmake", path=Path(sys.executable).parent) or "cmake"
    build = tmp_path_factory.mktemp("build")
    subprocess.run(
        [
            *(cmake, "-S", ROOT, "-B", build, "-Wno-dev"),
            *("-DSKBUILD=2", f"-DPython_EXECUTABLE={sys.executable}"),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    entries = json.loads((build / "compile_commands.json").read_text())
    return {
        Path(entry["file"]).relative_to(ROOT / "csrc"): shlex.split(entry["command"])
        for entry in entries
        if Path(entry["file"]).is_relative_to(ROOT / "csrc")
    }


def _sees_python(command: list[str]) -> bool:
    words = iter(command)
    for word in words:
        for option in ("-isystem", "-iquote", "-I"):
            if word.startswith(option):
                folder = word.removeprefix(option) or next(words)
                if Path(folder, "Python.h").exists():
                    return True
    return False


def test_the_core_has_no_python_include_folder(
    compile_commands: dict[Path, list[str]],
) -> None:
    core = {k: v for k, v in compile_commands.items() if k.parts[0] in CORE_LAYERS}
    assert {file.parts[0] for file in core} == set(CORE_LAYERS)
    assert [str(file) for file, command in core.items() if _sees_python(command)] == []


def test_the_bridge_has_one(compile_commands: dict[Path, list[str]]) -> None:
    bridge = [v for k, v in compile_commands.items() if k.parts[0] == "bridge"]
    assert bridge
    assert all(map(_sees_python, bridge))


def test_the_core_is_loaded_once() -> None:
    """By both modules, from beside them in the package."""
    code = """if True:
        import pyrs._bridge, pyrs._core
        for line in open("/proc/self/maps"):
            if "libpyrs" in line:
                print(line.split()[-1])
    """
    if not Path("/proc/self/maps").exists():
        pytest.skip("this system does not show what a process has mapped")
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert set(done.stdout.split()) == {str(PACKAGE / "libpyrs.so")}


def test_only_the_public_names_leave_the_core() -> None:
    nm = shutil.which("nm")
    if nm is None or sysconfig.get_platform().startswith("macosx"):
        pytest.skip("needs binutils")
    listed = subprocess.run(
        [nm, "--dynamic", "--defined-only", PACKAGE / "libpyrs.so"],
        check=True,
        capture_output=True,
        text=True,
    )
    names = {line.split()[-1] for line in listed.stdout.splitlines()}
    assert {"pyrs_server_new", "pyrs_exchange_respond"} <= names
    assert {name for name in names if not name.startswith("pyrs_")} == set()
