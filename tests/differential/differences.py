"""The differences between pyrs and its judges that are meant.

Each has a name, which docs/http-differences.md explains, and a condition as narrow as
it can be: whatever pyrs accepts and a judge refuses or reads otherwise, and none of
these covers, is a bug.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.unit.http_kit import Head

from .judges import Refused, Seen, Verdict


@dataclass(frozen=True)
class Case:
    wire: bytes  # from the request's first byte on
    head: Head
    size: int  # of head and body as pyrs sees them; 0: not whole
    verdict: Verdict

    @property
    def is_refused(self) -> bool:
        return isinstance(self.verdict, Refused)

    @property
    def trailers(self) -> bytes:
        """Of a chunked body, with more before it than a narrow eye would like."""
        return self.wire[self.head.size : self.size or None].lower()


# The methods that llhttp knows, but for SOURCE, which it wants in another protocol.
LLHTTP_METHODS = {
    *("DELETE", "GET", "HEAD", "POST", "PUT", "CONNECT", "OPTIONS", "TRACE", "COPY"),
    *("LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "SEARCH", "UNLOCK", "BIND"),
    *("REBIND", "UNBIND", "ACL", "REPORT", "MKACTIVITY", "CHECKOUT", "MERGE"),
    *("M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "PATCH", "PURGE"),
    *("MKCALENDAR", "LINK", "UNLINK", "QUERY"),
}


def _other_method(case: Case) -> bool:
    return case.is_refused and case.head.method not in LLHTTP_METHODS


def _minor_version(case: Case) -> bool:
    return case.is_refused and bool(
        re.match(rb"(\r\n)?[^ ]+ [^ ]+ HTTP/1\.[2-9]\r\n", case.wire)
    )


def _empty_line(case: Case) -> bool:
    return case.is_refused and case.wire.startswith(b"\r\n")


def _many_zeros(case: Case) -> bool:
    return case.is_refused and any(
        len(value) > 19 for value in case.head.values(b"content-length")
    )


def _framing_in_trailers(case: Case) -> bool:
    return (
        case.is_refused
        and case.head.framing == "chunked"
        and re.search(rb"\n(content-length|transfer-encoding):", case.trailers)
        is not None
    )


def _tab_behind_coding(case: Case) -> bool:
    return case.is_refused and bool(
        re.search(
            rb"(?i)\ntransfer-encoding:[ \t]*chunked *\t[ \t]*\r\n",
            case.wire[: case.head.size],
        )
    )


def _upgrade(case: Case) -> bool:
    """Complete with the head, for llhttp."""
    return (
        isinstance(case.verdict, Seen)
        and case.verdict.body == b""
        and b"upgrade" in b",".join(case.head.values(b"connection")).lower()
        and bool(case.head.values(b"upgrade"))
    )


@dataclass(frozen=True)
class Difference:
    judge: str
    covers: Callable[[Case], bool]


DIFFERENCES = {
    "other-method": Difference("llhttp", _other_method),
    "minor-version": Difference("llhttp", _minor_version),
    "empty-line-first": Difference("h11", _empty_line),
    "many-leading-zeros": Difference("h11", _many_zeros),
    "framing-in-trailers-llhttp": Difference("llhttp", _framing_in_trailers),
    "framing-in-trailers-h11": Difference("h11", _framing_in_trailers),
    "tab-behind-coding": Difference("llhttp", _tab_behind_coding),
    "upgrade-with-body": Difference("llhttp", _upgrade),
}


def explain(judge: str, case: Case) -> str | None:
    """The name of the difference that covers it."""
    for name, difference in DIFFERENCES.items():
        if difference.judge == judge and difference.covers(case):
            return name
    return None
