"""A JSON service for books: what each method of each path does.

The handlers are plain functions that call SQLite and wait for it. That is fine here:
see the README.
"""

import re
from typing import Annotated
from urllib.parse import urlencode

import msgspec
import pyrs

import store

PAGE = 20  # books, unless ?limit= says otherwise
PAGE_MAX = 100

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Book(msgspec.Struct, forbid_unknown_fields=True):
    """What a client sends; request.json(Book) answers 422 for anything else."""

    title: Text
    author: Text
    year: Annotated[int, msgspec.Meta(ge=-3000, le=3000)] | None = None


def index(request):
    limit = number(request, "limit", PAGE, 1, PAGE_MAX)
    after = number(request, "after", 0, 0, 2**63 - 1)
    search = request.query.get("search", "")
    books = store.page(after, limit + 1, search)  # one more: is there another page?
    books, more = books[:limit], books[limit:]
    following = None
    if more:
        query = {"limit": limit, "after": books[-1]["id"], "search": search}
        following = "/books?" + urlencode(query)
    return {"books": books, "next": following}


def create(request):
    book = request.json(Book)
    try:
        row = store.add(book.title, book.author, book.year)
    except store.Exists:
        raise pyrs.HTTPError(409, "there is such a book already") from None
    return answer(row, 201, {"Location": f"/books/{row['id']}"})


def show(request):
    row = find(request)
    known = {text.removeprefix("W/") for text in tags(request, "If-None-Match")}
    if known & {tag(row), "*"}:
        return pyrs.Response(None, 304, {"ETag": tag(row)})
    return answer(row)


def replace(request):
    """With If-Match only if nobody has changed the book since the client read it."""
    book = request.json(Book)
    row = find(request)
    wanted = tags(request, "If-Match")
    changed = pyrs.HTTPError(412, "the book was changed meanwhile: read it again")
    if wanted and not wanted & {tag(row), "*"}:
        raise changed
    try:
        row = store.replace(
            row["id"], row["version"], book.title, book.author, book.year
        )
    except store.Exists:
        raise pyrs.HTTPError(409, "there is such a book already") from None
    if row is None:  # between `find` and `replace`
        raise changed
    return answer(row)


def delete(request):
    if not store.delete(request.params["id"]):
        raise pyrs.HTTPError(404, f"no book {request.params['id']}")
    # None: 204


def find(request):
    row = store.find(request.params["id"])
    if row is None:
        raise pyrs.HTTPError(404, f"no book {request.params['id']}")
    return row


def answer(row, status=200, headers=None):
    return row, status, {"ETag": tag(row), **(headers or {})}


def tag(row):
    return f'"{row["id"]}-{row["version"]}"'


def tags(request, name):
    """The entity tags of a header: If-None-Match: "1-1", "1-2"."""
    return {text.strip() for text in request.headers.get(name, "").split(",")} - {""}


def number(request, name, default, least, most):
    text = request.query.get(name, str(default))
    if re.fullmatch("[0-9]{1,19}", text) and least <= int(text) <= most:
        return int(text)
    raise pyrs.HTTPError(400, f"{name} is a number from {least} to {most}")
