"""The command `pyrs`: words from a shell to calls of the other modules.

    pyrs [PROJECT]         serve a project
    pyrs MODULE:APP        serve a WSGI application
    pyrs FOLDER            serve the files of a folder
    pyrs new FOLDER        begin a project
    pyrs check [PROJECT]   load and check one
    pyrs compress FOLDER   make compressed siblings of its files

`new`, `check` and `compress` are commands only as the first word; a file of that name
is ./new. What any other word stands for is found out by pyrs.target.
The ranges of options are those of the project file. A wrong word gives one message and
exit status 2, any other failure one message and 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
from msgspec import inspect

import pyrs
from pyrs.config import Settings
from pyrs.errors import PyrsError, reason_of
from pyrs.one_endpoint import (
    HOST,
    PORT,
    lines_of_one,
    load_application,
    load_folder,
    settings_of_one,
)
from pyrs.project import (
    LoadedProject,
    Say,
    address_of,
    endpoint_name,
    keep_quiet,
    lines_of_listening,
    load_project,
    place_to_listen,
    print_line,
    serve_as_worker,
    serve_loaded,
    settings_of,
)
from pyrs.project_file import ProjectError, ProjectFile, read_project_file
from pyrs.project_schema import Entry, project_type
from pyrs.target import (
    PROJECT_FILE,
    Application,
    Folder,
    ProjectAt,
    Target,
    TargetError,
    find_target,
)
from pyrs.worker import LinesOfListening

__all__ = ["entry_point", "main"]

INTERRUPTED: Final = 130  # what a shell gives for a program that SIGINT ended
CONTEXT: Final[dict[str, Any]] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 88,
}
EPILOG: Final = """\b
Commands:
  pyrs new FOLDER        begin a project: a folder with a copy of the template
  pyrs check [PROJECT]   load and check a project, print its routes, serve nothing
  pyrs compress FOLDER   make .br, .zst and .gz siblings of the files in a folder

Options stand above the keys of the project file, which are explained in
docs/configuration.md."""


def entry_point() -> None:
    """What the installed command and `python -m pyrs` call."""
    _open_standard_descriptors()
    sys.exit(main(sys.argv[1:]))


def _open_standard_descriptors() -> None:
    """Where they were closed: else a socket would get the number of one."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def main(argv: Sequence[str]) -> int:
    """Runs a command line, without the program's name, and gives the exit status."""
    words = list(argv)
    commands = {
        "new": new_command,
        "check": check_command,
        "compress": compress_command,
    }
    command, name = serve_command, "pyrs"
    if words and words[0] in commands:
        command, name = commands[words[0]], f"pyrs {words[0]}"
        del words[0]
    try:
        command.main(words, prog_name=name, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.UsageError as error:
        return _refuse(error.format_message(), name)
    except TargetError as error:
        return _refuse(str(error), name)
    except ProjectError as error:
        count = len(error.faults)
        faults = "1 fault" if count == 1 else f"{count} faults"
        _complain(f"{faults} in {error.faults[0].file}\n{error}")
        return 1
    except PyrsError as error:
        _complain(str(error))
        return 1
    except click.Abort:
        return INTERRUPTED
    return 0


def _refuse(message: str, name: str) -> int:
    _complain(f"{message}\nTry '{name} --help'.")
    return 2


def _complain(message: str) -> None:
    if sys.stdout:
        sys.stdout.flush()
    click.echo(f"pyrs: {message}", err=True)


def _range_of(key: str) -> click.IntRange:
    """The range of a key of the project file, as its schema has it."""
    fields = project_type().fields
    kind = next(field.type for field in fields if field.name == key)
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    assert isinstance(kind, inspect.IntType)
    return click.IntRange(kind.ge, kind.le)


def _print_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"pyrs {pyrs.__version__}")
        context.exit()


def _change_folder(_: click.Context, __: click.Parameter, folder: str | None) -> None:
    if folder is None:
        return
    try:
        os.chdir(folder)
    except OSError as error:
        raise PyrsError(f"--chdir {folder}: {reason_of(error)}") from None


chdir_option = click.option(
    "--chdir",
    metavar="DIR",
    is_eager=True,
    expose_value=False,
    callback=_change_folder,
    help="Change to a folder before anything else.",
)


target_argument = click.argument(
    "word", metavar="[PROJECT | MODULE:APP | FOLDER]", required=False
)


