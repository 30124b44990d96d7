"""The bridge without a server: a handler, a made-up request, and what was answered.

csrc/bridge is compiled together with bridge_core.c, which stands for the core, into one
library: a cffi module to ask from, and the extension module itself.
"""

import gc
import hashlib
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cffi

from pyrs._request_parts import RequestSettings
from pyrs._wsgi_parts import environ_template
from pyrs.form import FormLimits
from pyrs.forwarded import TrustedProxies

from .library import CACHE, CSRC, compile_library, load, sanitizer_options

HERE = Path(__file__).parent
SOURCES = [*sorted(CSRC.glob("bridge/*.c")), HERE / "bridge_core.c"]
READ = [*SOURCES, *sorted(CSRC.glob("bridge/*.h")), CSRC / "pyrs.h"]
READ += [CSRC / "serve" / "endpoint.h", HERE / "bridge_core.h"]

OPTIONS = ["-std=gnu11", "-g", "-fvisibility=hidden"]
CHECKED = ["-O1", "-UNDEBUG"]  # assertions on
FAST = ["-O3", "-DNDEBUG"]  # as it is shipped

Pairs = Sequence[tuple[str | bytes, str | bytes]]


def _declarations() -> str:
    header = (HERE / "bridge_core.h").read_text()
    declared = header.split("/* cffi: begin */")[1].split("/* cffi: end */")[0]
    return (
        "struct pyrs_endpoint;\n"
        "struct pyrs_slice { const char *bytes; size_t length; };\n" + declared
    )


def _builder(name: str, options: list[str]) -> cffi.FFI:
    builder = cffi.FFI()
    builder.cdef(_declarations())
    builder.set_source(
        name,
        '#include "bridge_core.h"\n',
        sources=[str(path) for path in SOURCES],
        include_dirs=[str(CSRC), str(HERE)],
        extra_compile_args=options,
        # Its own core, also where a native endpoint has made that of pyrs global.
        extra_link_args=["-Wl,-Bsymbolic", *sanitizer_options()],
    )
    return builder


@dataclass(frozen=True)
class Built:
    ffi: Any
    lib: Any
    bridge: Any  # the extension module, beside the package's own
    library: Path


@cache
def build(fast: bool = False) -> Built:
    options = [*OPTIONS, *(FAST if fast else CHECKED), *sanitizer_options()]
    digest = hashlib.sha256(repr((sys.version, options)).encode())
    for path in READ:
        digest.update(path.read_bytes())
    name = f"_bridge_core_{digest.hexdigest()[:20]}"
    library = CACHE / (name + str(sysconfig.get_config_var("EXT_SUFFIX")))
    if not library.exists():
        compile_library(_builder(name, options), library)
    core = load(name, library)
    return Built(core.ffi, core.lib, load(f"{name}._bridge", library), library)


# ---- requests ----


@dataclass
class Made:
    """A request as the core would have understood it."""

    method: str = "GET"
    path: str | bytes = "/"  # decoded; NUL for an encoded slash
    raw_path: str = "/"
    query: str = ""
    body: bytes = b""
    version_minor: int = 1
    headers: Pairs = ()
    params: Sequence[tuple[str, str | bytes, int]] = ()  # name, value, kind
    client: tuple[str, int] = ("192.0.2.7", 50000)
    server: tuple[str, int] = ("192.0.2.1", 80)
    body_streams: bool = False
    body_piece: int = 0  # bytes that come at a time; 0: all
    body_is_cut: bool = False
    room: int = 0  # bytes after which a step has to pause
    gone_after: int = -1  # bytes after which the client is gone
    on_threads: bool = False  # each step on a thread of its own
    settings: Any = None  # RequestSettings of the endpoint


PLAIN = [
    *["version_minor", "body_streams", "body_piece", "body_is_cut"],
    *["room", "gone_after", "on_threads"],
]
STR, INT, PATH = 0, 1, 2


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


class Memory:
    """A made_request and what it points to."""

    def __init__(self, built: Built, made: Made) -> None:
        self._ffi = ffi = built.ffi
        self._kept: list[Any] = []
        pairs = [(name, value, 0) for name, value in made.headers]
        pairs += list(made.params)
        self.pairs = ffi.new("struct made_pair[]", max(1, len(pairs)))
        for at, (name, value, kind) in enumerate(pairs):
            self.pairs[at].name = self._slice(name)
            self.pairs[at].value = self._slice(value)
            self.pairs[at].kind = kind
        self.request = request = ffi.new("struct made_request *")
        for part in ("method", "path", "raw_path", "query", "body"):
            setattr(request, part, self._slice(getattr(made, part)))
        for plain in PLAIN:
            setattr(request, plain, getattr(made, plain))
        request.header_count = len(made.headers)
        request.param_count = len(made.params)
        request.pairs = self.pairs
        for end in ("client", "server"):
            address, port = getattr(made, end)
            setattr(request, end, self._keep(address.encode() + b"\0"))
            setattr(request, f"{end}_port", port)

    def _keep(self, data: bytes) -> Any:
        self._kept.append(self._ffi.new("char[]", data))
        return self._kept[-1]

    def _slice(self, text: str | bytes) -> Any:
        data = _bytes(text)
        return (self._keep(data) if data else self._ffi.NULL, len(data))


