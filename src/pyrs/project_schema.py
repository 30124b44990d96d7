"""The schema of project.pyrs: every key of the file, once.

What a server is made with, and how its folders are served, are keys here as they are
arguments in Python code: pyrs.config has them. From both come the ranges of the command
line's options, the JSON Schema that editors read and docs/configuration.md; a key is
added here or there and nowhere else (and where it is used).

pyrs.project_file reads a file into these types and reports its faults.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType, field, inspect

from pyrs.config import BodyMode, CgiOptions, RunMode, Settings, StaticOptions

__all__ = [
    "ENDPOINTS",
    "Endpoint",
    "Entry",
    "EntryOptions",
    "ErrorHandler",
    "Middleware",
    "Project",
    "project_type",
]

Method = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z][A-Z0-9_-]*$(?!\n)",
        max_length=32,
        examples=["GET", "POST", "PUT", "PATCH", "DELETE"],
        extra={"expected": "a method in upper case, as requests name it"},
    ),
]

ErrorStatus = Annotated[
    str,
    Meta(
        pattern=r"^[45][0-9][0-9]$(?!\n)",
        extra={"expected": 'a status from "400" to "599"'},
    ),
]
Module = Annotated[
    str,
    Meta(
        min_length=1,
        description="Python module, found from the project file's folder first.",
        examples=["main", "package.module"],
    ),
]


if TYPE_CHECKING:

    class EntryOptions(StaticOptions, CgiOptions, frozen=True, kw_only=True):
        """The options that an entry may have, of whichever kind it is."""

else:  # a struct has one base only
    EntryOptions = msgspec.defstruct(
        "EntryOptions",
        list(
            zip(
                CgiOptions.__struct_fields__,
                CgiOptions.__annotations__.values(),
                CgiOptions.__struct_defaults__,
                strict=True,
            )
        ),
        bases=(StaticOptions,),
        module=CgiOptions.__module__,  # where its types are found
        forbid_unknown_fields=True,
        frozen=True,
        kw_only=True,
    )


class Entry(EntryOptions, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One of `modules`: a path, its methods, and the one endpoint that answers."""

    path: Annotated[
        str,
        Meta(
            min_length=1,
            pattern="^/",
            description="Pattern of the paths that are answered: `/users`, "
            "`/users/{id}`, `/users/{id:int}`, `/*/edit`, `/files/*`, "
            "`/files/{rest:path}`. The most specific one wins, whatever the order.",
            examples=["/", "/users/{id:int}", "/*"],
            extra={"expected": 'text that begins with "/"'},
        ),
    ]
    methods: (
        Annotated[
            list[Method],
            Meta(
                min_length=1,
                description="Methods that are answered; all of them if left out. HEAD "
                "comes with GET.",
            ),
        ]
        | UnsetType
    ) = UNSET
    module: Module | UnsetType = UNSET
    class_: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="Class in the module, made once for this entry, without "
                "arguments. If left out, the handler is a function of the module.",
            ),
        ]
        | UnsetType
    ) = field(name="class", default=UNSET)
    handler: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="Method of the class (or function of the module) that is "
                "called with each request.",
            ),
        ]
        | UnsetType
    ) = UNSET
    run: Annotated[
        RunMode,
        Meta(
            description="Where the handler or application runs: `loop` on the event "
            "loop's thread, which costs nothing and must not block; `thread` on a "
            "thread of its own; "
            "`auto` on the loop until it blocks. An `async def` handler runs on the "
            "asyncio loop, whatever stands here.",
            extra={"expected": '"auto", "loop" or "thread"'},
        ),
    ] = "auto"
    body: (
        Annotated[
            BodyMode,
            Meta(
                description="When the handler or application is called: `whole`: when "
                "the body is there; `stream`: when the head is, the body to be read as "
                "it arrives, by `request.stream()` or `wsgi.input`. If left out, a "
                "handler gets its bodies whole, and a WSGI application those that are "
                "not larger than `limits.body_memory` or do not tell their length.",
                extra={"expected": '"whole" or "stream"'},
            ),
        ]
        | UnsetType
    ) = UNSET
    wsgi: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="WSGI application, `module:attribute` or "
                "`module:factory()`, found from the project file's folder first. It "
                "answers the path and all below it.",
                examples=["main:app", "package.module:create_app()"],
            ),
        ]
        | UnsetType
    ) = UNSET
    native: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="Shared library with a C function compiled against pyrs.h; "
                "relative to the project file.",
                examples=["./hello.so"],
            ),
        ]
        | UnsetType
    ) = UNSET
    symbol: (
        Annotated[
            str,
            Meta(min_length=1, description="Name of the C function in the library."),
        ]
        | UnsetType
    ) = UNSET
    static: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="Folder whose files are served below the path, to GET and "
                "HEAD; relative to the project file. Names that begin with a dot are "
                "not found, `.well-known` excepted.",
                examples=["site", "../build/html"],
            ),
        ]
        | UnsetType
    ) = UNSET
    cgi: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="Folder whose programs answer, at the path and all below "
                "it; relative to the project file. Every executable file is one, in "
                "whatever language.",
                examples=["cgi-bin"],
            ),
        ]
        | UnsetType
    ) = UNSET


