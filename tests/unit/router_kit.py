"""The router as Python objects, and how many steps its lookups take."""

from dataclasses import dataclass
from typing import Any

from .c_core import ffi, lib
from .http_kit import bytes_of

KINDS = ("str", "int", "path")


class Refused(Exception):
    """router_add answered false; the text is the error's."""


@dataclass(frozen=True)
class Found:
    """What a request was led to."""

    route: str  # pattern as it was added
    endpoint: int  # which call of Router.add
    params: dict[str, str]
    rest: str
    allow: str


@dataclass(frozen=True)
class NoMethod:
    allow: str


@dataclass(frozen=True)
class NoPath:
    pass


def _text(piece: Any) -> str:
    return bytes_of(piece).decode()


class Router:
    """A router whose endpoints are the numbers of the calls that added them."""

    def __init__(self, *routes: str) -> None:
        """Each route is "/path" or "METHOD,METHOD /path"."""
        self._router = ffi.gc(lib.router_new(), lib.router_free)
        self.count = 0
        for route in routes:
            methods, slash, path = route.partition("/")
            self.add(slash + path, methods.strip() or None)

    def add(
        self, pattern: str, methods: str | None = None, own_options: bool = False
    ) -> int:
        error = ffi.new("struct pyrs_error *")
        listed = ffi.NULL if methods is None else ffi.new("char[]", methods.encode())
        answer = ffi.new("struct route_answer *")
        answer.endpoint = ffi.cast("struct pyrs_endpoint *", self.count + 1)
        answer.options.own_options = own_options
        if not lib.router_add(self._router, pattern.encode(), listed, answer, error):
            raise Refused(ffi.string(error.message).decode())
        self.count += 1
        return self.count

    def find(self, request: str) -> Found | NoMethod | NoPath:
        """`request` is "/path" for a GET, or "METHOD /path"."""
        method, slash, rest = request.partition("/")
        name, path = (method.strip() or "GET").encode(), (slash + rest).encode()
        name_bytes, path_bytes = ffi.new("char[]", name), ffi.new("char[]", path)
        name_slice = ffi.new("slice *", (name_bytes, len(name)))[0]
        path_slice = ffi.new("slice *", (path_bytes, len(path)))[0]
        match = ffi.new("struct route_match *")
        ffi.memmove(match, b"\xa5" * ffi.sizeof(match[0]), ffi.sizeof(match[0]))
        result = lib.router_find(
            self._router,
            lib.method_from_name(name_slice),
            name_slice,
            path_slice,
            match,
        )
        if result != lib.ROUTE_FOUND:
            assert match.route == ffi.NULL
            assert match.param_count == 0
        if result == lib.ROUTE_NO_PATH:
            assert match.allow.length == 0
            return NoPath()
        if result == lib.ROUTE_NO_METHOD:
            return NoMethod(_text(match.allow))
        return self._found(match, path)

    def _found(self, match: Any, path: bytes) -> Found:
        route = match.route
        assert match.param_count == route.param_count
        params = {}
        for at in range(route.param_count):
            span = match.params[at]
            assert span.offset + span.length <= len(path)
            value = path[span.offset : span.offset + span.length].decode()
            params[_text(route.params[at].name)] = value
        return Found(
            route=_text(route.pattern),
            endpoint=int(ffi.cast("uintptr_t", route.endpoint)),
            params=params,
            rest=path[
                match.rest.offset : match.rest.offset + match.rest.length
            ].decode(),
            allow=_text(match.allow),
        )

    def match(self, request: str) -> Found:
        """What was found, by a test that knows something is."""
        found = self.find(request)
        assert isinstance(found, Found)
        return found

    def where(self, request: str) -> str | None:
        """The pattern of the route that was found, None if there is none."""
        found = self.find(request)
        return found.route if isinstance(found, Found) else None

    def kinds(self, path: str) -> list[str]:
        match = ffi.new("struct route_match *")
        bytes_ = ffi.new("char[]", path.encode())
        path_slice = ffi.new("slice *", (bytes_, len(path.encode())))[0]
        empty = ffi.new("slice *")[0]
        lib.router_find(self._router, lib.METHOD_GET, empty, path_slice, match)
        return [KINDS[match.route.params[at].kind] for at in range(match.param_count)]

    def allow_all(self) -> str:
        return _text(lib.router_allow_all(self._router))

    def steps(self, request: str) -> int:
        """Table slots and nodes that finding this one looks at."""
        before = lib.kit_lookup_steps
        self.find(request)
        return int(lib.kit_lookup_steps - before)


def error_text(text: bytes) -> str:
    error = ffi.new("struct pyrs_error *")
    assert not lib.kit_error_set_text(error, ffi.new("char[]", text))
    return str(ffi.string(error.message).decode())