@click.command(context_settings=CONTEXT, epilog=EPILOG)
@target_argument
@click.option(
    "--echo", is_flag=True, help="Serve an application that answers what it was sent."
)
@click.option(
    "-r",
    "--root",
    "--document-root",
    metavar="DIR",
    help="Serve the files of a folder.",
)
@click.option(
    "--listing",
    is_flag=True,
    help="For FOLDER: answer for a folder without an index with a page that lists it.",
)
@click.option("--host", metavar="ADDR", help="Address to listen on, or unix:PATH.")
@click.option(
    "-b",
    "--bind",
    metavar="ADDR[:PORT]",
    help="Address and port in one; an IPv6 address stands in brackets.",
)
@click.option(
    "-p",
    "--port",
    type=_range_of("http_listen_port"),
    metavar="N",
    help="Port to listen on; 0 takes a free one and prints it.",
)
@click.option(
    "--threads",
    type=_range_of("thread_count"),
    metavar="N",
    help="Event-loop threads; for MODULE:APP, how many requests may be inside the "
    "application at once.",
)
@click.option(
    "-w",
    "--workers",
    type=_range_of("worker_count"),
    envvar="WEB_CONCURRENCY",
    metavar="N",
    help="Processes that serve, replaced when they end; 0: this one serves. "
    "WEB_CONCURRENCY in the environment says the same.",
)
@click.option(
    "--backlog",
    type=_range_of("listen_backlog"),
    metavar="N",
    help="Connections the system queues until they are accepted.",
)
@click.option(
    "--body-limit",
    type=click.IntRange(0, 2**53 - 1),
    metavar="BYTES",
    help="Largest request body, 16 MiB unless told; 0: no limit.",
)
@chdir_option
@click.option(
    "-l",
    "--log",
    "--file-log",
    metavar="FILE",
    help="Append the log to a file instead of standard error.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log from level info on.")
