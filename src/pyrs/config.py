"""The configuration: every key of project.pyrs, once.

These types are the file's schema, the defaults, the ranges of the command line's
options, the JSON Schema that editors read and the tables of docs/configuration.md; a
setting is added here and nowhere else (and in pyrs.server, if the core is to know it).

They only hold values: pyrs.project_file reads a file into them and reports its faults,
`validate` checks what Python code made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from pyrs.errors import PyrsError
from pyrs.forwarded import network_fault

__all__ = [
    "ENDPOINTS",
    "STATIC_OPTIONS",
    "BodyMode",
    "CgiOptions",
    "Endpoint",
    "Entry",
    "ErrorHandler",
    "Limits",
    "LogLevel",
    "LogStyle",
    "Middleware",
    "Project",
    "RunMode",
    "Settings",
    "Timeouts",
    "contradictions",
    "entry_cgi_options",
    "validate",
]

KIB = 1024
MIB = 1024 * KIB
DAY = 86_400

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
LogStyle: TypeAlias = Literal["dated", "short"]
RunMode: TypeAlias = Literal["auto", "loop", "thread"]
BodyMode: TypeAlias = Literal["whole", "stream"]

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
Extension = Annotated[
    str,
    Meta(
        pattern=r"^\.?[^./\x00]{1,31}$(?!\n)",
        extra={"expected": 'an extension such as "html"'},
    ),
]
MediaType = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=r"^[!-~]+/[!-~]([ -~]*[!-~])?$(?!\n)",
        extra={"expected": 'a media type such as "text/html"'},
    ),
]
Variable = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(=[^\x00]*)?$(?!\n)",
        extra={"expected": 'the name of a variable, or "NAME=value"'},
    ),
]
Preload = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*$(?!\n)",
        extra={"expected": "the name of a module"},
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
    tasks: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000_000,
            description="Most `async def` handlers that run at once; further requests "
            "wait their turn. Each holds a few KiB.",
        ),
    ] = 20_000
    form_fields: Annotated[
        int,
        Meta(ge=1, le=MIB, description="Most fields in a form. Past it: 413."),
    ] = 1000
    form_files: Annotated[
        int,
        Meta(ge=0, le=MIB, description="Most files in a form. Past it: 413."),
    ] = 100
    form_field: Annotated[
        int,
        Meta(
            ge=1,
            le=2**53 - 1,
            description="Largest field of a form that is no file. Past it: 413. The "
            "form as a whole is limited by `limits.body`.",
            extra={"unit": "bytes"},
        ),
    ] = MIB
    form_memory: Annotated[
        int,
        Meta(
            ge=0,
            le=2**53 - 1,
            description="How much of a form's files is kept in memory, all of them "
            "together; what is more waits in temporary files.",
            extra={"unit": "bytes"},
        ),
    ] = 512 * KIB


class Timeouts(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """How long a client, or a handler, may keep the server waiting."""

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
    handler: Annotated[
        float,
        _seconds(
            "From a request to the beginning of its answer; then 504. An `async def` "
            "handler is cancelled; a plain one cannot be, and its answer is dropped."
        ),
    ] = 0.0


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
    handoff_after: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="When a handler has run this long, another thread takes the "
            "event loop over from it, and its route runs on other threads until it is "
            "quick again. 0: never; a handler that blocks keeps its loop waiting.",
            extra={"unit": "seconds"},
        ),
    ] = 0.002
    handler_threads: Annotated[
        int,
        Meta(
            ge=1,
            le=1024,
            description="Most threads that run handlers which block, at once; further "
            "requests to such handlers wait their turn.",
        ),
    ] = 64
    trusted_proxies: Annotated[
        list[str],
        Meta(
            description="Proxies whose `Forwarded` or `X-Forwarded-For`, `-Proto` and "
            "`-Host` headers are believed: addresses, networks, `unix` for peers on a "
            "unix socket. They must set or remove these headers themselves.",
            examples=[["127.0.0.1", "10.0.0.0/8"], ["unix"]],
        ),
    ] = []
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
    log_style: Annotated[
        LogStyle,
        Meta(
            description="How a record begins: `dated`: with time and level; `short`: "
            "with the level, for where the time is added by whoever takes the log "
            "(journald, Docker); lines for requests then end with the status.",
            extra={"expected": '"dated" or "short"'},
        ),
    ] = "dated"
    limits: Annotated[Limits, Meta(description="How much a client may send.")] = (
        Limits()
    )
    timeouts: Annotated[
        Timeouts, Meta(description="How long a client may keep the server waiting.")
    ] = Timeouts()


class CgiOptions(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """How the programs of a folder are run."""

    env: Annotated[
        list[Variable],
        Meta(
            description="Environment of CGI programs beside what RFC 3875 names and "
            "`PATH`: `NAME=value`, or `NAME` for the server's own. Nothing else of the "
            "server's environment is seen by them.",
            examples=[["LANG", "GIT_PROJECT_ROOT=/srv/git"]],
        ),
    ] = []
    timeout: Annotated[
        float,
        _seconds(
            "For a CGI program from its start to its end: 504, or cut off if it has "
            "begun to answer. As long a request waits for its turn at most; then 503."
        ),
    ] = 60.0
    processes: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            description="Most CGI programs of this entry that run at once; further "
            "requests wait their turn. 0: four for each processor.",
        ),
    ] = 0
    waiting: Annotated[
        int,
        Meta(
            ge=0,
            le=MIB,
            description="Most requests that wait for their turn. Past it: 503.",
        ),
    ] = 256
    output_head: Annotated[
        int,
        Meta(
            ge=256,
            le=MIB,
            description="Largest head that a CGI program may write. Past it: 502.",
            extra={"unit": "bytes"},
        ),
    ] = 32 * KIB
    memory: Annotated[
        int,
        Meta(
            ge=0,
            le=2**53 - 1,
            description="Largest address space of a CGI process. 0: no limit.",
            extra={"unit": "bytes"},
        ),
    ] = 0
    cpu: Annotated[
        int,
        Meta(
            ge=0,
            le=DAY,
            description="Most processor time of a CGI process. 0: no limit.",
            extra={"unit": "seconds"},
        ),
    ] = 0
    pass_authorization: Annotated[
        bool,
        Meta(
            description="Lets CGI programs see the `Authorization` header, which may "
            "hold a password."
        ),
    ] = False
    follow_symlinks: Annotated[
        bool,
        Meta(
            description="Follows symbolic links that lead out of the folder; else they "
            "are not found. Those that stay inside are followed in any case."
        ),
    ] = False
    warm: Annotated[
        bool,
        Meta(
            description="Runs Python scripts as forks of a process that has loaded "
            "their interpreter, the one of their first line, and `pyrs.cgi`, which "
            "costs a fraction of a fresh process for each. Other programs are run as "
            "ever."
        ),
    ] = False
    preload: Annotated[
        list[Preload],
        Meta(
            description="Modules that such a process imports as well, from where they "
            "are installed. A module that changes is seen after a restart only. Needs "
            "`warm`.",
            examples=[["decimal", "sqlite3"]],
        ),
    ] = []


class Entry(CgiOptions, forbid_unknown_fields=True, frozen=True, kw_only=True):
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
    index: Annotated[
        str,
        Meta(
            max_length=255,
            pattern=r"^[^/\x00]*$(?!\n)",
            description='File that answers for its folder; `""`: none.',
            extra={"expected": "the name of a file"},
        ),
    ] = "index.html"
    listing: Annotated[
        bool,
        Meta(
            description="Answers for a folder without an index with a page that lists "
            "its files; else it is a 404."
        ),
    ] = False
    cache_control: Annotated[
        str,
        Meta(
            max_length=1000,
            pattern=r"^([!-~]([ -~]*[!-~])?)?$(?!\n)",
            description="The `Cache-Control` header of every file. Without one "
            "browsers guess from the file's age for how long they need not ask again.",
            examples=["no-cache", "public, max-age=3600"],
            extra={"expected": "text of printable ASCII characters"},
        ),
    ] = ""
    media_types: Annotated[
        dict[Extension, MediaType],
        Meta(
            description="Media types by extension, besides Python's own table or "
            'instead of what it says: `{"gmi": "text/gemini"}`.'
        ),
    ] = {}
    precompressed: Annotated[
        bool,
        Meta(
            description="Sends `page.html.br`, `.zst` or `.gz` instead of `page.html` "
            "to clients that take it, unless the sibling is older."
        ),
    ] = True
    charset: Annotated[
        str,
        Meta(
            max_length=40,
            pattern=r"^([A-Za-z0-9][A-Za-z0-9._+:-]*)?$(?!\n)",
            description="Character encoding that is said of text files; without it "
            "they say it themselves, as html and css can.",
            examples=["utf-8"],
            extra={"expected": "the name of a character encoding"},
        ),
    ] = ""

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


STATIC_OPTIONS = (
    "index",
    "listing",
    "follow_symlinks",
    "cache_control",
    "media_types",
    "precompressed",
    "charset",
)

ENDPOINTS = (
    Endpoint("Python method", ("module", "handler"), ("class", "run", "body")),
    Endpoint("WSGI application", ("wsgi",), ("run", "body")),
    Endpoint("C function", ("native", "symbol")),
    Endpoint("static folder", ("static",), STATIC_OPTIONS),
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
    ] = {}
    middleware: Annotated[
        list[Middleware],
        Meta(
            description="Classes whose methods run before and after each Python "
            "handler, the first one outermost."
        ),
    ] = []


def entry_cgi_options(entry: Entry) -> CgiOptions:
    """The part of an entry that says how its programs are run."""
    names = CgiOptions.__struct_fields__
    return CgiOptions(**{name: getattr(entry, name) for name in names})


def contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    """Keys whose values the types let pass, and what is wrong with each."""
    limits = settings.limits
    if limits.request_line > limits.head:
        found = f"found {limits.request_line}"
        yield "limits.request_line", f"{found}, expected at most limits.head"
    for index, proxy in enumerate(settings.trusted_proxies):
        if fault := network_fault(proxy):
            yield f"trusted_proxies[{index}]", fault


def validate(settings: Settings | CgiOptions) -> None:
    """Checks what Python code made; msgspec checks types and ranges only when it reads.

    Raises PyrsError for the first value that has the wrong type or is out of range.
    """
    try:
        msgspec.convert(msgspec.to_builtins(settings), type(settings))
    except (msgspec.ValidationError, TypeError) as error:
        raise PyrsError(f"settings: {error}") from None
    if isinstance(settings, Settings):
        for key, message in contradictions(settings):
            raise PyrsError(f"settings: {key}: {message}")
