"""The core's C modules as one cffi module, built from the sources when a test needs it.

A layer's file joins with a line in SOURCES, its header with a line in HEADERS: the
declarations are taken from the header itself by the C preprocessor. Assertions are on.
Objects are kept in build/unit by the hash of all that went into them. Sanitizers are
asked for as library.py says.
"""

import hashlib
import os
import platform
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cffi

from .library import (
    CACHE,
    CSRC,
    ROOT,
    compile_library,
    load,
    sanitizer_options,
    without_preload,
)

SOURCES = [
    "csrc/http/*.c",
    "csrc/net/output.c",
    "csrc/net/pool.c",
    "csrc/net/timeout.c",
    "csrc/serve/body.c",
    "csrc/serve/error.c",
    "csrc/serve/folder.c",
    "csrc/serve/folder_walk.c",
    "csrc/serve/listing*.c",
    "csrc/serve/log.c",
    "csrc/serve/media_types.c",
    "csrc/serve/method_set.c",
    "csrc/serve/page_text.c",
    "csrc/serve/resource.c",
    "csrc/serve/route_pattern.c",
    "csrc/serve/router.c",
    "csrc/serve/slice_map.c",
    "csrc/serve/static_path.c",
    "tests/unit/kit.c",
]

HEADERS = [
    "http/slice.h",
    "http/chars.h",
    "http/reject.h",
    "http/target.h",
    "http/body_framing.h",
    "http/request_head.h",
    "http/response_head.h",
    "http/http_date.h",
    "http/entity_tag.h",
    "http/conditions.h",
    "http/range.h",
    "http/byteranges.h",
    "http/digits.h",
    "http/field_lines.h",
    "http/cgi_head.h",
    "http/media_type.h",
    "http/accept_encoding.h",
    "http/scan.h",
    "http/utf8.h",
    "net/list.h",
    "net/timeout.h",
    "net/counter.h",
    "net/pool.h",
    "net/output.h",
    "serve/body.h",
    "serve/listing.h",
    "serve/folder.h",
    "serve/log.h",
    "serve/media_types.h",
    "serve/page_text.h",
    "serve/router.h",
    "serve/static_path.h",
    "../tests/unit/kit.h",
]

# Files that have an instruction set of their own (see csrc/http/scan.cmake).
X86_OPTIONS = {
    "scan_sse42.c": ["-msse4.2"],
    "scan_avx2.c": ["-mavx2"],
    "scan.c": ["-DPYRS_SCAN_X86"],
}

WARNINGS = [
    *("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wstrict-prototypes"),
    *("-Wmissing-prototypes", "-Wvla", "-Werror"),
]
# One lookup's steps are counted, see kit.h.
COUNTING = "do { extern uint64_t kit_lookup_steps; kit_lookup_steps++; } while (0)"
OPTIONS = [
    *("-std=c11", "-O1", "-g", "-fPIC", "-UNDEBUG", "-D_GNU_SOURCE", f"-I{CSRC}"),
    f"-DLOOKUP_STEP()={COUNTING}",
]


COMPILER = shlex.split(os.environ.get("CC", "cc"))