@click.option("-d", "--debug", is_flag=True, help="Log from level debug on.")
@click.option(
    "--access-log/--no-access-log",
    default=None,
    help="One line in the log for each request, or none.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
@click.pass_context
def serve_command(
    context: click.Context,
    word: str | None,
    echo: bool,
    root: str | None,
    listing: bool,
    host: str | None,
    bind: str | None,
    port: int | None,
    threads: int | None,
    workers: int | None,
    backlog: int | None,
    body_limit: int | None,
    log: str | None,
    verbose: bool,
    debug: bool,
    access_log: bool | None,
) -> None:
    """Serve what a PROJECT file describes; project.pyrs if there is one here.

    Or a WSGI application: main:app, package.module:site.app, "main:create_app()". Or
    the files of a FOLDER.
    """
    target = find_target(word, root, echo)
    if target is None:
        raise click.exceptions.NoArgsIsHelpError(context)
    if listing and not isinstance(target, Folder):
        raise click.UsageError(f"--listing: found {target}, expected a folder")
    if bind is not None:
        host, port = _with_bind(bind, host, port)
    if host == "":
        raise click.UsageError("--host: found nothing, expected an address")
    if log == "":
        raise click.UsageError("--log: found nothing, expected a file")
    changes: dict[str, Any] = {
        _threads_setting(target): threads,
        "worker_count": workers,
        "listen_backlog": backlog,
        "limits": None if body_limit is None else {"body": body_limit},
        "log": log,
        "log_level": "debug" if debug else "info" if verbose else None,
        "access_log": access_log,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    if not _serve(target, host, port, listing, given):
        _complain("stopped; requests that were still running have been cut off")


def _serve(
    target: Target,
    host: str | None,
    port: int | None,
    listing: bool,
    changes: dict[str, Any],
) -> bool:
    """False if running requests were cut off; in a worker, of its own."""
    file = read_project_file(target.path) if isinstance(target, ProjectAt) else None
    if file is None or not file.faults:
        settings = settings_of(file, **changes) if file else settings_of_one(**changes)
        if settings.worker_count:
            place = place_to_listen(
                *(address_of(file) if file else (HOST, PORT)), host, port
            )
            return _serve_in_workers(target, place, settings, listing, changes)
    loaded = _load(target, print_line, file, listing, **changes)
    return serve_loaded(loaded, host, port)


def _serve_in_workers(
    target: Target,
    place: tuple[str, int],
    settings: Settings,
    listing: bool,
    changes: dict[str, Any],
) -> bool:
    from pyrs.supervisor import Plan, supervise  # what one process has no use for

    plan = Plan(*place, settings, _lines_of_listening(target, settings), print_line)
    seat = supervise(plan)
    if seat is None:
        return True
    # The file may have changed since the supervisor read it.
    say = print_line if seat.is_first else keep_quiet
    held = {**changes, **plan.held()}
    return serve_as_worker(_load(target, say, None, listing, **held), seat)


def _lines_of_listening(target: Target, settings: Settings) -> LinesOfListening:
    match target:
        case ProjectAt():
            return lines_of_listening
        case Application():
            return lines_of_one(settings.handler_threads)
        case Folder():
            return lines_of_one(settings.thread_count)


def _threads_setting(target: Target) -> str:
    """What --threads is for it."""
    return "threads" if isinstance(target, Application) else "thread_count"


def _load(
    target: Target,
    say: Say,
    file: ProjectFile | None = None,
    listing: bool = False,
    **changes: Any,
) -> LoadedProject:
    """`file`: the project's, if it was read already; `listing`: of a folder."""
    match target:
        case ProjectAt(path):
            return load_project(file or path, say, **changes)
        case Application(name):
            return load_application(name, **changes)
        case Folder(root):
            return load_folder(root, listing, **changes)


@click.command(context_settings=CONTEXT)
@click.argument("folder")
def new_command(folder: str) -> None:
    """Begin a project in a new FOLDER: a copy of the template, ready to run."""
    from pyrs.new import new_project  # what a server has no use for

    for path in new_project(folder):
        click.echo(f"Created {path}")
    click.echo(f"Now run:\n  pyrs {Path(folder) / PROJECT_FILE}")


@click.command(context_settings=CONTEXT)
@target_argument
@chdir_option
def check_command(word: str | None) -> None:
    """Load and check a PROJECT or an application, print the routes, and serve nothing.

    The modules are imported and the classes made, as at a start.
    """
    target = find_target(word) or ProjectAt(PROJECT_FILE)
    loaded = _load(target, keep_quiet)
    loaded.server.close()
    rows = [_row(entry) for entry in loaded.entries]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
    routes = "1 route" if len(rows) == 1 else f"{len(rows)} routes"
    click.echo(f"{target}: {routes}, no fault")


@click.command(context_settings=CONTEXT)
@click.argument("folder")
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Files at a time; one for each processor by default.",
)
@click.option("-f", "--force", is_flag=True, help="Make again what is there already.")
@click.option("-v", "--verbose", is_flag=True, help="Name every file.")
def compress_command(
    folder: str, threads: int | None, force: bool, verbose: bool
) -> None:
    """Make siblings of the files in a FOLDER (.br, .zst and .gz) that a static entry
    sends to clients that take them."""
    from pyrs.compress_report import compress_folder  # what a server has no use for

    compress_folder(folder, threads=threads, force=force, every=verbose)


def _row(entry: Entry) -> tuple[str, str, str]:
    methods = entry.methods if isinstance(entry.methods, list) else ["all methods"]
    return entry.path, ",".join(methods), endpoint_name(entry)


def _with_bind(
    bind: str, host: str | None, port: int | None
) -> tuple[str | None, int | None]:
    """--bind together with --host and --port, as long as they do not say it twice."""
    bound_host, bound_port = parse_bind(bind)
    if host is not None and bound_host is not None:
        raise click.UsageError("--bind and --host both give an address")
    if port is not None and bound_port is not None:
        raise click.UsageError("--bind and --port both give a port")
    return (
        host if bound_host is None else bound_host,
        port if bound_port is None else bound_port,
    )


def parse_bind(text: str) -> tuple[str | None, int | None]:
    """ADDR, ADDR:PORT, :PORT, [IPv6], [IPv6]:PORT or unix:PATH."""
    if text.startswith("unix:"):
        return text, None
    host, colon, digits = text.rpartition(":")
    if text.endswith("]") or not colon:
        host, colon, digits = text, "", ""
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise click.UsageError(f"--bind {text}: an IPv6 address stands in brackets")
    if not colon and (not host or host.isdigit()):
        raise click.UsageError(f"--bind {text}: expected ADDR[:PORT], or :PORT")
    if colon and not (digits.isascii() and digits.isdigit() and int(digits) <= 65_535):
        raise click.UsageError(f"--bind {text}: expected a port from 0 to 65535")
    return host or None, int(digits) if colon else None