class Endpoint(NamedTuple):
    """A kind of endpoint: the keys of an entry that make it; the first one tells it."""

    title: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


ENDPOINTS = (
    Endpoint("Python method", ("module", "handler"), ("class", "run", "body")),
    Endpoint("WSGI application", ("wsgi",), ("run", "body")),
    Endpoint("C function", ("native", "symbol")),
    Endpoint("static folder", ("static",), StaticOptions.__struct_fields__),
    Endpoint("CGI folder", ("cgi",), CgiOptions.__struct_fields__),
)


class ErrorHandler(
    msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True
):
    """What makes the page of a status."""

    module: Module
    class_: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="Class in the module, made once for this status, without "
                "arguments. If left out, the handler is a function of the module.",
            ),
        ]
        | UnsetType
    ) = field(name="class", default=UNSET)
    handler: Annotated[
        str,
        Meta(
            min_length=1,
            description="Method of the class (or function of the module) that is "
            "called with the request and the `HTTPError`, and returns what any handler "
            "may.",
        ),
    ]


class Middleware(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A class around all Python handlers."""

    module: Module
    class_: Annotated[
        str,
        Meta(
            min_length=1,
            description="Class in the module, made once, without arguments.",
        ),
    ] = field(name="class")


class Project(Settings, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a project.pyrs says."""

    schema: Annotated[
        str,
        Meta(
            description="JSON Schema of this file, for editors. pyrs does not read it."
        ),
    ] = field(name="$schema", default="")
    http_listen_address: Annotated[
        str,
        Meta(
            min_length=1,
            description="Where to listen: an IPv4 or IPv6 address, a host name, or "
            "`unix:PATH` for a unix socket, relative to the project file.",
            examples=["0.0.0.0", "127.0.0.1", "::", "unix:/run/pyrs.sock"],
        ),
    ] = "0.0.0.0"
    http_listen_port: Annotated[
        int,
        Meta(
            ge=0,
            le=65_535,
            description="Port to listen on; 0 takes a free one and prints it.",
        ),
    ] = 8094
    modules: Annotated[
        list[Entry], Meta(min_length=1, description="The routes, in any order.")
    ]
    errors: Annotated[
        dict[ErrorStatus, ErrorHandler],
        Meta(
            description="What makes the page of an error, by its status; plain text "
            "says it if none does.",
        ),
    ] = field(default_factory=dict)
    middleware: Annotated[
        list[Middleware],
        Meta(
            description="Classes whose methods run before and after each Python "
            "handler, the first one outermost."
        ),
    ] = field(default_factory=list)


@cache
def project_type() -> inspect.StructType:
    """What msgspec knows of Project: its keys, their types and ranges. Made once, since
    it takes as long as importing this module."""
    kind = inspect.type_info(Project)
    assert isinstance(kind, inspect.StructType)
    return kind
