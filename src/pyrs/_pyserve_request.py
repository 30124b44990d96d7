"""`http` as PyServe had it, for the scripts that were written for it.

Where pyrs.cgi says more, or says it otherwise, such a script may count on what PyServe
said:

* GET is filled for the method GET only, and POST for POST only, but that has the
  fields of the query too, behind those of the form;
* fields of a query or a urlencoded form that have no value are left out;
* a file is its bytes. Here these have what a `pyrs.Upload` has as well: its name, say.
"""

from __future__ import annotations

import os

from pyrs._cgi_request import Head, Http
from pyrs._plain_parts import MULTIPART

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from pyrs.upload import Upload

__all__ = ["PyServeHttp"]


class Content(bytes):
    """A file's bytes, which know their file."""

    upload: Upload

    def __getattr__(self, name: str) -> Any:
        return getattr(self.upload, name)


class PyServeHttp(Http):
    """The request as PyServe told of it; the head is that of the response."""

    __slots__ = ("_get", "_post")

    def __init__(self, head: Head) -> None:
        super().__init__(head)
        self._get: dict[str, list[str]] | None = None
        self._post: dict[str, list[str | Content]] | None = None

    @property
    def GET(self) -> dict[str, list[str]]:
        if self._get is None:
            self._get = _query(super().GET) if _method() == "GET" else {}
        return self._get

    @property
    def POST(self) -> dict[str, list[str | Content]]:  # type: ignore[override]
        if self._post is None:
            is_post = _method() == "POST"
            self._post = _form(super().POST, super().GET) if is_post else {}
        return self._post


def _method() -> str:
    return os.environ.get("REQUEST_METHOD", "")


def _query(fields: dict[str, list[str]]) -> dict[str, list[str]]:
    with_values = {name: [*filter(None, values)] for name, values in fields.items()}
    return {name: values for name, values in with_values.items() if values}


def _form(
    form: dict[str, list[str | Upload]], query: dict[str, list[str]]
) -> dict[str, list[str | Content]]:
    is_multipart = MULTIPART in os.environ.get("CONTENT_TYPE", "").lower()
    post: dict[str, list[str | Content]] = {}
    for name, values in form.items():
        for value in values:
            if not isinstance(value, str):
                post.setdefault(name, []).append(_content(value))
            elif value or is_multipart:
                post.setdefault(name, []).append(value)
    for name, texts in _query(query).items():
        post.setdefault(name, []).extend(texts)
    return post


def _content(upload: Upload) -> Content:
    content = Content(upload.read())
    content.upload = upload
    return content
