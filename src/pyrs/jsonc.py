"""JSON with comments, and where in the text each value stands.

The dialect is the one editors call JSONC: JSON with `//` and `/* */` comments and
trailing commas, nothing else; no single quotes, no bare keys, no hexadecimal. The
positions are what the usual readers lose, and what a message about a file needs, so
the text is parsed with a grammar of our own, by Lark (pyrs.jsonc_grammar); each scalar
is then decoded by msgspec, which is strict about escapes and number forms.

What a value means is the business of pyrs.project_file.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

__all__ = [
    "Array",
    "Member",
    "Node",
    "Object",
    "Scalar",
    "Spot",
    "TextFault",
    "parse",
]


class Spot(NamedTuple):
    """A place in a text: line and column, both counted from 1."""

    line: int
    column: int


class TextFault(Exception):
    """The text is no JSON with comments; only the first such fault can be trusted."""

    def __init__(self, spot: Spot, message: str) -> None:
        super().__init__(message)
        self.spot = spot
        self.message = message


class Scalar(NamedTuple):
    """Text, a number, true, false or null."""

    value: str | int | float | bool | None
    spot: Spot
    text: str  # the first characters, as written


class Array(NamedTuple):
    """A list."""

    items: list[Node]
    spot: Spot
    text: str


class Object(NamedTuple):
    """An object; it keeps all its members, those with equal keys too."""

    members: list[Member]
    spot: Spot
    text: str


class Member(NamedTuple):
    """One `"key": value` of an object."""

    key: str
    spot: Spot
    node: Node


Node: TypeAlias = Scalar | Array | Object


def parse(text: str) -> Node:
    """Reads a whole text.

    Raises TextFault where it stops being JSON with comments.
    """
    # Here, since Lark takes a third of the time of a start, and what serves a folder or
    # an application reads no project file.
    from pyrs import jsonc_grammar

    return jsonc_grammar.parse(text)
