"""A guest book in Flask: a page with a form, its entries kept in SQLite."""

import sqlite3
from contextlib import closing
from pathlib import Path

from flask import Flask, abort, redirect, render_template, request, url_for

TABLE = "CREATE TABLE IF NOT EXISTS entries (name TEXT NOT NULL, text TEXT NOT NULL)"


def create_app(database="guestbook.sqlite3"):
    app = Flask(__name__)
    book = Book(Path(app.root_path) / database)

    @app.get("/")
    def page():
        return render_template("guestbook.html", entries=book.entries())

    @app.post("/")
    def sign():
        name, text = request.form["name"].strip(), request.form["text"].strip()
        if not name or not text:
            abort(400, "Both a name and a text are wanted.")
        book.add(name, text)
        return redirect(url_for("page"), 303)

    @app.get("/entries")
    def entries():
        return [dict(entry) for entry in book.entries()]

    return app


class Book:
    """Opens its file for each call: a SQLite connection belongs to one thread."""

    def __init__(self, path):
        self.path = path
        with closing(self._open()) as database, database:
            database.execute(TABLE)

    def entries(self):
        with closing(self._open()) as database:
            return database.execute(
                "SELECT name, text FROM entries ORDER BY rowid DESC LIMIT 100"
            ).fetchall()

    def add(self, name, text):
        with closing(self._open()) as database, database:
            database.execute("INSERT INTO entries VALUES (?, ?)", (name, text))

    def _open(self):
        database = sqlite3.connect(self.path)
        database.row_factory = sqlite3.Row
        return database
