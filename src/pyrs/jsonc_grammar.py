"""How a text of pyrs.jsonc is taken apart: a grammar, by Lark, and what is said of what
does not fit into it."""

from __future__ import annotations

import functools
import re

import lark
import msgspec

from pyrs.jsonc import Array, Member, Node, Object, Scalar, Spot, TextFault

__all__ = ["parse"]

GRAMMAR = r"""
?start: value
?value: object | array | scalar
scalar: STRING | NUMBER | TRUE | FALSE | NULL
object: LBRACE (member (COMMA member)* COMMA?)? RBRACE
member: STRING COLON value
array: LBRACKET (value (COMMA value)* COMMA?)? RBRACKET

LBRACE: "{"
RBRACE: "}"
LBRACKET: "["
RBRACKET: "]"
COMMA: ","
COLON: ":"
TRUE: "true"
FALSE: "false"
NULL: "null"
STRING: /"(?:[^"\\\x00-\x1f]|\\.)*"/
NUMBER: /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/

%ignore /[ \t\r\n]+/
%ignore /\/\/[^\n]*/
%ignore /\/\*(?:[^*]|\*(?!\/))*\*\//
"""

TERMINAL_TEXTS = {
    "LBRACE": '"{"',
    "RBRACE": '"}"',
    "LBRACKET": '"["',
    "RBRACKET": '"]"',
    "COMMA": '","',
    "COLON": '":"',
    "STRING": "text in double quotes",
    "$END": "the end of the file",
}
VALUE_TERMINALS = {"LBRACE", "LBRACKET", "STRING", "NUMBER", "TRUE", "FALSE", "NULL"}
WORD = re.compile(r"[^\W\d][\w.-]*")


def parse(text: str) -> Node:
    """See pyrs.jsonc.parse."""
    try:
        return _parser().parse(text)  # type: ignore[return-value]
    except lark.UnexpectedCharacters as error:
        spot = Spot(error.line, error.column)
        raise TextFault(spot, _character_message(text, error)) from None
    except lark.UnexpectedToken as error:
        raise TextFault(*_token_fault(text, error)) from None
    except lark.exceptions.VisitError as error:
        if isinstance(error.orig_exc, TextFault):
            raise error.orig_exc from None
        raise


@functools.cache
def _parser() -> lark.Lark:
    return lark.Lark(GRAMMAR, parser="lalr", transformer=_Builder())


def _character_message(text: str, error: lark.UnexpectedCharacters) -> str:
    rest = text[error.pos_in_stream :]
    allowed = set(error.allowed or ())
    if rest.startswith("/*"):
        return "this comment is never closed: expected */"
    if rest.startswith('"'):
        line = rest.splitlines()[0]
        return f"found {_shorten(line)}, expected text with a closing quote"
    if rest.startswith("'"):
        return "found a single quote, expected text in double quotes"
    if word := WORD.match(rest):
        return _word_message(word.group(), allowed)
    return f"found {rest[0]!r}, expected {_expected(allowed)}"


def _word_message(word: str, allowed: set[str]) -> str:
    literals = {"true": "true", "false": "false", "null": "null", "none": "null"}
    if "TRUE" in allowed and word.lower() in literals:
        return f"found {word}, expected {literals[word.lower()]}"
    if "STRING" in allowed:
        return f'found {word}, expected "{word}" in double quotes'
    return f"found {word}, expected {_expected(allowed)}"


def _token_fault(text: str, error: lark.UnexpectedToken) -> tuple[Spot, str]:
    token = error.token
    expected = _expected(set(error.accepts or error.expected))
    if token.type == "$END":
        line = text.count("\n") + 1
        column = len(text) - (text.rfind("\n") + 1) + 1
        return Spot(line, column), f"the file ends here, expected {expected}"
    found = _shorten(str(token))
    if "COMMA" in (error.accepts or error.expected) and token.type in VALUE_TERMINALS:
        return _spot(token), f'a "," is missing before {found}'
    if token.type in TERMINAL_TEXTS and token.type != "STRING":
        found = TERMINAL_TEXTS[token.type]
    return _spot(token), f"found {found}, expected {expected}"


def _expected(terminals: set[str]) -> str:
    names = [text for name, text in TERMINAL_TEXTS.items() if name in terminals]
    if terminals >= VALUE_TERMINALS:
        names = ["a value"]
        names += ['"]"'] if "RBRACKET" in terminals else []
    return " or ".join(names) or "nothing more"


def _shorten(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _spot(token: lark.Token | Node | Member) -> Spot:
    if not isinstance(token, lark.Token):
        return token.spot
    return Spot(token.line or 1, token.column or 1)


def _decode(token: lark.Token) -> str | int | float | bool | None:
    try:
        value: str | int | float | bool | None = msgspec.json.decode(
            token.encode("utf-8", "surrogatepass")
        )
    except msgspec.DecodeError:
        is_text = token.type == "STRING"
        reason = "JSON has no such escape" if is_text else "the number is out of range"
        message = f"found {_shorten(token)}: {reason}"
        raise TextFault(_spot(token), message) from None
    return value


class _Builder(lark.Transformer[lark.Token, Node]):
    """Makes nodes while the text is parsed, so that no depth of nesting recurses."""

    def scalar(self, children: list[lark.Token]) -> Scalar:
        (token,) = children
        return Scalar(_decode(token), _spot(token), _shorten(token))

    def member(self, children: tuple[lark.Token, lark.Token, Node]) -> Member:
        key, _, node = children
        return Member(str(_decode(key)), _spot(key), node)

    def object(self, children: list[lark.Token | Member]) -> Object:
        members = [child for child in children if isinstance(child, Member)]
        text = "{...}" if members else "{}"
        return Object(members, _spot(children[0]), text)

    def array(self, children: list[lark.Token | Node]) -> Array:
        items = [child for child in children if not isinstance(child, lark.Token)]
        return Array(items, _spot(children[0]), "[...]" if items else "[]")
