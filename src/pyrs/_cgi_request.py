"""What `http` of pyrs.cgi is: a script's request, and the head of its response.

Everything is read when it is first asked for, and what reads it is imported only then:
a script that just prints starts nearly as fast as Python does.
"""

from __future__ import annotations

import os
import sys

from pyrs._plain_parts import MULTIPART, URLENCODED, read_cookie_lines, read_query_pairs

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping
    from http import HTTPStatus

    from pyrs.upload import Upload
else:  # loaded already, which collections.abc is not
    from _collections_abc import MutableMapping

__all__ = ["Head", "Http"]

_CHUNK_BYTES = 64 * 1024

# RFC 9110, 5.6.2 and 5.5.
_TOKEN = frozenset(
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)
_CONTROLS = frozenset(map(chr, [*range(9), *range(10, 32), 127]))


class Head(MutableMapping[str, "str | list[str]"]):
    """The head of a response: its status, and a mapping of headers.

    Their names may be in any case; a list of texts is for a header that is sent several
    times (Set-Cookie). ValueError if a name or a value cannot be sent.
    """

    def __init__(self, content_type: str) -> None:
        self.status = 200
        self.on_content_type: Callable[[str], None] | None = None  # told of a new one
        self._fields: dict[str, tuple[str, str | list[str]]] = {}
        self["Content-Type"] = content_type

    def __getitem__(self, name: str) -> str | list[str]:
        return self._fields[name.lower()][1]

    def __setitem__(self, name: str, value: object) -> None:
        if not name or not _TOKEN.issuperset(name) or name.lower() == "status":
            raise ValueError(f"{name!r} is no name of a header")
        if isinstance(value, list):
            value = [_checked(name, each) for each in value]
        else:
            value = _checked(name, value)
            if name.lower() == "content-type" and self.on_content_type:
                self.on_content_type(value)
        self._fields[name.lower()] = name, value

    def __delitem__(self, name: str) -> None:
        del self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __bytes__(self) -> bytes:
        """RFC 3875, 6.3. A Location without a status beside it redirects the client."""
        status = self.status
        if status == 200 and "Location" in self:
            status = 302
        lines = [f"Status: {status} {_phrase(status)}"]
        for name, value in self._fields.values():
            texts = [value] if isinstance(value, str) else value
            lines.extend(f"{name}: {text}" for text in texts)
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _phrase(status: int) -> str:
    if status == 200:
        return "OK"
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _checked(name: str, value: object) -> str:
    text = str(value)
    if not _CONTROLS.isdisjoint(text):
        raise ValueError(f"header {name}: {text!r} has a control character")
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        message = f"header {name}: {text!r} has characters outside latin-1"
        raise ValueError(message) from None
    return text


class Http:
    """The request that a CGI script answers, and the head of its response.

    HEADER and STATUS are sent with the first bytes of the body: at the script's end, or
    when it has printed 64 KiB, or when it flushes its standard output.
    """

    __slots__ = ("_body", "_cookies", "_form", "_head", "_query")

    def __init__(self, head: Head) -> None:
        self._head = head
        self._query: dict[str, list[str]] | None = None
        self._form: dict[str, list[str | Upload]] | None = None
        self._cookies: dict[str, str] | None = None
        self._body: bytes | None = None

    @property
    def GET(self) -> dict[str, list[str]]:
        """The query: names to lists of values, blank ones too."""
        if self._query is None:
            self._query = {}
            for name, value in read_query_pairs(os.environ.get("QUERY_STRING", "")):
                self._query.setdefault(name, []).append(value)
        return self._query

    @property
    def POST(self) -> dict[str, list[str | Upload]]:
        """The form in the body: names to lists of values, files as `pyrs.Upload`. Empty
        if the body is no form.

        HTTPError, which answers the request if it is not caught: 400 if the form is
        malformed, 413 past the limits of `pyrs.form.FormLimits`, 415 for a charset that
        is not known.
        """
        if self._form is None:
            content_type = os.environ.get("CONTENT_TYPE", "")
            media_type = content_type.partition(";")[0].strip().lower()
            is_form = media_type in (URLENCODED, MULTIPART)
            self._form = self._read_form(content_type) if is_form else {}
        return self._form

    @property
    def COOKIE(self) -> dict[str, str]:
        """The cookies: names to values. Of several of one name the first counts."""
        if self._cookies is None:
            line = os.environb.get(b"HTTP_COOKIE", b"").decode("latin-1")
            self._cookies = read_cookie_lines([line])
        return self._cookies

    @property
    def BODY(self) -> bytes:
        """The body, whole, whatever it is.

        RuntimeError after POST, if that was a form: its bytes have gone by. The other
        way round both may be asked for.
        """
        if self._body is None:
            if self._form:
                raise RuntimeError("the form was read; ask for http.BODY before that")
            self._body = b"".join(_body_chunks())
        return self._body

    @property
    def HEADER(self) -> Head:
        """The response's headers; a Content-Type is there from the beginning."""
        return self._head

    @property
    def STATUS(self) -> HTTPStatus | int:
        """The response's status, 200 unless it is set. ValueError unless that is a
        number from 200 to 599."""
        from http import HTTPStatus

        try:
            return HTTPStatus(self._head.status)
        except ValueError:
            return self._head.status

    @STATUS.setter
    def STATUS(self, status: int) -> None:
        if not 200 <= status <= 599:
            raise ValueError(f"a status is a number from 200 to 599, not {status}")
        self._head.status = int(status)

    def _read_form(self, content_type: str) -> dict[str, list[str | Upload]]:
        from pyrs.form import read_form

        chunks = _body_chunks() if self._body is None else iter([self._body])
        form = read_form(content_type, chunks)
        return {name: form.getall(name) for name in form}


def _body_chunks() -> Iterator[bytes]:
    """RFC 3875, 4.2: the body has CONTENT_LENGTH bytes, and behind them there need be
    no end. EOFError if it has less."""
    length = int(os.environ.get("CONTENT_LENGTH") or 0)
    left = length
    while left:
        chunk = sys.stdin.buffer.read(min(left, _CHUNK_BYTES))
        if not chunk:
            raise EOFError(f"the body ended after {length - left} of {length} bytes")
        left -= len(chunk)
        yield chunk
