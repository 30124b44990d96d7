"""What pyrs raises.

Everything pyrs itself raises derives from PyrsError; its text is a whole message for a
person: what was wrong, what was found, what to do.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from multidict import CIMultiDict

from pyrs._bridge import check_field

__all__ = ["ClientDisconnected", "HTTPError", "PyrsError", "reason_of"]


class PyrsError(Exception):
    """Something that stops pyrs, told so that a person can mend it."""


def reason_of(error: OSError) -> str:
    """What the system says, as the end of a message: "permission denied"."""
    return (error.strerror or str(error)).lower()


class HTTPError(PyrsError):
    """Raised by a handler, answers the request with this status.

    The body is whatever a handler may return on its own, except a Response: a str goes
    out as text/plain, a dict as JSON. Without one it is the status's reason phrase.
    Nothing is logged. ValueError or TypeError if the status is no integer from 200 to
    599 or a header cannot be sent.
    """

    def __init__(
        self,
        status: int,
        body: Any = "",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    ) -> None:
        check_status(status)
        self.status = int(status)
        self.body: Any = reason_phrase(status) if body == "" else body
        self.headers: CIMultiDict[str] = CIMultiDict(headers or ())
        for name, value in self.headers.items():
            check_field(name, value)
        super().__init__(self.status, self.body)

    def __str__(self) -> str:
        return f"{self.status}: {self.body}"


class ClientDisconnected(PyrsError, ConnectionError):
    """Raised where a request's body is read while it arrives: it will never be whole;
    and by write() of WSGI: nobody takes any more.

    The client left, was too slow, or sent what is no body. Nobody waits for an answer
    any more, so a handler need not catch it, and then it is no fault of the handler's:
    the log has it at level info.
    """


def check_status(status: int) -> None:
    """ValueError or TypeError unless a response may have this status."""
    if not isinstance(status, int) or isinstance(status, bool):
        kind = type(status).__name__
        raise TypeError(f"a status is an integer from 200 to 599, not of type {kind}")
    if not 200 <= status <= 599:
        raise ValueError(f"a status is an integer from 200 to 599, not {status}")


def reason_phrase(status: int) -> str:
    """ "Not Found"; "Status 599" for one that has no name."""
    return _PHRASES.get(status) or f"Status {status}"


_PHRASES = {status.value: status.phrase for status in HTTPStatus}
