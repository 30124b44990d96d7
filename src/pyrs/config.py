"""What a server is made with, and how the folders are served that it is given.

These types have the names, defaults, ranges and explanations of all settings, for
Python code and for the project file, whose keys they are too (pyrs.project_schema). A
setting is added here, and where it is used (pyrs._core_options, if that is the core).

They only hold values; `validate` checks what Python code made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from pyrs.errors import PyrsError
from pyrs.forwarded import network_fault

__all__ = [
    "BodyMode",
    "CgiOptions",
    "Limits",
    "LogLevel",
    "LogStyle",
    "RunMode",
    "Settings",
    "StaticOptions",
    "Timeouts",
    "changed",
    "contradictions",
    "part_of",
    "validate",
]

KIB = 1024
MIB = 1024 * KIB
DAY = 86_400

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
LogStyle: TypeAlias = Literal["dated", "short"]
RunMode: TypeAlias = Literal["auto", "loop", "thread"]
BodyMode: TypeAlias = Literal["whole", "stream"]
Part = TypeVar("Part", bound=msgspec.Struct)

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
FollowSymlinks = Annotated[
    bool,
    Meta(
        description="Follows symbolic links that lead out of the folder; else they "
        "are not found. Those that stay inside are followed in any case."
    ),
]
Preload = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*$(?!\n)",
        extra={"expected": "the name of a module"},
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
    worker_count: Annotated[
        int,
        Meta(
            ge=0,
            le=256,
            description="Processes that serve, each with its own threads and its own "
            "copy of the project, under a supervisor that replaces those that end; for "
            "the command `pyrs`. 0: the process itself serves.",
        ),
    ] = 0
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
    sendfile: Annotated[
        bool,
        Meta(
            description="Files over 16 KiB are sent from the system's cache, without a "
            "copy. False: their bytes are copied, which costs processor time; for "
            "files that are overwritten in place, since what waits for its client "
            "changes with them otherwise, and for file systems on which sendfile "
            "misbehaves."
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


class StaticOptions(
    msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True
):
    """How the files of a folder are served."""

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
    follow_symlinks: FollowSymlinks = False
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
    follow_symlinks: FollowSymlinks = False
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


def part_of(whole: msgspec.Struct, kind: type[Part]) -> Part:
    """What of a struct's keys another kind has, as one of that kind."""
    names = kind.__struct_fields__
    return kind(**{name: getattr(whole, name) for name in names})


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """With changes that stand above. A mapping under `limits` or `timeouts` changes
    what it names and leaves the rest."""
    inner = {
        name: msgspec.structs.replace(getattr(settings, name), **change)
        for name, change in changes.items()
        if isinstance(change, Mapping)
    }
    return msgspec.structs.replace(settings, **{**changes, **inner})


def contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    """Keys whose values the types let pass, and what is wrong with each."""
    limits = settings.limits
    if limits.request_line > limits.head:
        found = f"found {limits.request_line}"
        yield "limits.request_line", f"{found}, expected at most limits.head"
    for index, proxy in enumerate(settings.trusted_proxies):
        if fault := network_fault(proxy):
            yield f"trusted_proxies[{index}]", fault


def validate(settings: Settings | StaticOptions | CgiOptions) -> None:
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
