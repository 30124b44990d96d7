"""Books in SQLite: the only module that knows SQL.

A connection of sqlite3 belongs to one thread, and pyrs calls handlers on a few threads
that it keeps: so each thread opens a connection when it first needs one, and holds it.
In WAL mode readers wait for nobody, and writers only for each other.
"""

import os
import re
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path

PATH = Path(os.environ.get("BOOKS", Path(__file__).with_name("books.sqlite")))
WAIT = 5  # seconds that a writer waits for another one

SCHEMA = """
CREATE TABLE IF NOT EXISTS books (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    author TEXT NOT NULL,
    year INTEGER,
    version INTEGER NOT NULL DEFAULT 1,
    UNIQUE (title, author)
) STRICT
"""

_of_thread = threading.local()


class Exists(Exception):
    """There is a book of this title and author already."""


def page(after, count, search):
    """At most `count` books behind the one with id `after`, in the order of their ids.

    To go on from an id costs the same on every page; OFFSET would count through all the
    books before it.
    """
    pattern = "%" + re.sub(r"([\\%_])", r"\\\1", search) + "%"
    return (
        _connection()
        .execute(
            r"SELECT * FROM books WHERE id > ? AND (title LIKE ? ESCAPE '\' OR "
            r"author LIKE ? ESCAPE '\') ORDER BY id LIMIT ?",
            (after, pattern, pattern, count),
        )
        .fetchall()
    )


def find(id):
    """None if there is no such book."""
    query = "SELECT * FROM books WHERE id = ?"
    return _connection().execute(query, (id,)).fetchone()


def add(title, author, year):
    with _transaction() as connection:
        return connection.execute(
            "INSERT INTO books (title, author, year) VALUES (?, ?, ?) RETURNING *",
            (title, author, year),
        ).fetchone()


def replace(id, version, title, author, year):
    """None if the book has gone, or is of another version by now."""
    with _transaction() as connection:
        return connection.execute(
            "UPDATE books SET title = ?, author = ?, year = ?, version = version + 1 "
            "WHERE id = ? AND version = ? RETURNING *",
            (title, author, year, id, version),
        ).fetchone()


def delete(id):
    """Whether there was one."""
    with _transaction() as connection:
        return connection.execute("DELETE FROM books WHERE id = ?", (id,)).rowcount > 0


@contextmanager
def _transaction():
    """Committed at the end, rolled back if anything is raised."""
    with _connection() as connection:
        try:
            yield connection
        except sqlite3.IntegrityError as error:
            raise Exists from error


def _connection():
    connection = getattr(_of_thread, "connection", None)
    if connection is None:
        connection = sqlite3.connect(PATH, timeout=WAIT)
        connection.row_factory = lambda cursor, row: dict(
            zip((column[0] for column in cursor.description), row, strict=True)
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(SCHEMA)
        _of_thread.connection = connection
    return connection
