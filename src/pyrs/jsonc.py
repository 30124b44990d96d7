"""JSON with comments, and where in the text each value stands.

The dialect is the one editors call JSONC: JSON with `//` and `/* */` comments and
trailing commas, nothing else; no single quotes, no bare keys, no hexadecimal. The
positions are what the usual readers lose, and what a message about a file needs, so
the text is read here, token by token; each scalar is decoded by msgspec, which is
strict about escapes and number forms. A parser made from a grammar was given up: to
make it took more than a third of the time in which a server starts.

What a value means is the business of pyrs.project_file.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeAlias

import msgspec

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

SKIPPED: Final = re.compile(r"(?:[ \t\r\n]|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*")
TOKEN: Final = re.compile(
    r'(?P<text>"(?:[^"\\\x00-\x1f]|\\.)*")'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<word>true|false|null)"
    r"|[{}\[\],:]"
)
WORD: Final = re.compile(r"[^\W\d][\w.-]*")

# What may come next, as messages call it.
VALUE: Final = "a value"
ITEM: Final = 'a value or "]"'
NAME: Final = '"}" or text in double quotes'
COLON: Final = '":"'
AFTER_ITEM: Final = '"]" or ","'
AFTER_MEMBER: Final = '"}" or ","'
END: Final = "the end of the file"

SCALARS: Final = {"text", "number", "word"}
# The kinds of token that each of them is.
KINDS: Final = {
    VALUE: {*SCALARS, "{", "["},
    ITEM: {*SCALARS, "{", "[", "]"},
    NAME: {"text", "}"},
    COLON: {":"},
    AFTER_ITEM: {"]", ","},
    AFTER_MEMBER: {"}", ","},
    END: {""},
}


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

    @property
    def text(self) -> str:
        return "[...]" if self.items else "[]"


class Object(NamedTuple):
    """An object; it keeps all its members, those with equal keys too."""

    members: list[Member]
    spot: Spot

    @property
    def text(self) -> str:
        return "{...}" if self.members else "{}"


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
    tokens = _Tokens(text)
    root = _node(tokens.take(VALUE))
    # What is open, the innermost last: a list and not a call for each, so that no depth
    # of nesting exhausts the stack.
    around = [] if isinstance(root, Scalar) else [root]
    begins = True  # or follows a comma
    while around:
        inner = around[-1]
        is_list = isinstance(inner, Array)
        if begins:
            wanted = ITEM if is_list else NAME
        else:
            wanted = AFTER_ITEM if is_list else AFTER_MEMBER
        token = tokens.take(wanted)
        begins = token.kind == ","
        if begins:
            continue
        if token.kind in ("]", "}"):
            around.pop()
            continue
        node = _add(inner, token, tokens)
        if not isinstance(node, Scalar):
            around.append(node)
            begins = True
    tokens.take(END)
    return root


class _Token(NamedTuple):
    kind: str  # one of SCALARS, the text of any other, "" at the end
    text: str
    spot: Spot


class _Tokens:
    """The tokens of a text, one after the other, without what stands between."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._line_begin = 0

    def take(self, wanted: str) -> _Token:
        """The next one. TextFault if it is not what is wanted, or there is none."""
        self._skip()
        text, begin = self._text, self._at
        spot = Spot(self._line, begin - self._line_begin + 1)
        found = TOKEN.match(text, begin)
        if found:
            self._at = found.end()
            token = _Token(found.lastgroup or found.group(), found.group(), spot)
        elif begin == len(text):
            token = _Token("", "", spot)
        else:
            raise TextFault(spot, _character_message(text[begin:], wanted))
        if token.kind not in KINDS[wanted]:
            raise TextFault(spot, _token_message(token, wanted))
        return token

    def _skip(self) -> None:
        """Blanks and comments; only there can be ends of lines."""
        begin, end = self._at, self._at
        if found := SKIPPED.match(self._text, begin):
            end = self._at = found.end()
        self._line += self._text.count("\n", begin, end)
        self._line_begin = max(self._text.rfind("\n", begin, end) + 1, self._line_begin)


def _add(inner: Array | Object, token: _Token, tokens: _Tokens) -> Node:
    """Reads on to where the value of an item or a member begins, and adds it; what is
    in it comes later."""
    if isinstance(inner, Array):
        inner.items.append(_node(token))
        return inner.items[-1]
    tokens.take(COLON)
    node = _node(tokens.take(VALUE))
    inner.members.append(Member(str(_decode(token)), token.spot, node))
    return node


def _node(token: _Token) -> Node:
    if token.kind == "[":
        return Array([], token.spot)
    if token.kind == "{":
        return Object([], token.spot)
    return Scalar(_decode(token), token.spot, _shorten(token.text))


def _decode(token: _Token) -> str | int | float | bool | None:
    try:
        value: str | int | float | bool | None = msgspec.json.decode(
            token.text.encode("utf-8", "surrogatepass")
        )
    except msgspec.DecodeError:
        is_text = token.kind == "text"
        reason = "JSON has no such escape" if is_text else "the number is out of range"
        message = f"found {_shorten(token.text)}: {reason}"
        raise TextFault(token.spot, message) from None
    return value


def _character_message(rest: str, wanted: str) -> str:
    """What is said of a text that begins with no token."""
    if rest.startswith("/*"):
        return "this comment is never closed: expected */"
    if rest.startswith('"'):
        line = rest.splitlines()[0]
        return f"found {_shorten(line)}, expected text with a closing quote"
    if rest.startswith("'"):
        return "found a single quote, expected text in double quotes"
    if wanted in (AFTER_ITEM, AFTER_MEMBER, END):  # all that may follow some value
        wanted = '"}" or "]" or ","'
    if word := WORD.match(rest):
        return _word_message(word.group(), wanted)
    return f"found {rest[0]!r}, expected {wanted}"


def _word_message(word: str, wanted: str) -> str:
    literals = {"true": "true", "false": "false", "null": "null", "none": "null"}
    kinds = KINDS.get(wanted, ())
    if "word" in kinds and word.lower() in literals:
        return f"found {word}, expected {literals[word.lower()]}"
    if "text" in kinds:
        return f'found {word}, expected "{word}" in double quotes'
    return f"found {word}, expected {wanted}"


def _token_message(token: _Token, wanted: str) -> str:
    if not token.kind:
        return f"the file ends here, expected {wanted}"
    found = _shorten(token.text)
    if "," in KINDS[wanted] and token.kind in KINDS[VALUE]:
        return f'a "," is missing before {found}'
    if token.kind not in SCALARS:
        found = f'"{found}"'
    return f"found {found}, expected {wanted}"


def _shorten(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
