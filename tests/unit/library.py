"""How the unit tests' C becomes a library that Python has loaded.

Libraries are kept in build/unit, under names that tell what went into them; one that is
there is complete, since it is moved to its place when it is made.

PYRS_SANITIZE=address,undefined builds with sanitizers (and wants to run under
LD_PRELOAD, see tools/sanitized.sh); PYRS_TEST_CFLAGS are options for compiler and
linker that are added instead.
"""

import importlib.util
import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import cffi

ROOT = Path(__file__).parents[2]
CSRC = ROOT / "csrc"
CACHE = ROOT / "build" / "unit"


def sanitizer_options() -> list[str]:
    options = shlex.split(os.environ.get("PYRS_TEST_CFLAGS", ""))
    sanitizers = os.environ.get("PYRS_SANITIZE")
    if sanitizers and not options:
        options = [f"-fsanitize={sanitizers}"]
    if any(option.startswith("-fsanitize") for option in options):
        options += ["-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
    return options


@contextmanager
def without_preload() -> Iterator[None]:
    """Compilers run as they are, also when this process has a sanitizer loaded."""
    preload = os.environ.pop("LD_PRELOAD", None)
    try:
        yield
    finally:
        if preload is not None:
            os.environ["LD_PRELOAD"] = preload


def compile_library(builder: cffi.FFI, library: Path) -> None:
    """Compiles what `builder` has been told of."""
    library.parent.mkdir(parents=True, exist_ok=True)
    with without_preload(), tempfile.TemporaryDirectory(dir=library.parent) as folder:
        Path(builder.compile(tmpdir=folder)).replace(library)


def load(name: str, library: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
