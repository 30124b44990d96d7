"""examples/rest_sqlite: a JSON service over a database."""

import http.client
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from .example_kit import TIMEOUT, Serving, example, follow_readme

DUNE = {"title": "Dune", "author": "Frank Herbert", "year": 1965}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    with example("rest_sqlite", tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def without_books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """For tests that add none."""
    with example("rest_sqlite", tmp_path_factory.mktemp("books")) as server:
        yield server


class Answer:
    """A response whose body, if it has one, is JSON."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        body = response.read()
        self.status = response.status
        self.headers = response.headers
        self.json: Any = json.loads(body) if body else None
        if body:
            assert response.headers["Content-Type"] == "application/json"


def ask(
    server: Serving, method: str, path: str, body: object = None, **headers: str
) -> Answer:
    """Header names with "_" for "-"."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    text = body if isinstance(body, str | None) else json.dumps(body)
    connection.request(method, path, text, fields)
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


def test_the_readme_shows_what_happens(server: Serving, tmp_path: Path) -> None:
    follow_readme("rest_sqlite", server, tmp_path)


def test_a_book_is_created_read_changed_and_deleted(server: Serving) -> None:
    created = ask(server, "POST", "/books", DUNE)
    assert created.status == 201
    path = created.headers["Location"]
    assert (
        ask(server, "GET", path).json
        == created.json
        == {
            "id": 1,
            **DUNE,
            "version": 1,
        }
    )
    changed = ask(server, "PUT", path, {**DUNE, "year": None})
    assert (changed.status, changed.json["year"]) == (200, None)
    assert ask(server, "DELETE", path).status == 204
    assert ask(server, "GET", path).status == 404
    assert ask(server, "DELETE", path).status == 404


def test_books_are_still_there_after_a_restart(tmp_path: Path) -> None:
    books = tmp_path / "books.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOOKS", str(books))
        with example("rest_sqlite", tmp_path / "first") as server:
            ask(server, "POST", "/books", DUNE)
        with example("rest_sqlite", tmp_path / "second") as server:
            assert ask(server, "GET", "/books/1").json["title"] == "Dune"


def test_pages_lead_through_all_books_whatever_is_added_meanwhile(
    server: Serving,
) -> None:
    titles = [f"Book {at:03}" for at in range(45)]
    for title in titles:
        ask(server, "POST", "/books", {"title": title, "author": "A"})
    seen: list[str] = []
    following = "/books?search=Book"
    while following:
        page = ask(server, "GET", following).json
        assert len(page["books"]) <= 20
        seen += [book["title"] for book in page["books"]]
        following = page["next"]
        if len(seen) == 20:
            ask(server, "DELETE", "/books/1")  # would shift pages that are counted
            ask(server, "POST", "/books", {"title": "Other", "author": "B"})
    assert seen == titles


@pytest.mark.parametrize(
    "search", ["100%", "a_b", "back\\slash", "'; DROP TABLE books"]
)
def test_a_search_finds_what_it_says_and_nothing_else(
    server: Serving, search: str
) -> None:
    for title in (search, "1000", "axb", "backXslash"):
        ask(server, "POST", "/books", {"title": title, "author": "A"})
    found = ask(server, "GET", f"/books?search={quote(search)}").json["books"]
    assert [book["title"] for book in found] == [search]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("{", 400, "the body is not JSON"),
        ("", 400, "the body is not JSON"),
        ("[]", 422, "Expected `object`"),
        ('{"title": "Dune"}', 422, "missing required field `author`"),
        ('{"title": "", "author": "A"}', 422, "`$.title`"),
        ('{"title": "T", "author": "A", "year": "1965"}', 422, "`$.year`"),
        ('{"title": "T", "author": "A", "pages": 1}', 422, "unknown field `pages`"),
    ],
)
def test_a_body_that_is_no_book_is_refused_with_the_reason(
    without_books: Serving, body: str, status: int, message: str
) -> None:
    answer = ask(without_books, "POST", "/books", body)
    assert answer.status == answer.json["error"]["status"] == status
    assert message in answer.json["error"]["message"]
    assert ask(without_books, "GET", "/books").json["books"] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/books/7", 404),
        ("GET", "/authors", 404),
        ("GET", "/books/seven", 404),
        ("PATCH", "/books/7", 405),
        ("GET", "/books?limit=0", 400),
        ("GET", "/books?limit=101", 400),
        ("GET", "/books?after=-1", 400),
        ("GET", "/books?after=" + "9" * 5000, 400),
        ("GET", "/books/9223372036854775807", 404),
    ],
)
def test_every_error_is_json(
    without_books: Serving, method: str, path: str, status: int
) -> None:
    answer = ask(without_books, method, path)
    assert answer.status == answer.json["error"]["status"] == status


def test_the_same_book_twice_is_a_conflict(server: Serving) -> None:
    ask(server, "POST", "/books", DUNE)
    ask(server, "POST", "/books", {**DUNE, "title": "Dune Messiah"})
    assert ask(server, "POST", "/books", DUNE).status == 409
    assert ask(server, "PUT", "/books/2", DUNE).status == 409


def test_a_change_that_would_overwrite_another_is_refused(server: Serving) -> None:
    tag = ask(server, "POST", "/books", DUNE).headers["ETag"]
    mine = ask(server, "PUT", "/books/1", {**DUNE, "year": 1}, If_Match=tag)
    theirs = ask(server, "PUT", "/books/1", {**DUNE, "year": 2}, If_Match=tag)
    assert (mine.status, theirs.status) == (200, 412)
    assert ask(server, "GET", "/books/1").json["year"] == 1


def test_a_book_that_has_not_changed_is_not_sent_again(server: Serving) -> None:
    tag = ask(server, "POST", "/books", DUNE).headers["ETag"]
    again = ask(server, "GET", "/books/1", If_None_Match=f'"0-0", {tag}')
    assert (again.status, again.json, again.headers["ETag"]) == (304, None, tag)
    ask(server, "PUT", "/books/1", {**DUNE, "year": 1})
    assert ask(server, "GET", "/books/1", If_None_Match=tag).status == 200


def test_many_clients_write_at_once_and_nothing_is_lost(server: Serving) -> None:
    statuses: list[int] = []

    def write(writer: int) -> None:
        for at in range(20):
            book = {"title": f"{writer}-{at}", "author": "A"}
            statuses.append(ask(server, "POST", "/books", book).status)

    threads = [threading.Thread(target=write, args=[at]) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [201] * 160
    assert len(ask(server, "GET", "/books?limit=100").json["books"]) == 100


def test_a_writer_that_waits_for_the_database_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program has the database locked, as a backup would."""
    path = tmp_path / "books.sqlite"
    monkeypatch.setenv("BOOKS", str(path))
    with example("rest_sqlite", tmp_path) as server:
        ask(server, "POST", "/books", DUNE)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = threading.Thread(
            target=ask, args=[server, "PUT", "/books/1", {**DUNE, "year": 1}]
        )
        waiting.start()
        for _ in range(10):
            assert ask(server, "GET", "/books/1").json["year"] == 1965
        assert waiting.is_alive()
        other.execute("COMMIT")
        other.close()
        waiting.join()
        assert ask(server, "GET", "/books/1").json["year"] == 1
