"""Measures what each shape of a handler costs; the table of docs/handlers.md.

    python benchmarks/shapes.py [--rounds 5] [--seconds 3]

CPU time of the server per request, 64 connections, one request at a time on each, and
its ratio to the yardstick's in the same round; the median of the rounds. Every shape is
measured in a process of its own, with one loop.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from cost import cost
from servers import HERE, Server, all_servers, build

MODULE = HERE / "shapes"


class Shape(NamedTuple):
    """A row of the table: `keys` are those of its entry, `body_bytes` 0 a GET."""

    title: str
    handler: str
    keys: dict[str, str] = {}  # noqa: RUF012
    body_bytes: int = 0
    middleware: bool = False


SHAPES = [
    Shape("a `str`", "text"),
    Shape("a tuple with a header", "headers"),
    Shape("a `pyrs.Response` with a header", "response"),
    Shape("a `dict`, as JSON", "json"),
    Shape("`request.headers` and `request.query` looked at", "checked"),
    Shape("`Response.file`, 13 bytes", "file"),
    Shape("a generator of three pieces", "generator"),
    Shape("`Response.events`, three of them", "events"),
    Shape(
        "a body of 100 bytes, read as it arrives", "arriving", {"body": "stream"}, 100
    ),
    Shape("a `str`, one middleware around it", "text", middleware=True),
    Shape('a `str`, `"run": "thread"`', "text", {"run": "thread"}),
    Shape("`async def`, a `str`", "async_text"),
    Shape("an async generator of three pieces", "async_generator"),
]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args(argv)
    build()
    yardstick = all_servers(sys.executable, sys.executable)[0]
    costs: list[list[tuple[float, float]]] = [[] for _ in SHAPES]
    for round_ in range(options.rounds):
        base = cost(yardstick, "/", 0, options.seconds)
        for shape, figures in zip(SHAPES, costs, strict=True):
            with tempfile.TemporaryDirectory() as folder:
                server = server_of(shape, Path(folder))
                path = f"/{shape.handler}"
                one = cost(server, path, shape.body_bytes, options.seconds)
            figures.append((one, one / base))
            print(f"round {round_ + 1}, {shape.title:50} {one:8.2f} µs", flush=True)
    print("\n| handler | µs of CPU | ratio to a bare epoll loop |\n|---|---|---|")
    for shape, figures in zip(SHAPES, costs, strict=True):
        cpu, ratio = (median(column) for column in zip(*figures, strict=True))
        print(f"| {shape.title} | {cpu:.1f} | {ratio:.2f} |")
    return 0


def server_of(shape: Shape, folder: Path) -> Server:
    entry = {"path": f"/{shape.handler}", "module": "shapes", "handler": shape.handler}
    project: dict[str, Any] = {"thread_count": 1, "modules": [{**entry, **shape.keys}]}
    if shape.middleware:
        project["middleware"] = [{"module": "shapes", "class": "Nothing"}]
    for file in MODULE.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    (folder / "project.pyrs").write_text(json.dumps(project))
    on = ("--host", "127.0.0.1", "--port", "{port}", "--no-access-log")
    command = (sys.executable, "-m", "pyrs", str(folder / "project.pyrs"), *on)
    return Server(shape.handler, shape.title, command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
