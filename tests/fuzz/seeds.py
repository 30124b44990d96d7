"""Writes the corpus as seeds: FOLDER/TARGET/NAME for each fuzz target.

python tests/fuzz/seeds.py build/fuzz/seeds
"""

import sys
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "corpus"
CONTROL = b"\x07\x00\x00"  # step and cut, at the end: see fuzz.h
CUTS = b"\x20\x60\xa0\xe0"  # at the beginning: see connection.c
LONG = 4000  # what is about limits is too long to be a good seed

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
CONDITIONS = {
    "ranges": "Range: bytes=0-0, 5-9 ,-3,20-",
    "suffix": 'Range: bytes=-5\r\nIf-Range: "a"',
    "match": 'If-Match: "b", "a"\r\nIf-Unmodified-Since: ' + DATE,
    "none-match": 'If-None-Match: W/"a"\r\nIf-None-Match: *',
    "since": f"If-Modified-Since: {DATE}\r\nRange: bytes=0-\r\nIf-Range: {DATE}",
    "old-dates": "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n"
    "If-Unmodified-Since: Sun Nov  6 08:49:37 1994",
}
# What programs write; the last byte is a control of cgi_head.c.
PROGRAMS = {
    "document": b"Content-Type: text/html\nX-One: 1\nContent-Length: 2\n\nhi\x02",
    "redirect": b"Location: /a?b=c\r\n\r\n\x02",
    "status": b"Status: 404 Not Found\nDate: today\nSet-Cookie: a=b\n\n\x02",
    "response": b"HTTP/1.1 200 OK\r\nServer: mine\r\nTransfer-Encoding: chunked\r\n"
    b"Connection: close\r\n\r\n0\r\n\r\n\x03",
}


def wires() -> Iterator[tuple[str, bytes]]:
    for path in sorted(FOLDER.glob("*/*.http")):
        wire = path.read_bytes()
        if len(wire) <= LONG:
            yield f"{path.parent.name}-{path.stem}", wire


def seeds(wire: bytes) -> Iterator[tuple[str, bytes]]:
    """For each fuzz target that the request is a seed of."""
    head, empty_line, body = wire.partition(b"\r\n\r\n")
    words = head.split(b" ")
    yield "connection", CUTS + wire
    yield "head", wire + CONTROL
    if empty_line and b"chunked" in head.lower():
        yield "body", body + CONTROL
    if len(words) > 1:
        yield "target", words[1]


def write(folder: Path, target: str, name: str, seed: bytes) -> None:
    path = folder / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(seed)


def main(folder: Path) -> int:
    for name, wire in wires():
        for target, seed in seeds(wire):
            write(folder, target, name, seed)
    for name, lines in CONDITIONS.items():
        write(folder, "conditions", name, lines.encode() + b"\x00\x20")
    for name, seed in PROGRAMS.items():
        write(folder, "cgi_head", name, seed)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
