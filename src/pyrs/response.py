"""pyrs.Response: an answer whose status, headers or media type a handler chooses."""

from collections.abc import Iterable, Mapping
from typing import Any

from multidict import CIMultiDict

from pyrs._bridge import check_field
from pyrs.errors import check_status

__all__ = ["Response"]


class Response:
    """What a handler returns when the body alone does not say enough.

    body is whatever a handler may return on its own: str, bytes-like, what becomes
    JSON, None, the request. content_type stands above a Content-Type among the headers,
    and that above what the body's type suggests; "" sends none. Everything may be
    changed until the response is returned.

    ValueError or TypeError if the status is no integer from 200 to 599, or if a header
    cannot be sent: it has a control character or characters outside latin-1, or pyrs
    writes it itself (Content-Length, Transfer-Encoding, Connection, Date, Server...).
    What is changed later is checked when it is sent: a 500 and a log record then.
    """

    __slots__ = ("__weakref__", "_headers", "body", "content_type", "status")

    def __init__(
        self,
        body: Any = None,
        status: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        content_type: str | None = None,
    ) -> None:
        check_status(status)
        self.body = body
        self.status = status
        self.content_type = content_type
        self._headers: CIMultiDict[str] | None = None
        if headers is not None:
            self._headers = _checked(headers)
        if content_type:
            check_field("Content-Type", content_type)

    @property
    def headers(self) -> "CIMultiDict[str]":
        """The headers; multi-valued (`add`), names in any case."""
        if self._headers is None:
            self._headers = CIMultiDict()
        return self._headers

    @headers.setter
    def headers(self, headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        self._headers = _checked(headers)

    def __repr__(self) -> str:
        return f"<pyrs.Response {self.status} {type(self.body).__name__}>"


def _checked(
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
) -> "CIMultiDict[str]":
    result: CIMultiDict[str] = CIMultiDict(headers)
    for name, value in result.items():
        check_field(name, value)
    return result
