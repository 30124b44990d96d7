#!/usr/bin/env python3
"""A guest book: a page with a form, whose entries are kept in a file."""

import fcntl
import html
import json
import time
from pathlib import Path

from pyrs.cgi import http

BOOK = Path("guestbook.jsonl")
ENTRIES_SHOWN = 50


def sign() -> None:
    """Adds what the form has brought."""
    (name,) = http.POST.get("name") or [""]
    (text,) = http.POST.get("text") or [""]
    entry = {
        "name": name.strip()[:80],
        "text": text.strip()[:2000],
        "time": time.time(),
    }
    if not entry["name"] or not entry["text"]:
        http.STATUS = 422
        print("<p>A name and a text are wanted.</p>")
        return
    with BOOK.open("a") as book:
        fcntl.flock(book, fcntl.LOCK_EX)  # several may sign at once, each in a process
        print(json.dumps(entry), file=book)
    http.HEADER["Set-Cookie"] = "signed=1; Max-Age=86400; HttpOnly; SameSite=Lax"
    http.HEADER["Location"] = "guestbook.py"
    http.STATUS = 303  # so that a reload does not sign again


def show() -> None:
    """The page."""
    print("<!doctype html><html lang=en><meta charset=utf-8>")
    print(
        "<meta name=viewport content='width=device-width'><link rel=icon href='data:,'>"
    )
    print("<title>Guest book</title>")
    print("<h1>Guest book</h1>")
    lines = BOOK.read_text().splitlines() if BOOK.exists() else []
    for line in reversed(lines[-ENTRIES_SHOWN:]):
        entry = json.loads(line)
        when = time.strftime("%d %B %Y, %H:%M", time.localtime(entry["time"]))
        name, text = html.escape(entry["name"]), html.escape(entry["text"])
        print(f"<article><p>{text}</p><p><small>{name}, {when}</small></article>")
    if http.COOKIE.get("signed"):
        print("<p>Thank you for signing.</p>")
    print(
        "<form method=post><p><input name=name required maxlength=80 placeholder=Name>"
    )
    print("<p><textarea name=text required maxlength=2000></textarea>")
    print("<p><button>Sign</button></form>")


if http.POST:
    sign()
else:
    show()
