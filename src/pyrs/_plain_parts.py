"""What the texts of a request say, as plain values: queries, cookies, media types.

Shared by requests (pyrs._request_parts) and CGI scripts (pyrs.cgi), so it imports next
to nothing: a script pays for each import with every request.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "MULTIPART",
    "URLENCODED",
    "declared_charset",
    "read_cookie_lines",
    "read_query_pairs",
]

# What an HTML form sends.
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


def read_query_pairs(query_string: str) -> list[tuple[str, str]]:
    """application/x-www-form-urlencoded in UTF-8, wrong bytes as U+FFFD, blank values
    kept."""
    if "%" in query_string or "+" in query_string:
        from urllib.parse import parse_qsl

        return parse_qsl(query_string, keep_blank_values=True, errors="replace")
    # Nothing to decode: the same, in half the time.
    split = (piece.partition("=") for piece in query_string.split("&") if piece)
    return [(name, value) for name, _, value in split]


def read_cookie_lines(lines: Iterable[str]) -> dict[str, str]:
    """RFC 6265, 5.4, backwards: quotes around a value are not part of it, what has no
    "=" is no cookie, and of several of one name the first counts. The lines are
    latin-1; values are UTF-8 where they are not ASCII, as browsers send."""
    cookies: dict[str, str] = {}
    for line in lines:
        if not line.isascii():
            line = line.encode("latin-1").decode("utf-8", "replace")
        for piece in line.split(";"):
            name, equals, value = piece.partition("=")
            value = value.strip(" \t")
            if len(value) >= 2 and value[0] == value[-1] == '"':
                value = value[1:-1]
            if equals:
                cookies.setdefault(name.strip(" \t"), value)
    return cookies


def declared_charset(media_type: str) -> str:
    """Of "text/html; charset=..."; UTF-8 if there is none."""
    _, *parameters = media_type.split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"')
    return "utf-8"
