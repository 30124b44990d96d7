"""pyrs.Response: an answer whose status, headers or media type a handler chooses.

The class holds values; what is checked or written in a way of its own has a module:
cookies, files, events.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote, urlsplit

from multidict import CIMultiDict

from pyrs._bridge import check_field
from pyrs._files import File, attachment, media_type
from pyrs._results import encode_json
from pyrs._set_cookie import cookie_text
from pyrs.errors import check_status
from pyrs.events import event_stream

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["File", "Response"]

Headers: TypeAlias = "Mapping[str, str] | Iterable[tuple[str, str]]"

REDIRECTS: Final = (301, 302, 303, 307, 308)
PAST: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Response:
    """What a handler returns when the body alone does not say enough.

    body is whatever a handler may return on its own: str, bytes-like, what becomes
    JSON, None, the request, an iterator. content_type stands above a Content-Type among
    the headers, and that above what the body's type suggests; "" sends none. Everything
    may be changed until the response is returned.

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
        headers: Headers | None = None,
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

    @classmethod
    def json(
        cls,
        value: Any,
        status: int = 200,
        headers: Headers | None = None,
        content_type: str = "application/json",
    ) -> Self:
        """Any value as JSON, a str or None too.

        It is encoded now, so that a value JSON has nothing for is a TypeError here.
        """
        return cls(encode_json(value), status, headers, content_type)

    @classmethod
    def redirect(
        cls, url: str, status: int = 302, headers: Headers | None = None
    ) -> Self:
        """Sends the client to another URL, absolute or relative to the request's.

        302 is what other frameworks send and every client follows, with GET; 303 says
        after a POST that GET is meant, 307 and 308 keep the method and body, 301 and
        308 are for good. What may not stand in a URL is percent-encoded, a host name
        outside ASCII by IDNA. ValueError for another status, or if there is a control
        character in the URL, or nothing.
        """
        if status not in REDIRECTS:
            raise ValueError(
                f"a redirect has status 301, 302, 303, 307 or 308: {status}"
            )
        response = cls(None, status, headers)
        response.headers["Location"] = _location(url)
        return response

    @classmethod
    def stream(
        cls,
        iterable: Iterable[str | bytes] | AsyncIterable[str | bytes],
        status: int = 200,
        headers: Headers | None = None,
        content_type: str | None = None,
    ) -> Self:
        """A body that is sent while it is made, from a plain or async iterable.

        Each item, str (as UTF-8) or bytes-like, leaves when it is there; the next one
        is asked for when the client has room. The iterator is closed at the end, or
        when the client goes.
        """
        if isinstance(iterable, str | bytes | bytearray | memoryview):
            kind = type(iterable).__name__
            raise TypeError(f"a stream is an iterable of pieces: return {kind} itself")
        if isinstance(iterable, AsyncIterable):
            return cls(aiter(iterable), status, headers, content_type)
        return cls(iter(iterable), status, headers, content_type)

    @classmethod
    def events(
        cls,
        iterable: Iterable[object] | AsyncIterable[object],
        ping: float | None = 15.0,
        headers: Headers | None = None,
    ) -> Self:
        """Server-sent events, from a plain or async iterable of them.

        An item is a str, a pyrs.Event, or what becomes JSON. When an async iterable has
        had nothing for `ping` seconds, a comment is sent, so that nothing on the way
        takes the connection for a dead one; 0 or None sends none, and a plain iterable
        gets none. The iterator is closed at the end, or when the client goes.
        """
        body = event_stream(iterable, ping)
        response = cls(body, 200, headers, "text/event-stream")
        response.headers.setdefault("Cache-Control", "no-store")
        # nginx would keep events back to fill a buffer
        response.headers.setdefault("X-Accel-Buffering", "no")
        return response

    @classmethod
    def file(
        cls,
        path: str | os.PathLike[str],
        *,
        status: int = 200,
        headers: Headers | None = None,
        content_type: str | None = None,
        download_name: str | None = None,
    ) -> Self:
        """A file's content, sent without passing through Python.

        The file is opened when the response is sent: 404 if there is no such file then.
        With status 200, conditional and range requests are answered from its size and
        time. The media type is that of its extension, application/octet-stream if that
        is not known. With download_name browsers save it under that name.

        Nothing keeps a path below some folder: what a client sent must not be part of
        it unchecked. ValueError or TypeError if the path or a name is none.
        """
        body = File(path)
        response = cls(body, status, headers, content_type)
        if content_type is None and "Content-Type" not in response.headers:
            response.content_type = media_type(body.path)
        if download_name is not None:
            response.headers["Content-Disposition"] = attachment(download_name)
        return response

    @property
    def headers(self) -> CIMultiDict[str]:
        """The headers; multi-valued (`add`), names in any case."""
        if self._headers is None:
            self._headers = CIMultiDict()
        return self._headers

    @headers.setter
    def headers(self, headers: Headers) -> None:
        self._headers = _checked(headers)

    def set_cookie(
        self,
        name: str,
        value: str = "",
        *,
        max_age: int | timedelta | None = None,
        expires: datetime | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str | None = "Lax",
        partitioned: bool = False,
    ) -> None:
        """Adds a Set-Cookie header (RFC 6265).

        max_age is in seconds, `expires` a datetime with a time zone; with neither the
        cookie goes when the browser does. Without a domain only this host gets it back.
        samesite is "Strict", "Lax", "None" (the text, which needs secure) or None.

        ValueError or TypeError, with the reason, for what browsers would drop: a value
        with blanks, commas, semicolons or characters outside ASCII, more than 4096
        bytes, a name that begins with __Secure- or __Host- without what that demands.
        """
        text = cookie_text(
            name,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )
        self.headers.add("Set-Cookie", text)

    def delete_cookie(
        self,
        name: str,
        *,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        samesite: str | None = "Lax",
        partitioned: bool = False,
    ) -> None:
        """Makes the browser drop a cookie that was set with this path and domain.

        A cookie whose name begins with __Secure- or __Host- is always secure.
        """
        self.set_cookie(
            name,
            max_age=0,
            expires=PAST,
            path=path,
            domain=domain,
            secure=secure or name.lower().startswith(("__secure-", "__host-")),
            samesite=samesite,
            partitioned=partitioned,
        )

    def __repr__(self) -> str:
        return f"<pyrs.Response {self.status} {type(self.body).__name__}>"


def _checked(headers: Headers) -> CIMultiDict[str]:
    result: CIMultiDict[str] = CIMultiDict(headers)
    for name, value in result.items():
        check_field(name, value)
    return result


def _location(url: str) -> str:
    """A URL as it may stand in Location (RFC 3986, 2; RFC 3987, 3.1)."""
    if not isinstance(url, str):
        raise TypeError(f"a redirect's URL is a str, not of type {type(url).__name__}")
    if not url or any(char < " " or char == "\x7f" for char in url):
        raise ValueError(
            f"a redirect's URL has no control character and is not empty: {url!r}"
        )
    parts = urlsplit(url)
    if not parts.netloc.isascii():
        user, at, place = parts.netloc.rpartition("@")
        host, colon, port = place.partition(":")
        host = host.encode("idna").decode()
        url = parts._replace(netloc=f"{user}{at}{host}{colon}{port}").geturl()
    return quote(url, safe="%/:?#[]@!$&'()*+,;=~")
