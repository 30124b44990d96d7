"""What a pyrs prints until it listens: for a project, and for an application or folder.

Starting pyrs server...              INFO: Listen at "127.0.0.1:8080"
Added route /hello                   INFO: Threads: 64
Address: 127.0.0.1
Port: 8094
Listening...
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["ACCESS_LINE", "listening_address", "read_start"]

# A line of the access log in the short style, as applications and folders have it.
ACCESS_LINE: Final = r'^INFO: \S+:\d+ - "'

LAST_LINE: Final = re.compile(r"Listening\.\.\.|INFO: Threads: \d+")
PLACE: Final = re.compile(r'INFO: Listen at "(.+)"')


def read_start(output: Iterable[str]) -> list[str]:
    """The lines up to the last one, which says that it listens. Fails if none does."""
    printed = []
    for line in output:
        printed.append(line.rstrip("\n"))
        if LAST_LINE.fullmatch(printed[-1]):
            return printed
    raise AssertionError(f"it never listened: {printed}")


def listening_address(printed: Iterable[str]) -> tuple[str, int] | str:
    """Host and port, or the path of a unix socket."""
    told = dict(line.split(": ", 1) for line in printed if ": " in line)
    places = [found[1] for line in printed if (found := PLACE.fullmatch(line))]
    place = places[0] if places else f"{told['Address']}:{told.get('Port')}"
    if place.startswith("unix:"):
        return place.removeprefix("unix:").removesuffix(":None")
    host, _, port = place.rpartition(":")
    return host, int(port)
