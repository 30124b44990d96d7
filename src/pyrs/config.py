"""The configuration: every key of project.pyrs, once.

These types are the file's schema, the defaults, the ranges of the command line's
options, the JSON Schema that editors read and the tables of docs/configuration.md; a
setting is added here and nowhere else (and in pyrs.server, if the core is to know it).

They only hold values: pyrs.project_file reads a file into them and reports its faults,
`validate` checks what Python code made.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from pyrs.errors import PyrsError

__all__ = [
    "ENDPOINTS",
    "Endpoint",
    "Entry",
    "Limits",
    "LogLevel",
    "Project",
    "Settings",
    "Timeouts",
    "contradiction",
    "validate",
]

KIB = 1024
MIB = 1024 * KIB
DAY = 86_400

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]

Method = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z][A-Z0-9_-]*$(?!\n)",
        max_length=32,
        examples=["GET", "POST", "PUT", "PATCH", "DELETE"],
        extra={"expected": "a method in upper case, as requests name it"},
    ),
]


def _seconds(description: str) -> Meta:
    return Meta(
        ge=0,
        le=DAY,
        description=description + " 0: never.",
        extra={"unit": "seconds"},
    )


class Limits(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """How much a client may send; whatever has no limit can be used to fill memory."""

    request_line: Annotated[
        int,
        Meta(
            ge=64,
            le=MIB,
            description="Longest request line: method, target and version. Past it: "
            "414. RFC 9112 asks for 8000 at least; other servers take 8 KiB too.",
            extra={"unit": "bytes"},
        ),
    ] = 8 * KIB
    head: Annotated[
        int,
        Meta(
            ge=256,
            le=MIB,
            description="Largest head: the request line and all headers. Past it: 431. "
            "Room for a full set of cookies and a large token.",
            extra={"unit": "bytes"},
        ),
    ] = 32 * KIB
    headers: Annotated[
        int,
        Meta(
            ge=1,
            le=4096,
            description="Most headers in a request. Past it: 431. Browsers send "
            "about 20.",
        ),
    ] = 100
    body: Annotated[
        int,
        Meta(
            ge=0,
            le=2**53 - 1,
            description="Largest request body. Past it: 413. 0: no limit.",
            extra={"unit": "bytes"},
        ),
    ] = 16 * MIB
    body_memory: Annotated[
        int,
        Meta(
            ge=0,
            le=2**53 - 1,
            description="Largest request body kept in memory; a larger one waits in a "
            "temporary file, so that many uploads at once do not fill memory.",
            extra={"unit": "bytes"},
        ),
    ] = 512 * KIB
    body_rate: Annotated[
        int,
        Meta(
            ge=0,
            le=2**32 - 1,
            description="Least rate of a request body, over each window of "
            "`timeouts.body`; a slower client is cut off, so that a byte a second does "
            "not hold a connection for hours. 0: any rate.",
            extra={"unit": "bytes a second"},
        ),
    ] = 240
    connections: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000_000,
            description="Most connections open at once; past it new ones wait in the "
            "backlog. The system's limit of descriptors may be lower.",
        ),
    ] = 10_000


class Timeouts(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """How long a client may keep the server waiting."""

    head: Annotated[
        float, _seconds("For a whole head, counted from its first byte; then 408.")
    ] = 30.0
    body: Annotated[
        float,
        _seconds(
            "Between two arrivals of a request body, and the window of "
            "`limits.body_rate`."
        ),
    ] = 30.0
    idle: Annotated[
        float,
        _seconds(
            "For a keep-alive connection without a request. Longer than the 60 seconds "
            "after which proxies usually close, so that they are the ones to do it."
        ),
    ] = 75.0
    send: Annotated[
        float, _seconds("For an answer of which the client takes nothing.")
    ] = 30.0
    stop: Annotated[
        float, _seconds("For requests that are running when a stop is asked for.")
    ] = 30.0


class Settings(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a server is made with: all but its routes and where it listens."""

    thread_count: Annotated[
        int,
        Meta(
            ge=1,
            le=1024,
            description="Event-loop threads. They read, parse, route and write in "
            "parallel; Python code takes its turn under the GIL.",
        ),
    ] = 2
    listen_backlog: Annotated[
        int,
        Meta(
            ge=1,
            le=65_535,
            description="Connections the system queues until they are accepted; the "
            "system may have a lower limit of its own (net.core.somaxconn).",
        ),
    ] = 1024
    tcp_nodelay: Annotated[
        bool,
        Meta(
            description="Sends what is written at once. Without it a response that "
            "leaves in two writes may wait 40 ms for the client's acknowledgement."
        ),
    ] = True
    server_name: Annotated[
        str,
        Meta(
            max_length=127,
            pattern=r"^([!-~]([ -~]*[!-~])?)?$(?!\n)",
            description='The `Server` header of every response; `""` sends none.',
            extra={"expected": "text of at most 127 printable ASCII characters"},
        ),
    ] = "pyrs"
    access_log: Annotated[
        bool, Meta(description="One line in the log for each request.")
    ] = False
    log: Annotated[
        str,
        Meta(
            description="File that the log is appended to, reopened on SIGUSR1; "
            "relative to the project file. Standard error if empty.",
        ),
    ] = ""
    log_level: Annotated[
        LogLevel,
        Meta(
            description="Least level of what the log takes.",
            extra={"expected": '"debug", "info", "warning" or "error"'},
        ),
    ] = "warning"
    limits: Annotated[Limits, Meta(description="How much a client may send.")] = (
        Limits()
    )
    timeouts: Annotated[
        Timeouts, Meta(description="How long a client may keep the server waiting.")
    ] = Timeouts()


class Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
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
    module: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="Python module, found from the project file's folder "
                "first.",
                examples=["main", "package.module"],
            ),
        ]
        | UnsetType
    ) = UNSET
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


class Endpoint(NamedTuple):
    """A kind of endpoint: the keys of an entry that make it; the first one tells it."""

    title: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


ENDPOINTS = (
    Endpoint("Python method", ("module", "handler"), ("class",)),
    Endpoint("C function", ("native", "symbol")),
)


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


def contradiction(settings: Settings) -> tuple[str, str] | None:
    """A key whose value another key rules out, and the reason."""
    limits = settings.limits
    if limits.request_line > limits.head:
        found = f"found {limits.request_line}"
        return "limits.request_line", f"{found}, expected at most limits.head"
    return None


def validate(settings: Settings) -> None:
    """Checks what Python code made; msgspec checks types and ranges only when it reads.

    Raises PyrsError for the first value that has the wrong type or is out of range.
    """
    try:
        msgspec.convert(msgspec.to_builtins(settings), type(settings))
    except (msgspec.ValidationError, TypeError) as error:
        raise PyrsError(f"settings: {error}") from None
    if fault := contradiction(settings):
        raise PyrsError("settings: " + ": ".join(fault))
