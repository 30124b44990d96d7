"""Requests as they stand on the wire, and what a server must make of them.

`valid/NAME.http` and `reject/NAME.http` hold raw bytes, one idea each, which the name
tells; `NAME.json` beside it holds what must be seen. The limits are pyrs's defaults.
Unit tests, tests of the running server, differential tests and fuzzers read the same.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class ExpectedRequest:
    """One request that must be seen. Bytes are as sent, nothing is decoded."""

    method: str
    target: bytes
    path: bytes
    query: bytes
    version: str  # "1.1" for HTTP/1.2 to 1.9 too
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    keep_alive: bool
    expect_continue: bool  # the server must send 100 before it waits for the body


@dataclass(frozen=True)
class ValidCase:
    """Requests that must be accepted, pipelined if there are several."""

    name: str
    wire: bytes
    requests: tuple[ExpectedRequest, ...]


@dataclass(frozen=True)
class RejectCase:
    """A request that must be refused, and the connection closed."""

    name: str
    wire: bytes
    status: int
    reason: str  # the text of csrc/http/reject.h
    answered_before: int  # good requests that stand before it in `wire`


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")


def _request(seen: dict[str, Any]) -> ExpectedRequest:
    return ExpectedRequest(
        method=seen["method"],
        target=_bytes(seen["target"]),
        path=_bytes(seen["path"]),
        query=_bytes(seen["query"]),
        version=seen["version"],
        headers=tuple((_bytes(name), _bytes(value)) for name, value in seen["headers"]),
        body=_bytes(seen["body"]),
        keep_alive=seen["keep_alive"],
        expect_continue=seen.get("expect_continue", False),
    )


def _cases(folder: str) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    for path in sorted((FOLDER / folder).glob("*.http")):
        yield (
            path.stem,
            path.read_bytes(),
            json.loads(path.with_suffix(".json").read_text("utf-8")),
        )


def load_valid() -> list[ValidCase]:
    """All of `valid/`, by name."""
    return [
        ValidCase(name, wire, tuple(map(_request, seen["requests"])))
        for name, wire, seen in _cases("valid")
    ]


def load_reject() -> list[RejectCase]:
    """All of `reject/`, by name."""
    return [
        RejectCase(
            name, wire, seen["status"], seen["reason"], seen.get("answered_before", 0)
        )
        for name, wire, seen in _cases("reject")
    ]


def feedings(wire: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Ways of sending the same bytes, which must not matter: a name, and the pieces."""
    yield "whole", [wire]
    yield "byte by byte", [wire[i : i + 1] for i in range(len(wire))]
    yield "cut behind line ends", _pieces(wire, 2)
    yield "cut inside line ends", _pieces(wire, 1)


def _pieces(wire: bytes, behind: int) -> list[bytes]:
    """Cut `behind` bytes after the beginning of each CRLF."""
    pieces, start, found = [], 0, wire.find(b"\r\n")
    while found >= 0:
        pieces.append(wire[start : found + behind])
        start = found + behind
        found = wire.find(b"\r\n", found + 2)
    return [piece for piece in [*pieces, wire[start:]] if piece]