def _run(*command: str | Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{shlex.join(map(str, command))}\n{done.stderr}")
    return done.stdout


@cache
def _libuv(question: str) -> list[str]:
    """What pkg-config says of libuv, which the log's thread comes from."""
    return shlex.split(_run("pkg-config", question, "libuv"))


# ---- declarations ----

# What the headers want of the system's, as far as cffi can read it.
SYSTEM_HEADERS = {
    **dict.fromkeys(("stdbool", "stddef", "stdint", "string", "assert"), ""),
    "limits": "#define PATH_MAX 4096\n",
    "stdatomic": "#define _Atomic\n",
    "sys/stat": "struct stat;\n",
    "sys/uio": "struct iovec { void *iov_base; size_t iov_len; };\n",
}


def _without_inline_functions(text: str) -> str:
    """Drops `static inline` definitions, whose bodies cffi cannot read."""
    while match := re.search(r"static inline [^{;]*\{", text):
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        text = text[: match.start()] + text[end:]
    return text


def _statements(text: str) -> Iterator[str]:
    depth, start = 0, 0
    for at, char in enumerate(text):
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == ";" and depth == 0:
            yield text[start : at + 1].strip()
            start = at + 1


def _symbol(statement: str) -> str | None:
    """What a linker would look for, if the statement declares such a thing."""
    if statement.startswith("typedef") or "{" in statement:
        return None
    variable = r"extern [^(]*?(\w+)(\[\w*\])*;"
    found = re.fullmatch(variable, statement) or re.match(r"[^(]*?(\w+)\(", statement)
    return found[1] if found else None


def _defined(objects: list[Path]) -> set[str]:
    lines = _run("nm", "-g", "-P", *objects).splitlines()
    words = [line.split() for line in lines]
    return {word[0].lstrip("_") for word in words if len(word) > 1 and word[1] != "U"}


def _without_undefined(text: str, objects: list[Path]) -> str:
    """Headers may declare more than SOURCES define."""
    names = {None, *_defined(objects)}
    return "\n".join(
        statement for statement in _statements(text) if _symbol(statement) in names
    )


def _declarations() -> str:
    """What the headers declare, without what the system's headers do."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in SYSTEM_HEADERS.items():
            header = Path(folder, f"{name}.h")
            header.parent.mkdir(exist_ok=True)
            header.write_text(content)
        unit = Path(folder, "headers.c")
        unit.write_text(_includes())
        text = _run(
            *COMPILER, "-E", "-P", "-nostdinc", f"-I{folder}", f"-I{CSRC}", unit
        )
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return _without_inline_functions(text)


def _includes() -> str:
    return "".join(f'#include "{header}"\n' for header in HEADERS)


# ---- objects ----


def _sources() -> list[Path]:
    return [path for pattern in SOURCES for path in sorted(ROOT.glob(pattern))]


def _options(source: Path) -> list[str]:
    x86 = platform.machine() in ("x86_64", "AMD64")
    own = X86_OPTIONS.get(source.name, []) if x86 else []
    return [*OPTIONS, *WARNINGS, *own, *sanitizer_options(), *_libuv("--cflags")]


@cache
def _headers_hash() -> bytes:
    """Of every header, so that a changed one rebuilds all; that takes seconds."""
    headers = [*sorted(CSRC.rglob("*.h")), *sorted(Path(__file__).parent.glob("*.h"))]
    digest = hashlib.sha256("\0".join(COMPILER).encode())
    for header in headers:
        digest.update(header.read_bytes())
    return digest.digest()


def _hash(*parts: str | bytes) -> str:
    digest = hashlib.sha256(_headers_hash())
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()[:20]


def _object(source: Path) -> Path:
    options = _options(source)
    target = CACHE / f"{source.stem}-{_hash(source.read_bytes(), *options)}.o"
    if not target.exists():
        made = target.with_suffix(f".{os.getpid()}")
        _run(*COMPILER, *options, "-c", source, "-o", made)
        made.replace(target)
    return target


# ---- the module ----


def _builder(name: str, objects: list[Path], declarations: str) -> cffi.FFI:
    builder = cffi.FFI()
    builder.cdef(declarations)
    builder.set_source(
        name,
        _includes(),
        include_dirs=[str(CSRC)],
        extra_objects=[str(path) for path in objects],
        extra_compile_args=["-O1", "-g", *sanitizer_options()],
        extra_link_args=[*sanitizer_options(), *_libuv("--libs")],
        define_macros=[("_GNU_SOURCE", None)],
    )
    return builder


def _build() -> tuple[str, Path]:
    """Name and file of the module, compiled if there is none of these sources."""
    CACHE.mkdir(parents=True, exist_ok=True)
    objects = [_object(source) for source in _sources()]
    declarations = _without_undefined(_declarations(), objects)
    key = _hash(declarations, *map(str, objects), *sanitizer_options())
    key = _hash(key, platform.python_version(), cffi.__version__)
    name = f"_c_core_{key}"
    library = CACHE / f"{name}.so"
    if not library.exists():
        compile_library(_builder(name, objects, declarations), library)
    return name, library


with without_preload():
    _module = load(*_build())
ffi: Any = _module.ffi
lib: Any = _module.lib