# ---- answers ----


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    headers: list[tuple[str, str]]
    body: bytes
    lent: bool = field(compare=False, default=False)
    level: int = field(compare=False, default=0)
    log: str = field(compare=False, default="")
    begun: bool = field(compare=False, default=False)  # sent in pieces
    complete: bool = field(compare=False, default=True)
    pieces: int = field(compare=False, default=0)
    steps: int = field(compare=False, default=1)


@contextmanager
def endpoint_of(
    handler: Callable[..., object],
    name: str = "api.Api.handler",
    built: Built | None = None,
    settings: Any = None,
) -> Iterator[Any]:
    built = built or build()
    address = built.bridge.endpoint(handler, name, settings)
    endpoint = built.ffi.cast("struct pyrs_endpoint *", address)
    try:
        yield endpoint
    finally:
        built.lib.endpoint_free(endpoint)


@contextmanager
def wsgi_endpoint_of(
    application: Callable[..., object], built: Built | None = None
) -> Iterator[Any]:
    built = built or build()
    environ = environ_template(sys.stderr, multithread=True, multiprocess=False)
    settings = RequestSettings(TrustedProxies(), FormLimits(1, 1, 1, 1))
    address = built.bridge.wsgi_endpoint(application, "main:app", environ, settings)
    endpoint = built.ffi.cast("struct pyrs_endpoint *", address)
    try:
        yield endpoint
    finally:
        built.lib.endpoint_free(endpoint)


def _answer(built: Built, seen: Any) -> Answer:
    def text(piece: Any) -> bytes:
        return (
            bytes(built.ffi.buffer(piece.bytes, piece.length)) if piece.bytes else b""
        )

    assert seen.answers == 1
    assert seen.records <= 1
    lines = text(seen.fields).decode("latin-1").split("\r\n")
    assert lines.pop() == ""
    headers = [(name, value) for name, _, value in (li.partition(": ") for li in lines)]
    return Answer(
        status=seen.status,
        content_type=text(seen.content_type).decode("latin-1"),
        headers=headers,
        body=text(seen.body),
        lent=seen.lent,
        level=seen.level,
        log=text(seen.log).decode(),
        begun=seen.begun,
        complete=seen.complete or not seen.begun,
        pieces=seen.pieces,
        steps=seen.steps,
    )


def ask(
    handler: Callable[..., object], made: Made | None = None, **parts: Any
) -> Answer:
    """What the handler's endpoint answers; nothing of the exchange is left after it."""
    built, made = build(), made or Made(**parts)
    memory = Memory(built, made)
    with endpoint_of(handler, settings=made.settings) as endpoint:
        seen = built.lib.ask(endpoint, memory.request)
        try:
            return _answer(built, seen)
        finally:
            built.lib.seen_answer_free(seen)


def seen_by(read: Callable[[Any], Any], made: Made | None = None, **parts: Any) -> Any:
    """What a handler reads from its request: while it runs and, from a request that was
    kept, after the exchange is gone. The two must be equal."""
    inside: list[Any] = []
    kept: list[Any] = []

    def reading(request: Any) -> None:
        inside.append(read(request))

    for handler in (reading, kept.append):
        answer = ask(handler, made or Made(**parts))
        assert (answer.status, answer.log) == (204, "")
    assert read(kept[0]) == inside[0]
    return inside[0]


def ask_often(handler: Callable[..., object], count: int, **parts: Any) -> None:
    built, made = build(), Made(**parts)
    memory = Memory(built, made)
    with endpoint_of(handler, settings=made.settings) as endpoint:
        built.lib.ask_often(endpoint, memory.request, count)


def ask_application_often(
    application: Callable[..., object], count: int, **parts: Any
) -> None:
    built = build()
    memory = Memory(built, Made(**parts))
    with wsgi_endpoint_of(application) as endpoint:
        built.lib.ask_often(endpoint, memory.request, count)


def ask_on_threads(
    handler: Callable[..., object], threads: int, count: int, **parts: Any
) -> None:
    built = build()
    memory = Memory(built, Made(**parts))
    with endpoint_of(handler) as endpoint:
        assert built.lib.ask_on_threads(endpoint, memory.request, threads, count)


def nanoseconds_per_call(
    handler: Callable[..., object], count: int, *, wsgi: bool = False, **parts: Any
) -> float:
    """Of the shipped build, attaching included, 64 requests to an attach; `handler` is
    a WSGI application if `wsgi`."""
    built = build(fast=True)
    memory = Memory(built, Made(**parts))
    with (
        wsgi_endpoint_of(handler, built) if wsgi else endpoint_of(handler, built=built)
    ) as endpoint:
        return float(built.lib.ask_often(endpoint, memory.request, count)) / count


def leaves_less(run: Callable[[], object], blocks: int) -> bool:
    """Whether it leaves fewer blocks of memory behind. Any of several times: the
    interpreter itself grows now and then, at first above all, while a leak shows each
    time."""

    def once() -> int:
        gc.collect()
        before = sys.getallocatedblocks()
        run()
        gc.collect()
        return sys.getallocatedblocks() - before

    return any(once() < blocks for _ in range(6))
